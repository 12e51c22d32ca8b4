//! Tests that a document names must exist, so that a claim cannot outlive its test.
//!
//! A reference is `file::test` between backticks in docs/threat-model.md: a source file of this
//! checkout, and a function or a titled test in it. Whether the test shows what the document says
//! is for the reader to judge.

use super::Finding;
use super::files::extension;

/// The document whose references are checked.
pub(super) const DOCUMENT: &str = "docs/threat-model.md";

/// A test named by the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) line: usize,
    pub(super) file: &'a str,
    pub(super) test: &'a str,
}

/// The references of a text: every other piece between backticks that looks like `file.ext::name`.
pub(super) fn find(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            if let Some((file, test)) = quoted.split_once("::")
                && !extension(file).is_empty()
            {
                found.push(Reference {
                    line: index + 1,
                    file,
                    test,
                });
            }
        }
    }
    found
}

/// What is wrong with a reference, given the text of its file, if there is one.
pub(super) fn check(reference: &Reference<'_>, source: Option<&str>) -> Option<Finding> {
    let Reference { line, file, test } = reference;
    let reason = match source {
        None => format!("{file} does not exist"),
        Some(source) if !defines(source, test) => format!("{file} has no test {test}"),
        Some(_) => return None,
    };
    Some(Finding::new(DOCUMENT, *line, reason))
}

fn defines(source: &str, test: &str) -> bool {
    source.contains(&format!("fn {test}("))
        || source.contains(&format!("function {test}("))
        || source.contains(&format!("test(\"{test}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_by_line() {
        let text = "a `Directory::actor` b\n| `crates/a/src/b.rs::c`, `x.sol::test_d` |\n";
        let found = find(text);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Reference {
                line: 2,
                file: "crates/a/src/b.rs",
                test: "c"
            }
        );
        assert_eq!(
            found[1],
            Reference {
                line: 2,
                file: "x.sol",
                test: "test_d"
            }
        );
    }

    #[test]
    fn a_missing_file_or_test_is_a_fault() {
        let reference = Reference {
            line: 3,
            file: "a.rs",
            test: "holds",
        };
        assert_eq!(check(&reference, Some("fn holds() {")), None);
        assert_eq!(check(&reference, Some("function holds() public {")), None);
        assert_eq!(check(&reference, Some("test(\"holds\", () => {")), None);
        assert!(check(&reference, Some("fn holds_more() {")).is_some());
        let gone = check(&reference, None);
        assert_eq!(gone, Some(Finding::new(DOCUMENT, 3, "a.rs does not exist")));
    }
}
