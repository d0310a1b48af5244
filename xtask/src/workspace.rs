//! Where things are in the workspace.
use std::{
    env,
    path::{Path, PathBuf},
};

/// The workspace's root: of the checkout that cargo runs this for, whichever it was compiled in.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Compiled programs, as every test and tool looks for them, whatever cargo's own target directory is.
pub(crate) fn deploy_dir() -> PathBuf {
    root().join("target/deploy")
}

/// A target directory of our own beside cargo's: `cfg` values and flags differ per use, and must not disturb host builds.
pub(crate) fn target_dir(name: &str) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir)).join(name)
}

/// The cargo that runs this program: the real one of its toolchain.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
