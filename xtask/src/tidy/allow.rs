//! The list of files that may be long, each with its reason.
//!
//! One entry a line: a path, then the reason. An entry without a reason, for a file that is gone,
//! or for a file that has become short again is itself a fault, so that the list cannot rot.

use std::collections::BTreeMap;

use super::Finding;

/// Shortest reason accepted: one word explains nothing.
const MIN_REASON_CHARS: usize = 20;

/// The entries by path, with the line each stands on.
#[derive(Debug, Default)]
pub(super) struct Allowed(BTreeMap<String, usize>);

impl Allowed {
    /// True when the file has an entry.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

/// Reads the list; `#` starts a comment line.
pub(super) fn parse(file: &str, text: &str) -> (Allowed, Vec<Finding>) {
    let mut allowed = Allowed::default();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if reason.trim().len() < MIN_REASON_CHARS {
            findings.push(Finding::new(
                file,
                line_number,
                format!("say why {path} is long"),
            ));
        }
        if allowed.0.insert(path.to_owned(), line_number).is_some() {
            findings.push(Finding::new(
                file,
                line_number,
                format!("{path} is listed twice"),
            ));
        }
    }
    (allowed, findings)
}

/// Entries that no long file needs any more.
pub(super) fn check_stale(file: &str, allowed: &Allowed, large: &[&str]) -> Vec<Finding> {
    allowed
        .0
        .iter()
        .filter(|(path, _)| !large.contains(&path.as_str()))
        .map(|(path, line)| {
            Finding::new(
                file,
                *line,
                format!("{path} is not a long file (any more): remove the entry"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_entries_and_comments() {
        let (allowed, findings) = parse(
            "a",
            "# files\n\nsrc/x.rs  one table of every opcode, read top to bottom\n",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert!(allowed.contains("src/x.rs") && !allowed.contains("src/y.rs"));
    }

    #[test]
    fn an_entry_needs_a_reason_and_stands_once() {
        let (_, findings) = parse(
            "a",
            "src/x.rs\nsrc/y.rs long\nsrc/x.rs one table of every opcode\n",
        );
        let lines: Vec<_> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert!(findings[2].reason.contains("twice"));
    }

    #[test]
    fn an_entry_that_nothing_needs_is_a_fault() {
        let (allowed, _) = parse(
            "a",
            "src/x.rs one table of every opcode\nsrc/y.rs one table of every word\n",
        );
        let findings = check_stale("a", &allowed, &["src/x.rs"]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].path.as_str()), (2, "a"));
        assert!(findings[0].reason.contains("src/y.rs"));
    }
}
