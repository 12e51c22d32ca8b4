//! Reading JSON without losing anything.
//!
//! Every value keeps the exact slice of the input it came from, so that a Bundle's entry can be
//! sealed byte for byte; numbers stay text, so that `72.50` keeps its precision; duplicate keys are
//! kept, so that they can be reported. Depth, members of an object and size are bounded, so that
//! hostile input costs no more than its length.

mod parser;

use std::borrow::Cow;

use crate::error::FhirError;

/// Largest document that is read at once.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024 * 1024;
/// How deep arrays and objects may nest. The deepest published example is below 20.
pub const MAX_DEPTH: usize = 48;
/// How many members an object may have. The widest FHIR type has fewer than 100.
pub const MAX_MEMBERS: usize = 512;

/// A JSON value and the exact text it was read from.
#[derive(Clone, PartialEq, Eq)]
pub struct Node<'a> {
    pub(crate) raw: &'a str,
    pub(crate) value: Value<'a>,
}

/// What a [`Node`] holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// The text is in `raw`.
    Number,
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl core::fmt::Debug for Node<'_> {
    /// Health data stays out of debug output: kind and length only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Node({}, {} bytes)", self.kind(), self.raw.len())
    }
}

impl<'a> Node<'a> {
    /// Reads one complete JSON document; a byte order mark at its start is skipped.
    ///
    /// # Errors
    /// When the bytes are too many, not UTF-8 or not one JSON value within the bounds.
    pub fn parse(bytes: &'a [u8]) -> Result<Node<'a>, FhirError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(FhirError::TooLarge {
                size_bytes: bytes.len(),
                limit_bytes: MAX_DOCUMENT_BYTES,
            });
        }
        let text = core::str::from_utf8(bytes).map_err(|e| FhirError::NotUtf8 {
            at: e.valid_up_to(),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        parser::parse(text)
    }

    /// The exact source text of this value.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The first member called `key`, if this is an object that has one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.members()
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v)
    }

    /// Follows a path of member names; in an array, the first item is taken.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node<'a>> {
        path.iter().try_fold(self, |node, key| {
            node.items().first().unwrap_or(node).get(key)
        })
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(s) => Some(s),
            Value::Null | Value::Bool(_) | Value::Number | Value::Array(_) | Value::Object(_) => {
                None
            }
        }
    }

    /// The text of the member `key`, if it is a string.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The number as it was written.
    #[must_use]
    pub fn number(&self) -> Option<&'a str> {
        matches!(self.value, Value::Number).then_some(self.raw)
    }

    /// The items of an array; empty for everything else.
    #[must_use]
    pub fn items(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Array(items) => items,
            Value::Null | Value::Bool(_) | Value::Number | Value::String(_) | Value::Object(_) => {
                &[]
            }
        }
    }

    /// The items of the member `key`: an array's items, or a single value as one item.
    #[must_use]
    pub fn list(&self, key: &str) -> &[Node<'a>] {
        match self.get(key) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items,
            Some(node) => core::slice::from_ref(node),
            None => &[],
        }
    }

    /// The members of an object in source order, duplicates included; empty for everything else.
    #[must_use]
    pub fn members(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match &self.value {
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number | Value::String(_) | Value::Array(_) => {
                &[]
            }
        }
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// The value of a boolean.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(b) => Some(b),
            Value::Null | Value::Number | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                None
            }
        }
    }

    /// What kind of value this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }

    /// A primitive as text: a string, a number as written, `true` or `false`.
    #[must_use]
    pub fn primitive(&self) -> Option<&str> {
        match &self.value {
            Value::String(s) => Some(s),
            Value::Number => Some(self.raw),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slices_and_numbers_are_exact() {
        let text = "\u{feff} { \"a\" : [ 72.500 , {\"b\":\"\\u00e9\\ud83d\\ude00\"} ] }\n";
        let node = Node::parse(text.as_bytes()).unwrap();
        let items = node.list("a");
        assert_eq!(items[0].number(), Some("72.500"));
        assert_eq!(items[1].raw(), "{\"b\":\"\\u00e9\\ud83d\\ude00\"}");
        assert_eq!(items[1].str("b"), Some("é😀"));
        assert!(
            text.as_bytes()
                .as_ptr_range()
                .contains(&items[1].raw().as_ptr())
        );
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"\\x\"",
            "\"\n\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "1 2",
            "{a:1}",
            "'a'",
            "NaN",
        ] {
            assert!(Node::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let err = Node::parse(b"{\n \"a\": x}").unwrap_err();
        assert_eq!(
            err,
            FhirError::Json {
                line: 2,
                column: 7,
                what: "expected a value"
            }
        );
        assert_eq!(
            Node::parse(b"\"\xff\"").unwrap_err(),
            FhirError::NotUtf8 { at: 1 }
        );
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Node::parse(deep.as_bytes()),
            Err(FhirError::Json { .. })
        ));
        let wide: Vec<String> = (0..=MAX_MEMBERS).map(|i| format!("\"k{i}\":1")).collect();
        let wide = format!("{{{}}}", wide.join(","));
        let err = Node::parse(wide.as_bytes()).unwrap_err();
        assert!(err.to_string().contains("too many members"), "{err}");
    }
}
