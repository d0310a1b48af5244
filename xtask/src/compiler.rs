//! The compilers that make on-chain bytecode, and how each is called.
use crate::{
    artifact::SBF_CHECK,
    process::{self, TOOLCHAIN_VARIABLES},
    workspace,
};
use anyhow::{bail, Context, Result};
use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Version of the LLVM that Debian's compiler and our linker share.
const LLVM_CONFIG: &str = "llvm-config-22";
/// The target description, beside the linker's sources.
const TARGET_SPEC: &str = "tools/sbf-link/sbf-solana.json";

/// A compiler for on-chain programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// The platform tools: `cargo build-sbf`, as installed.
    Platform {
        /// What it says of itself, on one line.
        version: String,
    },
    /// Debian's rustc and LLVM with our own linker.
    Registry {
        /// Path of Debian's rustc, which alone has the matching library source.
        rustc: PathBuf,
        /// Path of Debian's cargo.
        cargo: PathBuf,
        /// What that rustc says of itself.
        version: String,
    },
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform { version } => write!(f, "platform tools ({version})"),
            Self::Registry { version, .. } => write!(f, "registry-only: {version}, sbf-link {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// The platform tools, if they are installed: the command, and a toolchain it need not fetch.
pub(crate) fn platform() -> Option<Compiler> {
    let version = process::output("cargo-build-sbf", &["--version"])?;
    let installed = env::var_os("HOME").is_some_and(|home| {
        let cache = Path::new(&home).join(".cache/solana");
        fs::read_dir(cache).is_ok_and(|entries| entries.flatten().any(|e| e.path().join("platform-tools/rust/bin/rustc").exists()))
    });
    installed.then(|| Compiler::Platform { version: version.lines().collect::<Vec<_>>().join(", ") })
}

/// Debian's compiler, if its packages are installed.
pub(crate) fn registry() -> Option<Compiler> {
    let (rustc, cargo) = (packaged("rustc-web", "/bin/rustc")?, packaged("cargo-web", "/bin/cargo")?);
    let version = process::output(&rustc, &["-V"])?;
    process::output(LLVM_CONFIG, &["--version"])?;
    Some(Compiler::Registry { rustc, cargo, version })
}

/// The file of an installed Debian package whose path ends so.
fn packaged(package: &str, ending: &str) -> Option<PathBuf> {
    process::output("dpkg-query", &["-L", package])?.lines().find(|file| file.ends_with(ending)).map(PathBuf::from)
}

impl Compiler {
    /// Compiles the workspace's package to a program in the deploy directory. `library` is the file name without `lib` and extension.
    pub(crate) fn compile(&self, package: &str, manifest: &str, library: &str) -> Result<()> {
        let program = workspace::deploy_dir().join(format!("{library}.so"));
        fs::create_dir_all(workspace::deploy_dir())?;
        let made = match self {
            Self::Platform { .. } => {
                let out = workspace::target_dir("sbf-platform/out");
                process::run(&mut platform_command(manifest, &out))?;
                out.join(format!("{library}.so"))
            }
            Self::Registry { rustc, cargo, .. } => {
                let linker = build_linker()?;
                let out = workspace::target_dir("sbf").join("sbf-solana/release");
                // Cargo does not notice that the linker has changed: without its output it has to link again.
                let file = format!("lib{library}.so");
                remove_if_there(&out.join("deps").join(&file))?;
                process::run(&mut registry_command(rustc, cargo, &linker, package))?;
                out.join(file)
            }
        };
        if !fs::read(&made).with_context(|| format!("no program at {}", made.display()))?.starts_with(b"\x7fELF") {
            bail!("{} is no program: does the package define an entrypoint?", made.display());
        }
        fs::copy(&made, &program).with_context(|| format!("cannot write {}", program.display()))?;
        Ok(())
    }
}

/// Compiles a function whose stack frame is too large and makes sure that the error names it. Other linkers have words of their own.
pub(crate) fn check_frame_error(compiler: &Compiler) -> Result<()> {
    let Compiler::Registry { rustc, cargo, .. } = compiler else { return Ok(()) };
    let mut command = registry_command(rustc, cargo, &build_linker()?, SBF_CHECK.package);
    let out = command.args(["--features", "large-frame"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&out.stderr);
    let named = "large_frame::needs_too_much_stack: its stack frame has 6";
    if out.status.success() || !text.contains(named) {
        bail!("a frame of 6,000 bytes was not refused by name:\n{text}");
    }
    println!("a stack frame too large is refused, and named");
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// `cargo build-sbf` with what is installed: it must neither fetch a toolchain nor link one into rustup.
fn platform_command(manifest: &str, out: &Path) -> Command {
    let mut command = Command::new("cargo-build-sbf");
    command.current_dir(workspace::root()).args([
        "--skip-tools-install",
        "--no-rustup-override",
        "--manifest-path",
        manifest,
        "--sbf-out-dir",
    ]);
    command.arg(out).args(["--", "--locked", "--ignore-rust-version", "--target-dir"]).arg(workspace::target_dir("sbf-platform"));
    for variable in TOOLCHAIN_VARIABLES {
        command.env_remove(variable);
    }
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Builds the linker rustc calls, and returns its path.
fn build_linker() -> Result<PathBuf> {
    process::run(linker_command("build")?.arg("--quiet"))?;
    Ok(workspace::target_dir("sbf-link").join("release/sbf-link"))
}

/// Cargo on the linker's own workspace, told where LLVM is.
pub(crate) fn linker_command(subcommand: &str) -> Result<Command> {
    let llvm = process::output(LLVM_CONFIG, &["--prefix"]).with_context(|| format!("{LLVM_CONFIG} is not installed: cargo xtask setup"))?;
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args([subcommand, "--release", "--locked", "--manifest-path", "tools/sbf-link/Cargo.toml"]);
    command.arg("--target-dir").arg(workspace::target_dir("sbf-link")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("LLVM_SYS_221_PREFIX", &llvm).env("RUSTFLAGS", format!("-L{llvm}/lib"));
    Ok(command)
}

/// Debian's cargo and rustc, with the standard library built from source for the target.
///
/// `target_os = "solana"` makes every crate take its on-chain path; the target's own `os` is one that std builds for. `target_arch = "csky"`
/// only answers std's question for the allocator's minimal alignment. Lints are the host build's business.
fn registry_command(rustc: &Path, cargo: &Path, linker: &Path, package: &str) -> Command {
    let flags = [
        format!("-Clinker={}", linker.display()),
        "--cfg=sbf_link".to_string(),
        "--cfg=target_os=\"solana\"".to_string(),
        "--cfg=target_arch=\"csky\"".to_string(),
        "-Aexplicit_builtin_cfgs_in_flags".to_string(),
        "--cap-lints=allow".to_string(),
    ];
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).args(["build", "--release", "--locked", "--lib", "--package", package, "--target", TARGET_SPEC]);
    command.args(["-Zjson-target-spec", "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=", "--target-dir"]);
    command.arg(workspace::target_dir("sbf"));
    for variable in TOOLCHAIN_VARIABLES {
        command.env_remove(variable);
    }
    command.env("RUSTC", rustc).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC_BOOTSTRAP_SYNTHETIC_TARGET", "1").env("RUSTUP_AUTO_INSTALL", "0");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_compiler_sees_the_callers_toolchain() {
        let registry = registry_command(Path::new("/d/rustc"), Path::new("/d/cargo"), Path::new("/l"), "p");
        let platform = platform_command("m", Path::new("/o"));
        for command in [&registry, &platform] {
            let value = |name: &str| command.get_envs().find(|(key, _)| *key == name).map(|(_, value)| value.map(|v| v.to_owned()));
            assert_eq!(value("RUSTUP_TOOLCHAIN"), Some(None), "removed");
            assert_eq!(value("RUSTUP_AUTO_INSTALL"), Some(Some("0".into())));
            assert!(process::line(command).contains("--locked"), "the lock file is read only");
        }
        assert!(process::line(&platform).contains("--skip-tools-install --no-rustup-override"));
    }
}
