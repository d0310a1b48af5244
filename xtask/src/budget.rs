//! The size budget: files, functions and instruction handlers stay short enough to be read in one go.
use crate::stamp::files_under;
use anyhow::{bail, Context, Result};
use std::{fs, ops::Range, path::Path};

/// Where the budget holds.
const DIRECTORIES: [&str; 6] = ["programs", "crates", "sdk", "migrations", "xtask", "tools"];
/// Lines of any source file.
const FILE_LINES: usize = 600;
/// Lines of a file of the program that holds an instruction.
const INSTRUCTION_FILE_LINES: usize = 250;
/// Lines of a function outside tests.
const FUNCTION_LINES: usize = 80;
/// Lines of an instruction's handler.
const HANDLER_LINES: usize = 60;

/// Checks every Rust source under the workspace's root; all that is over is named in one error.
pub(crate) fn check(root: &Path) -> Result<()> {
    let (mut over, mut files) = (vec![], 0);
    for directory in DIRECTORIES {
        for path in files_under(&root.join(directory))?.iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
            let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            files += 1;
            over.extend(excesses(&name, &text));
        }
    }
    if !over.is_empty() {
        bail!("over the size budget:\n  {}", over.join("\n  "));
    }
    println!("size budget: {files} files within it");
    Ok(())
}

/// What in one file is over the budget.
fn excesses(name: &str, text: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_instruction = parts.first() == Some(&"programs") && parts.contains(&"instructions");
    let is_test = parts.iter().any(|part| ["tests", "benches", "tests.rs"].contains(part));
    let (lines, limit) = (text.lines().count(), if is_instruction { INSTRUCTION_FILE_LINES } else { FILE_LINES });
    let mut over = vec![];
    if lines > limit {
        over.push(format!("{name}: {lines} lines, at most {limit}"));
    }
    if is_test {
        return over;
    }
    for function in functions(text) {
        let limit = if is_instruction && function.name == "handler" { HANDLER_LINES } else { FUNCTION_LINES };
        if function.lines > limit {
            over.push(format!("{name}:{}: fn {} has {} lines, at most {limit}", function.at, function.name, function.lines));
        }
    }
    over
}

/// A function with a body, outside test modules.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// Line it starts on, from one.
    at: usize,
    /// Lines from its signature to its closing brace.
    lines: usize,
}

fn functions(text: &str) -> Vec<Function> {
    let code = code_only(text);
    let tests = test_items(&code);
    let mut found = vec![];
    for start in words(&code, b"fn") {
        if tests.iter().any(|range| range.contains(&start)) {
            continue;
        }
        let name: String =
            code[start + 2..].iter().map(|b| char::from(*b)).skip_while(|c| c.is_whitespace()).take_while(|c| is_word(*c)).collect();
        // A function pointer type has no name.
        let Some(body) = (!name.is_empty()).then(|| body(&code, start)).flatten() else { continue };
        let line_of = |at: usize| code[..at].iter().filter(|b| **b == b'\n').count() + 1;
        found.push(Function { name, at: line_of(start), lines: line_of(body.end) - line_of(start) + 1 });
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Positions at which a whole word stands.
fn words<'a>(code: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let boundary = |at: Option<usize>| at.and_then(|at| code.get(at)).is_none_or(|b| !is_word(char::from(*b)));
    (0..code.len()).filter(move |&at| code[at..].starts_with(word) && boundary(at.checked_sub(1)) && boundary(Some(at + word.len())))
}

/// The braces after `from` at its own level, both included; nothing if a semicolon ends the item first.
fn body(code: &[u8], from: usize) -> Option<Range<usize>> {
    let (mut depth, mut open) = (0usize, None);
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' => {
                open = open.or((depth == 0).then_some(at));
                depth += 1;
            }
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && open.is_some() {
                    return open.map(|start| start..at);
                }
            }
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// What `#[cfg(test)]` and `#[test]` stand before.
fn test_items(code: &[u8]) -> Vec<Range<usize>> {
    let attributes: [&[u8]; 2] = [b"#[cfg(test)]", b"#[test]"];
    let starts = (0..code.len()).filter_map(|at| attributes.iter().find(|a| code[at..].starts_with(a)).map(|a| at + a.len()));
    starts.filter_map(|start| body(code, start).map(|range| start..range.end)).collect()
}

/// The text with comments, strings and character literals blanked, so that their braces and words do not count.
fn code_only(text: &str) -> Vec<u8> {
    let source = text.as_bytes();
    let mut code = source.to_vec();
    let mut at = 0;
    while at < source.len() {
        let end = blank_end(source, at);
        if end > at {
            code[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
            at = end;
        } else {
            at += 1;
        }
    }
    code
}

/// End of the comment, string or character literal that starts here; `at` itself if none does.
fn blank_end(source: &[u8], at: usize) -> usize {
    let rest = &source[at..];
    let find = |from: usize, what: &[u8]| (from..rest.len()).find(|&i| rest[i..].starts_with(what)).map_or(rest.len(), |i| i + what.len());
    let length = match rest {
        [b'/', b'/', ..] => find(2, b"\n") - usize::from(rest.contains(&b'\n')),
        [b'/', b'*', ..] => block_comment(rest),
        [b'r', b'"' | b'#', ..] if at == 0 || !is_word(char::from(source[at - 1])) || matches!(source[at - 1], b'b' | b'c') => {
            raw_string(rest)
        }
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        // A lifetime has no second quote where a character literal has it; wider characters take up to four bytes.
        [b'\'', first, ..] => {
            let width = char_width(*first);
            if rest.get(1 + width) == Some(&b'\'') {
                width + 2
            } else {
                0
            }
        }
        _ => 0,
    };
    at + length.min(rest.len())
}

fn char_width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

/// Length of a literal with escapes, quotes included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Length of a raw string; zero for a raw identifier.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let closing = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let from = 2 + hashes;
    (from..rest.len()).find(|&i| rest[i..].starts_with(&closing)).map_or(rest.len(), |i| i + closing.len())
}

/// Length of a block comment, which may hold others.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(String, usize, usize)> {
        functions(text).into_iter().map(|f| (f.name, f.at, f.lines)).collect()
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "struct S;\nimpl S {\n    fn one() {}\n    pub fn two(\n        a: [u8; 3],\n    ) -> u8 {\n        if a { 1 } else { 2 }\n    }\n}\n";
        assert_eq!(named(text), [("one".to_string(), 3, 1), ("two".to_string(), 4, 5)]);
    }

    #[test]
    fn declarations_pointers_and_lookalikes_are_no_functions() {
        assert_eq!(named("trait T { fn declared(&self) -> [u8; 2]; }\ntype F = fn(u8) -> u8;\nlet fnord = 1; let x_fn = 2;"), []);
    }

    #[test]
    fn braces_in_text_do_not_count() {
        let text = "fn f<'a>(x: &'a str) {\n // }\n /* } /* } */ } */\n \"}\\\"}\"; r#\"}\"}\"#; b'}'; '}'; '\\''; '→'; 'a: loop { break 'a; }\n}\nfn g() {}\n";
        assert_eq!(named(text), [("f".to_string(), 1, 5), ("g".to_string(), 6, 1)]);
    }

    #[test]
    fn tests_are_left_out() {
        let text = "fn kept() {}\n#[cfg(test)]\nmod tests {\n    fn left_out() {}\n}\n#[test]\nfn also() {}\nfn last() {}\n";
        assert_eq!(named(text).into_iter().map(|f| f.0).collect::<Vec<_>>(), ["kept", "last"]);
    }

    #[test]
    fn each_limit_is_exact() {
        let function = |name: &str, lines: usize| format!("fn {name}() {{\n{}}}\n", "x;\n".repeat(lines - 2));
        let instruction = "programs/p/src/instructions/a/b.rs";
        for (file, name, limit) in [("crates/r/src/a.rs", "f", 80), (instruction, "validate", 80), (instruction, "handler", 60)] {
            assert_eq!(excesses(file, &function(name, limit)), Vec::<String>::new());
            assert_eq!(
                excesses(file, &function(name, limit + 1)),
                [format!("{file}:1: fn {name} has {} lines, at most {limit}", limit + 1)]
            );
        }
        for (file, limit) in [("xtask/src/a.rs", 600), (instruction, 250), ("crates/r/tests/a.rs", 600)] {
            assert_eq!(excesses(file, &"x;\n".repeat(limit)), Vec::<String>::new());
            assert_eq!(excesses(file, &"x;\n".repeat(limit + 1)).len(), 1);
        }
        assert_eq!(excesses("crates/r/tests/a.rs", &function("f", 100)), Vec::<String>::new());
    }
}
