//! Checks a resource's structure and the rules that need no terminology server.
//!
//! In phases: the shape of every element against FHIR R4's definitions (by fhirkit, kept behind
//! [`structure`]), then one walk for what shapes do not say: required codes ([`codes`]), targets of
//! references ([`references`]), rules between elements ([`invariants`]) and narratives
//! ([`narrative`]).
//!
//! Not checked: profiles, terminology (whether a LOINC code exists, whether a unit is UCUM), and
//! references between documents. A resource without issues is well-formed R4, no more.

mod codes;
mod dates;
mod invariants;
mod narrative;
mod path;
mod references;
mod structure;
mod walk;

pub(crate) use narrative::text as narrative_text;
pub(crate) use references::target_type as references_target_type;

use crate::document::{Bundle, Document, Resource, read_document};
use crate::error::FhirError;
use crate::issue::{Issue, IssueCode};

/// How many issues of one resource are listed.
pub const MAX_ISSUES: usize = 100;

/// Checks a document: a resource, or a Bundle with everything in it.
///
/// The answer is empty when nothing is wrong. What cannot be read at all is one issue with the
/// code [`IssueCode::Invalid`].
#[must_use]
pub fn check(bytes: &[u8]) -> Vec<Issue> {
    match read_document(bytes) {
        Ok(Document::Resource(resource)) => check_resource(&resource),
        Ok(Document::Bundle(bundle)) => {
            let mut issues = check_bundle_frame(&bundle);
            for entry in bundle.entries() {
                if let Some(resource) = &entry.resource {
                    issues.extend(check_at(resource, &entry.path()));
                }
            }
            issues
        }
        Err(error) => vec![unreadable(&error)],
    }
}

/// Checks one resource; paths start with its type.
#[must_use]
pub fn check_resource(resource: &Resource<'_>) -> Vec<Issue> {
    check_at(resource, resource.resource_type())
}

/// Checks a Bundle without the resources of its entries, which [`check_resource`] takes one by one.
#[must_use]
pub fn check_bundle_frame(bundle: &Bundle<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    structure::check(bundle.frame(), "Bundle", &mut issues);
    walk::check_frame(bundle.frame(), &mut issues);
    invariants::bundle(bundle, &mut issues);
    bounded(issues)
}

/// The issue that says why a document could not be read.
#[must_use]
pub fn unreadable(error: &FhirError) -> Issue {
    let (path, code) = match error {
        FhirError::NotAResource { path, .. } => (path.clone(), IssueCode::Invalid),
        FhirError::TooLarge { .. } | FhirError::TooManyEntries { .. } => {
            (String::new(), IssueCode::TooLong)
        }
        FhirError::NotUtf8 { .. }
        | FhirError::Json { .. }
        | FhirError::SeveralPatients { .. }
        | FhirError::BadOption { .. } => (String::new(), IssueCode::Invalid),
    };
    Issue::error(path, code, error.to_string())
}

fn check_at(resource: &Resource<'_>, root: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    structure::check(resource.json(), root, &mut issues);
    walk::check(resource.json(), root, &mut issues);
    bounded(issues)
}

fn bounded(mut issues: Vec<Issue>) -> Vec<Issue> {
    if issues.len() > MAX_ISSUES {
        let path = issues[0]
            .path
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        issues.truncate(MAX_ISSUES);
        issues.push(Issue::error(
            path,
            IssueCode::TooLong,
            "more issues, not listed",
        ));
    }
    issues
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn paths(json: &str) -> Vec<String> {
        check(json.as_bytes()).into_iter().map(|i| i.path).collect()
    }

    #[test]
    fn paths_are_precise() {
        let json = r#"{"resourceType":"Observation","status":"done","code":{"text":"x"},
            "component":[{"code":{"text":"a"}},{"code":{"text":"b"},"valueQuantity":{"value":"7"}}]}"#;
        assert_eq!(
            paths(json),
            [
                "Observation.component[1].valueQuantity.value",
                "Observation.status"
            ]
        );
    }

    #[test]
    fn a_bundle_is_checked_inside_and_out() {
        let json = r#"{"resourceType":"Bundle","type":"heap","foo":1,"entry":[
            {"resource":{"resourceType":"Patient","gender":"M"}},
            {"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Patient"}},{}]}"#;
        assert_eq!(
            paths(json),
            [
                "Bundle.foo",
                "Bundle.type",
                "Bundle.entry[1].resource",
                "Bundle.entry[2]",
                "Bundle.entry[0].resource.gender"
            ]
        );
    }

    #[test]
    fn messages_never_quote_values() {
        let json = r#"{"resourceType":"Patient","id":"secret one","birthDate":"secret is not a valid date",
            "gender":"secret","multipleBirthInteger":1.5,"active":"secret","photo":[{"data":"secret!"}]}"#;
        let issues = check(json.as_bytes());
        assert!(issues.len() >= 6, "{issues:?}");
        for issue in issues {
            assert!(
                !issue.message.contains("secret") && !issue.message.contains("1.5"),
                "{issue}"
            );
        }
    }

    #[test]
    fn issues_are_bounded() {
        let names = vec!["{}"; 500].join(",");
        let json = format!(r#"{{"resourceType":"Patient","name":[{names}]}}"#);
        assert_eq!(check(json.as_bytes()).len(), MAX_ISSUES + 1);
    }
}
