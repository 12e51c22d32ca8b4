//! Where a fault is and what it says, for the report of an import.

use carechain_fhir::Issue;

/// `inner` under `outer`, such as a Bundle's entry on a line of a file.
pub(super) fn above(outer: &str, inner: &str) -> String {
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (_, true) => outer.to_owned(),
        (false, false) => format!("{outer}: {inner}"),
    }
}

/// The place and message of the first error, with how many more there are. An issue's path begins with the resource's
/// type, which within a Bundle becomes the entry's path.
pub(super) fn message_of(resource_type: &str, entry: &str, issues: &[Issue]) -> (String, String) {
    let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.is_error()).collect();
    let Some(first) = errors.first() else {
        return (entry.to_owned(), String::new());
    };
    let place = match first.path.strip_prefix(resource_type) {
        Some(rest) if !entry.is_empty() => format!("{entry}{rest}"),
        _ => first.path.clone(),
    };
    let message = match errors.len() {
        1 => first.message.clone(),
        more => format!("{} (and {} more)", first.message, more - 1),
    };
    (place, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carechain_fhir::IssueCode;

    #[test]
    fn places_lead_through_the_bundle() {
        let issues = [
            Issue::error("Patient.birthDate", IssueCode::Value, "not a date"),
            Issue::error("Patient.gender", IssueCode::CodeInvalid, "not a code"),
        ];
        let (place, message) = message_of("Patient", "Bundle.entry[3].resource", &issues);
        assert_eq!(place, "Bundle.entry[3].resource.birthDate");
        assert_eq!(message, "not a date (and 1 more)");
        assert_eq!(message_of("Patient", "", &issues).0, "Patient.birthDate");
        assert_eq!(above("line 3", "Patient"), "line 3: Patient");
    }
}
