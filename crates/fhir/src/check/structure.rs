//! The shape of every element: names, types, cardinalities, primitive formats.
//!
//! Done by fhirkit's decoders, which were generated from FHIR R4's definitions. Its messages quote
//! values; here they are rewritten so that they do not.

use fhirkit::r4::Resource as KitResource;
use fhirkit::{Decoder, FhirJson, Json};

use super::path::short;
use crate::issue::{Issue, IssueCode, Severity};
use crate::json::{Node, Value};

/// Adds what is wrong with the shape of `node` to `issues`; paths start with `root`.
pub(super) fn check(node: &Node<'_>, root: &str, issues: &mut Vec<Issue>) {
    let mut decoder = Decoder::new(root);
    let decoded = KitResource::decode(&kit(node), &mut decoder);
    for issue in decoder.issues {
        let (code, message) = rewrite(&issue.message);
        let severity = match issue.severity {
            fhirkit::Severity::Error => Severity::Error,
            fhirkit::Severity::Warning => Severity::Warning,
        };
        let path = issue
            .path
            .split('.')
            .map(short)
            .collect::<Vec<_>>()
            .join(".");
        issues.push(Issue {
            severity,
            path,
            code,
            message,
        });
    }
    if decoded.is_none() && issues.is_empty() {
        issues.push(Issue::error(
            root,
            IssueCode::Structure,
            "not a FHIR R4 resource",
        ));
    }
}

fn kit(node: &Node<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number => Json::Number(node.raw.to_owned()),
        Value::String(s) => Json::String(s.clone().into_owned()),
        Value::Array(items) => Json::Array(items.iter().map(kit).collect()),
        Value::Object(members) => Json::Object(
            members
                .iter()
                .map(|(k, v)| (k.clone().into_owned(), kit(v)))
                .collect(),
        ),
    }
}

/// A code and a message that quotes no value.
fn rewrite(message: &str) -> (IssueCode, String) {
    for (phrase, prefix) in [
        (" is not a valid ", "not a valid "),
        (" is not a FHIR ", "not a FHIR "),
        (" is not a positiveInt", "not a positiveInt"),
        (" is not an unsignedInt", "not an unsignedInt"),
        (" is outside the ", "outside the "),
    ] {
        // The value comes first and may hold the phrase itself: the last one is ours.
        if let Some(at) = message.rfind(phrase) {
            return (
                IssueCode::Value,
                format!("{prefix}{}", &message[at + phrase.len()..]),
            );
        }
    }
    if message.starts_with("unknown resource type") || message.contains("resource type") {
        return (
            IssueCode::NotSupported,
            "not a resource type of FHIR R4".into(),
        );
    }
    if message == "required element missing" || message.starts_with("needs at least") {
        return (IssueCode::Required, message.to_owned());
    }
    if message.starts_with("an empty") && !message.contains("array") {
        return (IssueCode::Value, message.to_owned());
    }
    if message.starts_with("expected \"") {
        return (
            IssueCode::Structure,
            "another resource type was expected".into(),
        );
    }
    (IssueCode::Structure, message.to_owned())
}
