//! Set-up, build, test and demo commands.
fn main() {}
