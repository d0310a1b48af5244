//! `cargo xtask cu`: compute units of whole instructions on the compiled program, written to `docs/compute-units.md`.

use anyhow::{bail, Context, Result};
use plimsoll_replay::{cu, world};
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wants_json = match arguments.as_slice() {
        [] => false,
        [flag] if flag == "--json" => true,
        other => bail!("unknown arguments: {}; only --json is known here", other.join(" ")),
    };
    let readings = cu::measure()?;
    let compiler = world::compiler();
    let page = cu::markdown(&readings, &compiler);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compute-units.md");
    std::fs::write(&path, &page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{page}");
    if wants_json {
        println!("{}", cu::json(&readings, &compiler)?);
    }
    Ok(())
}
