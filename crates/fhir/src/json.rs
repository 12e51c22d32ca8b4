//! Reading JSON without losing anything.
//!
//! Every value keeps the exact slice of the input it came from, so that a Bundle's entry can be
//! sealed byte for byte; numbers stay text, so that `72.50` keeps its precision; duplicate keys are
//! kept, so that they can be reported. Depth, members of an object and size are bounded, so that
//! hostile input costs no more than its length.

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
        let mut parser = Parser {
            text,
            bytes: text.as_bytes(),
            pos: 0,
        };
        parser.space();
        let node = parser.value(0)?;
        parser.space();
        if parser.pos < parser.bytes.len() {
            return Err(parser.error("content after the value"));
        }
        Ok(node)
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

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, what: &'static str) -> FhirError {
        let mut end = self.pos.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        FhirError::Json {
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1,
            what,
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.pos) {
            self.pos += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.bytes[self.pos..].starts_with(word.as_bytes());
        if found {
            self.pos += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, FhirError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let start = self.pos;
        let value = match self.peek() {
            None => return Err(self.error("unexpected end")),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b't') if self.word("true") => Value::Bool(true),
            Some(b'f') if self.word("false") => Value::Bool(false),
            Some(b'n') if self.word("null") => Value::Null,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.error("expected a value")),
        };
        Ok(Node {
            raw: &self.text[start..self.pos],
            value,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, FhirError> {
        self.pos += 1;
        let mut members = Vec::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key"));
            }
            if members.len() == MAX_MEMBERS {
                return Err(self.error("too many members in an object"));
            }
            let key = self.string()?;
            self.space();
            if !self.eat(b':') {
                return Err(self.error("expected ':'"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            members.push((key, value));
            self.space();
            if self.eat(b',') {
                continue;
            }
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            return Err(self.error("expected ',' or '}'"));
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, FhirError> {
        self.pos += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b',') {
                continue;
            }
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            return Err(self.error("expected ',' or ']'"));
        }
    }

    fn digits(&mut self) -> Result<(), FhirError> {
        let start = self.pos;
        while let Some(b'0'..=b'9') = self.peek() {
            self.pos += 1;
        }
        if self.pos == start {
            Err(self.error("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Value<'a>, FhirError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(Value::Number)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, FhirError> {
        self.pos += 1;
        let start = self.pos;
        self.plain();
        if self.peek() == Some(b'"') {
            let text = &self.text[start..self.pos];
            self.pos += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::from(&self.text[start..self.pos]);
        loop {
            match self.peek() {
                None => return Err(self.error("unterminated string")),
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.pos += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("control character in a string")),
            }
            let from = self.pos;
            self.plain();
            out.push_str(&self.text[from..self.pos]);
        }
    }

    /// Skips to the next quote, backslash or control character.
    fn plain(&mut self) {
        while let Some(b) = self.peek() {
            if b == b'"' || b == b'\\' || b < 0x20 {
                return;
            }
            self.pos += 1;
        }
    }

    fn escape(&mut self) -> Result<char, FhirError> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.pos += 1;
                return self.unicode();
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.pos += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, FhirError> {
        let high = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&high) {
            if !self.word("\\u") {
                return Err(self.error("lone surrogate"));
            }
            let low = self.hex4()?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(self.error("lone surrogate"));
            }
            0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.error("lone surrogate"))
    }

    fn hex4(&mut self) -> Result<u32, FhirError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("expected four hex digits"))?;
            self.pos += 1;
        }
        Ok(code)
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
