//! Rules about files: their names, sizes and kinds. What stands in them is for `text`.

use std::collections::BTreeMap;

use super::allow::Allowed;
use super::{Finding, text};

/// From here on a source file needs an entry in the allow file.
const LONG_LINES: usize = 400;
/// From here on a source file is refused.
const MAX_LINES: usize = 800;
/// Largest file committed: larger data is generated or fetched, not stored in git.
const MAX_FILE_BYTES: usize = 1 << 20;

/// Extensions of files written by hand, which length and name rules apply to.
const SOURCE: [&str; 10] = [
    "rs", "sol", "sql", "js", "mjs", "ts", "tsx", "css", "sh", "py",
];

/// Names that say nothing about what is inside.
const VAGUE: [&str; 7] = [
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// What one file gave.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// Whether the file is long enough to need an entry in the allow file.
    pub(super) large: bool,
}

/// The extension of a path, or nothing.
pub(super) fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Rules that need only the list of paths.
pub(super) fn check_names(paths: &[String]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = paths.iter().filter_map(|path| check_name(path)).collect();
    let mut binaries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        if let Some((folder, _)) = integration_binary(path) {
            binaries.entry(folder).or_default().push(path);
        }
    }
    for (folder, files) in binaries.iter().filter(|(_, files)| files.len() > 1) {
        let reason = format!("{folder} has {} test binaries; one links once", files.len());
        findings.push(Finding::new(files[1], 1, reason));
    }
    findings
}

/// The crate and file of a path that cargo builds as an integration test binary.
fn integration_binary(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.split_once("/tests/")?;
    let ours = folder.starts_with("crates/") && folder.matches('/').count() == 1;
    let direct = file.ends_with(".rs")
        && (!file.contains('/') || file.matches('/').count() == 1 && file.ends_with("/main.rs"));
    (ours && direct).then_some((folder, file))
}

fn check_name(path: &str) -> Option<Finding> {
    if !SOURCE.contains(&extension(path)) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "mod.rs" {
        return Some(Finding::new(
            path,
            1,
            "name the module file after the module, beside its folder",
        ));
    }
    let (folders, _) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let vague = folders
        .split('/')
        .chain([stem])
        .find(|part| is_vague(part))?;
    Some(Finding::new(
        path,
        1,
        format!("`{vague}` says nothing: name the file after what it does"),
    ))
}

/// True when one word of a name is vague: words end at `_`, `-` and before a capital.
fn is_vague(part: &str) -> bool {
    let mut words = String::new();
    for c in part.chars() {
        if c.is_uppercase() {
            words.push('_');
        }
        words.extend(c.to_lowercase());
    }
    words.split(['_', '-']).any(|word| VAGUE.contains(&word))
}

/// Rules about one file.
pub(super) fn check_file(path: &str, bytes: &[u8], allowed: &Allowed) -> Checked {
    let mut findings = Vec::new();
    if bytes.len() > MAX_FILE_BYTES {
        let reason = format!(
            "{} bytes; at most {MAX_FILE_BYTES} are committed",
            bytes.len()
        );
        findings.push(Finding::new(path, 1, reason));
        return Checked {
            findings,
            large: false,
        };
    }
    let Ok(content) = std::str::from_utf8(bytes) else {
        if SOURCE.contains(&extension(path)) {
            findings.push(Finding::new(path, 1, "a source file is UTF-8"));
        }
        return Checked {
            findings,
            large: false,
        };
    };
    findings.extend(text::check(path, content));
    let large = SOURCE.contains(&extension(path)) && content.lines().count() > LONG_LINES;
    if large {
        findings.extend(check_length(
            path,
            content.lines().count(),
            allowed.contains(path),
        ));
    }
    Checked { findings, large }
}

fn check_length(path: &str, lines: usize, allowed: bool) -> Option<Finding> {
    let reason = if lines > MAX_LINES {
        format!("{lines} lines; {MAX_LINES} is the limit, split it by concern")
    } else if !allowed {
        format!(
            "{lines} lines; above {LONG_LINES} it needs a reason in {}",
            super::ALLOW_FILE
        )
    } else {
        return None;
    };
    Some(Finding::new(path, LONG_LINES, reason))
}

#[cfg(test)]
mod tests {
    use super::super::allow;
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        check_names(&paths)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn lines(count: usize) -> String {
        let mut text = "//! A module.\n".to_owned();
        text.push_str(&"// x\n".repeat(count - 1));
        text
    }

    #[test]
    fn plain_names_pass() {
        let good = [
            "crates/a/src/lib.rs",
            "crates/a/src/commands.rs",
            "docs/helpers.md",
            "Makefile",
        ];
        assert_eq!(names(&good), [""; 0]);
    }

    #[test]
    fn mod_rs_is_refused() {
        let found = names(&["crates/a/src/b/mod.rs"]);
        assert!(
            found[0].starts_with("crates/a/src/b/mod.rs:1:"),
            "{found:?}"
        );
    }

    #[test]
    fn vague_names_are_refused() {
        for path in [
            "a/src/utils.rs",
            "a/src/common/x.rs",
            "a/src/db_helper.rs",
            "src/UserManager.ts",
            "web/src/string-utils.ts",
        ] {
            assert_eq!(names(&[path]).len(), 1, "{path}");
        }
    }

    #[test]
    fn one_integration_binary_a_crate() {
        assert!(
            names(&[
                "crates/a/tests/it.rs",
                "crates/b/tests/it/main.rs",
                "crates/b/tests/it/x.rs"
            ])
            .is_empty()
        );
        assert_eq!(
            names(&["crates/a/tests/it.rs", "crates/a/tests/more.rs"]).len(),
            1
        );
        assert_eq!(
            names(&["crates/a/tests/it.rs", "crates/a/tests/x/main.rs"]).len(),
            1
        );
    }

    #[test]
    fn long_files_need_a_reason_and_have_a_limit() {
        let none = Allowed::default();
        let (listed, _) = allow::parse("l", "a.rs one table, read from top to bottom\n");
        let check = |count, allowed| check_file("a.rs", lines(count).as_bytes(), allowed);
        assert!(check(LONG_LINES, &none).findings.is_empty());
        assert!(!check(LONG_LINES, &none).large);
        assert!(
            check(LONG_LINES + 1, &none).findings[0]
                .reason
                .contains("needs a reason")
        );
        assert!(check(MAX_LINES, &listed).findings.is_empty());
        assert!(check(MAX_LINES, &listed).large);
        assert!(
            check(MAX_LINES + 1, &listed).findings[0]
                .reason
                .contains("limit")
        );
    }

    #[test]
    fn length_rules_leave_documents_and_data_alone() {
        let text = "x\n".repeat(MAX_LINES + 1);
        for path in ["README.md", "a.json", "Cargo.lock"] {
            assert!(
                check_file(path, text.as_bytes(), &Allowed::default())
                    .findings
                    .is_empty(),
                "{path}"
            );
        }
    }

    #[test]
    fn large_and_binary_files() {
        let none = Allowed::default();
        assert!(check_file("a.bin", &[0xff; 10], &none).findings.is_empty());
        assert_eq!(check_file("a.rs", &[0xff; 10], &none).findings.len(), 1);
        assert!(
            check_file("a.bin", &vec![0xff; MAX_FILE_BYTES], &none)
                .findings
                .is_empty()
        );
        assert_eq!(
            check_file("a.bin", &vec![0xff; MAX_FILE_BYTES + 1], &none)
                .findings
                .len(),
            1
        );
    }
}
