//! Deploys and initialises the clearing house: see [`plimsoll_migrations::command::HELP`].

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("{}", plimsoll_migrations::command::execute(&arguments)?);
    Ok(())
}
