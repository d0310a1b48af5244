//! Tells xtask which target it was built for: builds with flags of their own must name one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(target) = std::env::var_os("TARGET") {
        println!("cargo::rustc-env=XTASK_TARGET={}", target.to_string_lossy());
    }
}
