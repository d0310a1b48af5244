//! `docs/errors.md` lists the errors of the interface description. With PLIMSOLL_WRITE=1 the list is written instead of compared.

use std::{env, fs, path::Path};

const HEAD: &str = "| number | name | message |\n| --- | --- | --- |\n";

/// The table: number on chain, name, message.
fn table(idl: &str) -> String {
    let idl: serde_json::Value = serde_json::from_str(idl).expect("the interface description is not JSON");
    let errors = idl["errors"].as_array().expect("the interface description has no errors");
    let text = |error: &serde_json::Value, key: &str| error[key].as_str().unwrap_or_default().replace('|', "\\|");
    errors.iter().map(|error| format!("| {} | `{}` | {} |\n", error["code"], text(error, "name"), text(error, "msg"))).collect()
}

#[test]
fn the_documented_errors_are_those_of_the_interface() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let table = table(&read("idl/plimsoll.json"));
    let document = read("docs/errors.md");
    let (before, rest) = document.split_once(HEAD).expect("docs/errors.md has no table");
    let written: String = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
    if env::var_os("PLIMSOLL_WRITE").is_some() {
        let after = &rest[written.len()..];
        fs::write(root.join("docs/errors.md"), format!("{before}{HEAD}{table}{after}")).expect("docs/errors.md cannot be written");
    } else {
        assert_eq!(written, table, "run with PLIMSOLL_WRITE=1 to write docs/errors.md");
    }
}
