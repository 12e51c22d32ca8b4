//! What the demo's chart and note say. Nobody in them exists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carechain_fhir::{FhirError, GenerateOptions, Story, SyntheticPerson, generate};
use serde_json::json;

/// Seed of the demo patient: the same person at every node.
const SEED: u64 = 20;
/// Resources of the demo chart.
const RESOURCES: usize = 400;
/// Id of the doctor's note, so that writing it again changes nothing.
const NOTE_ID: &str = "demo-note-1";

/// The demo patient, whose chart ends on `date`.
pub(super) fn patient(date: &str) -> Result<SyntheticPerson, FhirError> {
    generate(
        SEED,
        &GenerateOptions {
            resources_target: RESOURCES,
            as_of_date: date.to_owned(),
            story: Some(Story::Diabetes),
        },
    )
}

/// The doctor's note as FHIR.
pub(super) fn note(date: &str) -> Vec<u8> {
    let text = "HbA1c is falling, blood pressure is within its target. Carry on with metformin and the daily walks; \
                next check in three months.";
    let note = json!({
        "resourceType": "DocumentReference",
        "id": NOTE_ID,
        "status": "current",
        "docStatus": "final",
        "type": {
            "coding": [{ "system": "http://loinc.org", "code": "11506-3", "display": "Progress note" }],
            "text": "Progress note"
        },
        "date": format!("{date}T10:00:00Z"),
        "description": "Check of diabetes",
        "content": [{
            "attachment": { "contentType": "text/plain", "title": "Progress note", "data": STANDARD.encode(text) }
        }]
    });
    serde_json::to_vec_pretty(&note).expect("a note is made of texts")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use carechain_fhir::{Category, Resource, check, classify};

    use super::*;

    #[test]
    fn chart_and_note_are_valid_and_the_same_every_time() {
        let person = patient("2026-11-22").unwrap();
        assert!(person.resources >= RESOURCES / 2, "{}", person.resources);
        assert_eq!(person, patient("2026-11-22").unwrap());
        assert_eq!(check(&person.bundle_json), []);
        let note = note("2026-11-22");
        assert_eq!(check(&note), []);
        assert_eq!(classify(&Resource::parse(&note).unwrap()), Category::Notes);
    }
}
