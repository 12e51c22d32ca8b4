//! One walk over a resource for what the shapes of its elements do not say.

use super::path::Path;
use super::{codes, dates, invariants, narrative, references};
use crate::issue::{Issue, IssueCode};
use crate::json::{Node, Value};

/// Elements that hold dates wherever they occur.
const DATE_ELEMENTS: &[&str] = &[
    "abatementDateTime",
    "assertedDate",
    "authored",
    "authoredOn",
    "birthDate",
    "created",
    "date",
    "deceasedDateTime",
    "effectiveDateTime",
    "end",
    "expirationDate",
    "issued",
    "lastUpdated",
    "occurrenceDateTime",
    "onsetDateTime",
    "performedDateTime",
    "recorded",
    "recordedDate",
    "start",
    "started",
    "valueDate",
    "valueDateTime",
];

/// What the walk carries along.
pub(super) struct Walk<'i> {
    pub(super) issues: &'i mut Vec<Issue>,
}

/// The resource that the walk is inside.
#[derive(Clone, Copy)]
pub(super) struct Inside<'r, 's> {
    /// The type of the innermost resource.
    pub(super) resource_type: &'r str,
    /// The contained resources of the outermost resource that can have them.
    pub(super) contained: &'r [Node<'s>],
    /// Whether the innermost resource is itself contained.
    pub(super) is_contained: bool,
}

/// Walks a resource; paths start with `root`.
pub(super) fn check(node: &Node<'_>, root: &str, issues: &mut Vec<Issue>) {
    Walk { issues }.resource(node, &Path::root(root), None);
}

/// Walks a Bundle whose entries' resources were taken out.
pub(super) fn check_frame(frame: &Node<'_>, issues: &mut Vec<Issue>) {
    let mut walk = Walk { issues };
    let path = Path::root("Bundle");
    let inside = Inside {
        resource_type: "Bundle",
        contained: &[],
        is_contained: false,
    };
    for (key, value) in frame.members() {
        let here = path.key(key);
        if key != "entry" {
            walk.member(value, &here, inside);
            continue;
        }
        for (i, entry) in value.items().iter().enumerate() {
            for (key, value) in entry.members() {
                walk.member(value, &here.index(i).key(key), inside);
            }
        }
    }
}

impl Walk<'_> {
    pub(super) fn report(&mut self, path: &Path<'_>, code: IssueCode, message: &str) {
        let path = path.display();
        // The shapes may have said it already.
        if !self
            .issues
            .iter()
            .rev()
            .take(32)
            .any(|i| i.path == path && i.code == code)
        {
            self.issues.push(Issue::error(path, code, message));
        }
    }

    pub(super) fn warn(&mut self, path: &Path<'_>, code: IssueCode, message: &str) {
        self.issues
            .push(Issue::warning(path.display(), code, message));
    }

    fn full(&self) -> bool {
        self.issues.len() > super::MAX_ISSUES
    }

    fn resource(&mut self, node: &Node<'_>, path: &Path<'_>, outer: Option<Inside<'_, '_>>) {
        let resource_type = node.str("resourceType").unwrap_or_default();
        let own = node.get("contained").map_or(&[][..], Node::items);
        let inside = match outer {
            Some(outer) if outer.is_contained => Inside {
                resource_type,
                ..outer
            },
            _ => Inside {
                resource_type,
                contained: own,
                is_contained: false,
            },
        };
        if node
            .str("id")
            .is_some_and(|id| !id.is_empty() && !fhirkit::primitive::is_id(id))
        {
            let message = "not a valid id: 1 to 64 letters, digits, hyphens and dots";
            self.report(&path.key("id"), IssueCode::Value, message);
        }
        invariants::resource(self, node, path, inside);
        for (key, value) in node.members() {
            self.member(value, &path.key(key), inside);
        }
    }

    fn member(&mut self, node: &Node<'_>, path: &Path<'_>, inside: Inside<'_, '_>) {
        if self.full() {
            return;
        }
        match &node.value {
            Value::Array(items) if items.is_empty() => {
                self.report(path, IssueCode::Structure, "an empty array is not allowed");
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.member(item, &path.index(i), inside);
                }
            }
            Value::Object(members) if members.is_empty() => {
                self.report(path, IssueCode::Structure, "an empty object is not allowed");
            }
            Value::Object(members) => self.object(node, members, path, inside),
            Value::String(text) => self.string(text, path, inside),
            Value::Null | Value::Bool(_) | Value::Number => {}
        }
    }

    fn object(
        &mut self,
        node: &Node<'_>,
        members: &[(std::borrow::Cow<'_, str>, Node<'_>)],
        path: &Path<'_>,
        inside: Inside<'_, '_>,
    ) {
        let element = path.element();
        let nested = matches!(element, "contained" | "resource" | "outcome");
        if nested && node.str("resourceType").is_some() {
            let is_contained = element == "contained";
            let outer = Inside {
                is_contained,
                ..inside
            };
            // A resource inside a resource starts its own element names, on the same path.
            let root = path.display();
            return self.resource(node, &Path::root(&root), Some(outer));
        }
        references::check(self, node, path, inside);
        invariants::element(self, node, path);
        codes::check_datatype(self, node, path);
        for (key, value) in members {
            self.member(value, &path.key(key), inside);
        }
    }

    fn string(&mut self, text: &str, path: &Path<'_>, inside: Inside<'_, '_>) {
        let element = path.element();
        if element == "div" {
            narrative::check(self, text, path);
        } else if DATE_ELEMENTS.binary_search(&element).is_ok() && dates::impossible_day(text) {
            self.report(path, IssueCode::Value, "no such day in the calendar");
        }
        codes::check_resource_code(self, text, path, inside.resource_type);
    }
}

#[cfg(test)]
mod tests {
    use super::DATE_ELEMENTS;

    #[test]
    fn the_table_is_sorted() {
        assert!(DATE_ELEMENTS.is_sorted());
    }
}
