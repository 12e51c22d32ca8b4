//! Documents: a single resource, or a Bundle taken apart into its entries.
//!
//! Nothing here judges the content (see [`crate::check`]); it only finds the resources and their
//! exact bytes. A document that is JSON but no resource is refused.

use std::borrow::Cow;

use crate::error::FhirError;
use crate::json::{Node, Value};

/// How many entries of a Bundle are read at once.
pub const MAX_ENTRIES: usize = 200_000;

/// What a JSON document holds.
#[derive(Debug, Clone)]
pub enum Document<'a> {
    /// One resource that is not a Bundle.
    Resource(Resource<'a>),
    /// A Bundle with its entries.
    Bundle(Bundle<'a>),
}

/// A FHIR resource and the exact bytes it was read from.
#[derive(Clone)]
pub struct Resource<'a> {
    node: Node<'a>,
}

/// A Bundle, its entries taken apart.
#[derive(Clone)]
pub struct Bundle<'a> {
    raw: &'a str,
    frame: Node<'a>,
    entries: Vec<Entry<'a>>,
}

/// One entry of a Bundle.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its position in `Bundle.entry`, from 0.
    pub index: usize,
    /// Its fullUrl.
    pub full_url: Option<Cow<'a, str>>,
    /// Its resource; entries of responses and of deletions have none.
    pub resource: Option<Resource<'a>>,
}

impl Entry<'_> {
    /// Where the resource is in its document, as issues name it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("Bundle.entry[{}].resource", self.index)
    }
}

/// Reads a FHIR JSON document and takes a Bundle apart.
///
/// # Errors
/// When it is too large, not JSON, not a resource, or a Bundle that holds something else than
/// resources.
pub fn read_document(bytes: &[u8]) -> Result<Document<'_>, FhirError> {
    let node = Node::parse(bytes)?;
    match resource_type_of(&node, String::new)? {
        "Bundle" => Bundle::from_node(node).map(Document::Bundle),
        _ => Ok(Document::Resource(Resource { node })),
    }
}

/// The lines of an NDJSON file that are not blank, each with its number from 1.
pub fn ndjson_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes
        .split(|b| *b == b'\n')
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
}

fn resource_type_of<'n>(
    node: &'n Node<'_>,
    path: impl Fn() -> String,
) -> Result<&'n str, FhirError> {
    let refuse = |what| {
        let prefix = path();
        let path = if prefix.is_empty() {
            "resourceType".into()
        } else {
            format!("{prefix}.resourceType")
        };
        FhirError::NotAResource { path, what }
    };
    if !node.is_object() {
        return Err(refuse("a resource is a JSON object"));
    }
    let name = node
        .get("resourceType")
        .ok_or_else(|| refuse("required element missing"))?;
    let name = name.text().ok_or_else(|| refuse("expected a string"))?;
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphabetic())
        && name.starts_with(|c: char| c.is_ascii_uppercase());
    if is_name {
        Ok(name)
    } else {
        Err(refuse("not the name of a resource type"))
    }
}

impl<'a> Resource<'a> {
    /// Reads one resource; a Bundle is a resource too, and stays whole.
    ///
    /// # Errors
    /// As [`read_document`].
    pub fn parse(bytes: &'a [u8]) -> Result<Resource<'a>, FhirError> {
        let node = Node::parse(bytes)?;
        resource_type_of(&node, String::new)?;
        Ok(Resource { node })
    }

    /// Its exact bytes in the input.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.node.raw().as_bytes()
    }

    /// Its type, such as `Observation`. Not checked against the list of FHIR's types.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        self.node.str("resourceType").unwrap_or("Resource")
    }

    /// Its logical id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.node.str("id")
    }

    /// Its JSON.
    #[must_use]
    pub fn json(&self) -> &Node<'a> {
        &self.node
    }
}

impl core::fmt::Debug for Resource<'_> {
    /// Health data stays out of debug output.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Resource({}, {} bytes)",
            self.resource_type(),
            self.bytes().len()
        )
    }
}

impl core::fmt::Debug for Bundle<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Bundle({} entries, {} bytes)",
            self.entries.len(),
            self.raw.len()
        )
    }
}

impl<'a> Bundle<'a> {
    fn from_node(mut node: Node<'a>) -> Result<Bundle<'a>, FhirError> {
        let raw = node.raw;
        let mut entries = Vec::new();
        let Value::Object(members) = &mut node.value else {
            unreachable!("a resource is an object, checked by the caller");
        };
        for (key, value) in members {
            if key != "entry" {
                continue;
            }
            let Value::Array(items) = &mut value.value else {
                return Err(not_a_resource("Bundle.entry", "expected an array"));
            };
            if items.len() > MAX_ENTRIES || !entries.is_empty() {
                let count = items.len() + entries.len();
                return Err(FhirError::TooManyEntries {
                    count,
                    limit: MAX_ENTRIES,
                });
            }
            for (index, item) in items.iter_mut().enumerate() {
                entries.push(Entry::take(index, item)?);
            }
        }
        Ok(Bundle {
            raw,
            frame: node,
            entries,
        })
    }

    /// The Bundle's exact bytes in the input.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.raw.as_bytes()
    }

    /// Its type, such as `transaction`, `collection` or `document`.
    #[must_use]
    pub fn bundle_type(&self) -> Option<&str> {
        self.frame.str("type")
    }

    /// Its logical id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.frame.str("id")
    }

    /// Its entries in source order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// What is left of the Bundle without the resources of its entries.
    pub(crate) fn frame(&self) -> &Node<'a> {
        &self.frame
    }
}

impl<'a> Entry<'a> {
    fn take(index: usize, item: &mut Node<'a>) -> Result<Entry<'a>, FhirError> {
        let Value::Object(members) = &mut item.value else {
            return Err(not_a_resource(
                &format!("Bundle.entry[{index}]"),
                "expected an object",
            ));
        };
        let full_url = members
            .iter()
            .find(|(k, _)| k == "fullUrl")
            .and_then(|(_, v)| match &v.value {
                Value::String(s) => Some(s.clone()),
                Value::Null
                | Value::Bool(_)
                | Value::Number
                | Value::Array(_)
                | Value::Object(_) => None,
            });
        let at = members.iter().position(|(k, _)| k == "resource");
        let resource = match at {
            None => None,
            Some(at) => {
                let (_, node) = members.remove(at);
                resource_type_of(&node, || format!("Bundle.entry[{index}].resource"))?;
                Some(Resource { node })
            }
        };
        Ok(Entry {
            index,
            full_url,
            resource,
        })
    }
}

fn not_a_resource(path: &str, what: &'static str) -> FhirError {
    FhirError::NotAResource {
        path: path.into(),
        what,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn entries_are_exact_slices() {
        let text = br#" {"resourceType":"Bundle","type":"collection","entry":[
            {"fullUrl":"urn:uuid:1","resource": { "resourceType" : "Patient", "id":"p" } },
            {"request":{"method":"DELETE","url":"Patient/1"}}]} "#;
        let Document::Bundle(bundle) = read_document(text).unwrap() else {
            panic!("a Bundle")
        };
        assert_eq!(bundle.bundle_type(), Some("collection"));
        let entry = &bundle.entries()[0];
        assert_eq!(entry.full_url.as_deref(), Some("urn:uuid:1"));
        let resource = entry.resource.as_ref().unwrap();
        assert_eq!(
            resource.bytes(),
            br#"{ "resourceType" : "Patient", "id":"p" }"#
        );
        assert_eq!(
            (resource.resource_type(), resource.id()),
            ("Patient", Some("p"))
        );
        assert!(bundle.entries()[1].resource.is_none());
        assert_eq!(entry.path(), "Bundle.entry[0].resource");
    }

    #[test]
    fn what_is_no_resource_is_refused_by_path() {
        let cases: [(&[u8], &str); 6] = [
            (b"[]", "resourceType: a resource is a JSON object"),
            (b"{}", "resourceType: required element missing"),
            (b"{\"resourceType\":1}", "resourceType: expected a string"),
            (
                b"{\"resourceType\":\"<b>\"}",
                "resourceType: not the name of a resource type",
            ),
            (
                b"{\"resourceType\":\"Bundle\",\"entry\":{}}",
                "Bundle.entry: expected an array",
            ),
            (
                b"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":3}]}",
                "Bundle.entry[0].resource.resourceType: a resource is a JSON object",
            ),
        ];
        for (bytes, message) in cases {
            assert_eq!(read_document(bytes).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn ndjson_keeps_line_numbers_and_skips_blanks() {
        let lines: Vec<_> = ndjson_lines(b"\xef\xbb\xbf{\"a\":1}\r\n\n {} \n").collect();
        assert_eq!(lines, [(1, &b"{\"a\":1}"[..]), (3, &b"{}"[..])]);
    }
}
