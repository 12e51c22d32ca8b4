//! Writing JSON: members in the order given, numbers as text, nothing else.
//!
//! A writer of our own, because the output of the generator must be the same bytes for the same
//! seed in every build, whatever features other crates switch on.

use std::borrow::Cow;

/// A JSON value to be written.
#[derive(Clone)]
pub(crate) enum Out {
    /// A number or a boolean, already in JSON's form.
    #[cfg(feature = "generate")]
    Raw(Cow<'static, str>),
    Str(Cow<'static, str>),
    Arr(Vec<Out>),
    Obj(Vec<(&'static str, Out)>),
}

impl Out {
    /// A string.
    pub(crate) fn str(text: impl Into<String>) -> Out {
        Out::Str(Cow::Owned(text.into()))
    }

    /// An array.
    pub(crate) fn arr(items: impl IntoIterator<Item = Out>) -> Out {
        Out::Arr(items.into_iter().collect())
    }

    /// An object.
    pub(crate) fn obj(members: impl IntoIterator<Item = (&'static str, Out)>) -> Out {
        Out::Obj(members.into_iter().collect())
    }
}

/// The compact JSON of `value`.
pub(crate) fn to_bytes(value: &Out) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

fn write(value: &Out, out: &mut String) {
    match value {
        #[cfg(feature = "generate")]
        Out::Raw(text) => out.push_str(text),
        Out::Str(text) => quote(text, out),
        Out::Arr(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Out::Obj(members) => {
            out.push('{');
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let code = u32::from(c);
                for shift in [12, 8, 4, 0] {
                    if shift == 12 {
                        out.push_str("\\u");
                    }
                    let digit = char::from_digit((code >> shift) & 15, 16);
                    out.push(digit.expect("four bits are a hex digit"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let text = "a\"b\\c\n\r\t\u{1}é😀";
        let out = Out::obj([("k", Out::arr([Out::str(text), Out::Raw("1.50".into())]))]);
        let bytes = to_bytes(&out);
        let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["k"][0], text);
        assert!(bytes.ends_with(b",1.50]}"));
    }
}
