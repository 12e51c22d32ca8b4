//! Rules about what stands in a file: leftovers, machine paths, and the opening of Rust modules.
//!
//! The words searched for are put together here from halves, so that this file passes itself.

use super::Finding;
use super::files::extension;

/// A word that must not be committed, the files it is looked for in, and why.
struct Leftover {
    needle: &'static str,
    extensions: &'static [&'static str],
    reason: &'static str,
}

/// Files of prose and code. JSON and vectors are left out: base64 may spell anything.
const WRITTEN: &[&str] = &[
    "", "css", "html", "js", "md", "mjs", "py", "rs", "sh", "sol", "sql", "toml", "ts", "tsx",
    "yaml", "yml",
];
const RUST: &[&str] = &["rs"];
const SCRIPT: &[&str] = &["js", "mjs", "ts", "tsx"];

const LEFTOVERS: [Leftover; 7] = [
    Leftover {
        needle: concat!("TO", "DO"),
        extensions: WRITTEN,
        reason: "finish it or open an issue",
    },
    Leftover {
        needle: concat!("FIX", "ME"),
        extensions: WRITTEN,
        reason: "fix it or open an issue",
    },
    Leftover {
        needle: concat!("dbg", "!("),
        extensions: RUST,
        reason: "debugging output",
    },
    Leftover {
        needle: concat!("unimple", "mented!"),
        extensions: RUST,
        reason: "a part is missing",
    },
    Leftover {
        needle: concat!("to", "do!("),
        extensions: RUST,
        reason: "a part is missing",
    },
    Leftover {
        needle: concat!("console", ".log"),
        extensions: SCRIPT,
        reason: "debugging output",
    },
    Leftover {
        needle: concat!("debug", "ger;"),
        extensions: SCRIPT,
        reason: "a breakpoint",
    },
];

/// Lines that a merge leaves behind; they stand at the start of a line.
const MERGE_MARKERS: [&str; 3] = [
    concat!("<<<<", "<<< "),
    concat!(">>>>", ">>> "),
    concat!("||||", "||| "),
];

/// Starts of paths that exist on one machine only, and whether a name must follow.
const MACHINE_PATHS: [(&str, bool); 4] = [
    (concat!("/ro", "ot/"), false),
    (concat!("/wo", "rk/"), false),
    (concat!("/ho", "me/"), true),
    (concat!("/Us", "ers/"), true),
];

/// Checks one text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let extension = extension(path);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        for leftover in LEFTOVERS
            .iter()
            .filter(|rule| rule.extensions.contains(&extension))
        {
            if contains_word(line, leftover.needle) {
                let reason = format!("`{}` left behind: {}", leftover.needle, leftover.reason);
                findings.push(Finding::new(path, number, reason));
            }
        }
        if MERGE_MARKERS.iter().any(|marker| line.starts_with(marker)) {
            findings.push(Finding::new(path, number, "merge marker"));
        }
        if let Some(found) = machine_path(line) {
            let reason = format!("`{found}` exists on one machine only");
            findings.push(Finding::new(path, number, reason));
        }
    }
    if extension == "rs" {
        findings.extend(check_opening(path, text));
    }
    findings
}

/// True when `line` holds `needle` as a word of its own.
fn contains_word(line: &str, needle: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let open_ended = !inner(needle.chars().next_back());
    line.match_indices(needle).any(|(start, found)| {
        let before = line[..start].chars().next_back();
        let after = line[start + found.len()..].chars().next();
        !inner(before) && (open_ended || !inner(after))
    })
}

/// The first machine path of a line. A slash inside a longer path or an address does not count.
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE_PATHS.iter().find_map(|(start, needs_name)| {
        let hit = line.match_indices(start).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + start.len()..].chars().next();
            let joined = before.is_some_and(|c| c.is_alphanumeric() || "_-.}>*$".contains(c));
            !joined && (!needs_name || after.is_some_and(char::is_alphanumeric))
        });
        hit.then_some(*start)
    })
}

/// A Rust module opens with what it is, why, and what it refuses to do.
fn check_opening(path: &str, text: &str) -> Option<Finding> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let opened = first.is_some_and(|line| line.starts_with("//!"));
    (!opened).then(|| Finding::new(path, 1, "open the module with `//!`: what it is and why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<(usize, String)> {
        check(path, text)
            .into_iter()
            .map(|finding| (finding.line, finding.reason))
            .collect()
    }

    #[test]
    fn each_leftover_is_found_where_it_matters() {
        for leftover in &LEFTOVERS {
            for extension in leftover.extensions {
                let path = if extension.is_empty() {
                    "Makefile".to_owned()
                } else {
                    format!("a.{extension}")
                };
                let text = format!("//! A module.\n\nx {}\n", leftover.needle);
                let found = faults(&path, &text);
                assert_eq!(found.len(), 1, "{path}: {}", leftover.needle);
                assert_eq!(found[0].0, 3);
            }
            assert!(faults("a.json", leftover.needle).is_empty());
        }
    }

    #[test]
    fn parts_of_longer_words_pass() {
        let text = format!(
            "//! {0}S x{0} my_{1}('a')\n",
            LEFTOVERS[0].needle, LEFTOVERS[2].needle
        );
        assert_eq!(faults("a.rs", &text), []);
    }

    #[test]
    fn merge_markers_are_found_at_the_start_of_a_line() {
        for marker in MERGE_MARKERS {
            assert_eq!(
                faults("a.json", &format!("{{\n{marker}main\n")).len(),
                1,
                "{marker}"
            );
            assert!(faults("a.json", &format!(" {marker}")).is_empty());
        }
    }

    #[test]
    fn machine_paths_are_found_in_any_text() {
        for (start, _) in MACHINE_PATHS {
            for line in [
                format!("see {start}anna/x"),
                format!("\"{start}x\""),
                format!("{start}x"),
            ] {
                assert_eq!(faults("a.json", &line).len(), 1, "{line}");
            }
            for line in [
                format!("https://host{start}x"),
                format!("tests{start}x"),
                format!("../shared{start}x"),
            ] {
                assert!(faults("a.json", &line).is_empty(), "{line}");
            }
        }
        let route = format!("\"{}{{subject}}\"", MACHINE_PATHS[2].0);
        assert!(
            faults("a.json", &route).is_empty(),
            "a route is no machine path"
        );
    }

    #[test]
    fn rust_modules_open_with_their_document() {
        assert!(faults("a.rs", "//! A module.\n").is_empty());
        assert!(faults("a.rs", "\n//! A module.\n").is_empty());
        for text in [
            "",
            "use std::fmt;\n",
            "// A comment.\n//! Late.\n",
            "/// Item.\n",
        ] {
            assert_eq!(faults("a.rs", text).len(), 1, "{text:?}");
        }
        assert!(faults("a.sol", "contract A {}\n").is_empty());
    }
}
