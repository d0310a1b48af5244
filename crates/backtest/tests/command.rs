//! The command without data.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn without_data_it_says_so_loudly_and_ends_with_two() {
    let empty = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_plimsoll-backtest")).env("PLIMSOLL_DATA", empty.path()).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("NO DATA") && said.contains("btc_eur_1h_bitvavo") && said.contains("PLIMSOLL_DATA"), "{said}");
    assert!(run.stdout.is_empty());
}

#[test]
fn damaged_data_and_unknown_options_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_plimsoll-backtest")).arg("--jsno").env("PLIMSOLL_DATA", folder.path()).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8(run.stderr).unwrap().contains("unknown option --jsno"));
    std::fs::create_dir(folder.path().join("prices")).unwrap();
    for origin in plimsoll_backtest::data::ORIGINS {
        std::fs::write(folder.path().join("prices").join(origin.file), "not gzip").unwrap();
    }
    let run = Command::new(env!("CARGO_BIN_EXE_plimsoll-backtest")).env("PLIMSOLL_DATA", folder.path()).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8(run.stderr).unwrap().contains("cannot use btc_eur_1h_bitvavo"));
}
