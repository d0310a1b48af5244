//! Work is skipped when nothing it depends on has changed: a stamp beside the result holds the hash of the inputs.
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All files under a path, or the path itself if it is one, sorted; build output is left out.
pub(crate) fn files_under(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = vec![];
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry?.path();
        if entry.file_name().is_none_or(|name| name != "target") {
            files.extend(files_under(&entry)?);
        }
    }
    files.sort();
    Ok(files)
}

/// Hash of names and contents of everything under `inputs`, relative to `root`, and of the `extra` words.
pub(crate) fn of(root: &Path, inputs: &[&str], extra: &[&str]) -> Result<String> {
    let mut hasher = Sha256::new();
    // Lengths go in before contents, so that no two sets of files read the same.
    let mut add = |bytes: &[u8]| {
        hasher.update(bytes.len().to_le_bytes());
        hasher.update(bytes);
    };
    extra.iter().for_each(|word| add(word.as_bytes()));
    for input in inputs {
        for file in files_under(&root.join(input))? {
            add(file.strip_prefix(root).unwrap_or(&file).to_string_lossy().as_bytes());
            add(&fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The stamp of a result.
fn path_for(result: &Path) -> PathBuf {
    let mut name = result.as_os_str().to_owned();
    name.push(".stamp");
    name.into()
}

/// Whether the result is there and was made, as it is, from inputs of this hash.
pub(crate) fn is_current(result: &Path, inputs: &str) -> bool {
    let Ok(bytes) = fs::read(result) else { return false };
    fs::read_to_string(path_for(result)).is_ok_and(|stamp| stamp == text(inputs, &bytes))
}

/// Remembers what the result was made from.
pub(crate) fn write(result: &Path, inputs: &str) -> Result<()> {
    let bytes = fs::read(result).with_context(|| format!("cannot read {}", result.display()))?;
    fs::write(path_for(result), text(inputs, &bytes)).with_context(|| format!("cannot write the stamp of {}", result.display()))
}

fn text(inputs: &str, result: &[u8]) -> String {
    format!("{inputs} {}\n", sha256(result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A directory of its own for each test, with the given files.
    fn directory(files: &[(&str, &str)]) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = std::env::temp_dir().join(format!("xtask-stamp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        for (name, content) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    #[test]
    fn known_digest() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn names_contents_and_words_count_build_output_does_not() {
        let base = directory(&[("a/x.rs", "1"), ("a/y.rs", "2")]);
        let hash = of(&base, &["a"], &["v1"]).unwrap();
        let same = directory(&[("a/y.rs", "2"), ("a/x.rs", "1"), ("a/target/z", "3"), ("b/z.rs", "4")]);
        assert_eq!(of(&same, &["a"], &["v1"]).unwrap(), hash);
        for other in [&[("a/x.rs", "1"), ("a/y.rs", "3")], &[("a/x.rs", "1"), ("a/z.rs", "2")], &[("a/x.rs", "12"), ("a/y.rs", "")]] {
            assert_ne!(of(&directory(other), &["a"], &["v1"]).unwrap(), hash);
        }
        assert_ne!(of(&base, &["a"], &["v2"]).unwrap(), hash);
        assert!(of(&base, &["missing"], &[]).is_err());
    }

    #[test]
    fn a_result_is_current_until_it_or_its_inputs_change() {
        let dir = directory(&[("p.so", "bytes")]);
        let result = dir.join("p.so");
        assert!(!is_current(&result, "h1"), "no stamp yet");
        write(&result, "h1").unwrap();
        assert!(is_current(&result, "h1"));
        assert!(!is_current(&result, "h2"));
        fs::write(&result, "other").unwrap();
        assert!(!is_current(&result, "h1"), "somebody else wrote the result");
        fs::remove_file(&result).unwrap();
        assert!(!is_current(&result, "h1"));
    }
}
