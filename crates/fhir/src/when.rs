//! The date that a record is filed under: when it happened to the person, not when it was typed.

use crate::document::Resource;
use crate::json::Node;

/// Elements to look at, in order, for each type; the first that is there decides.
const DATES: &[(&str, &[&str])] = &[
    (
        "AllergyIntolerance",
        &[
            "onsetDateTime",
            "onsetPeriod",
            "recordedDate",
            "lastOccurrence",
        ],
    ),
    ("Appointment", &["start", "created"]),
    ("AuditEvent", &["recorded"]),
    ("Bundle", &["timestamp"]),
    ("CarePlan", &["period", "created"]),
    ("CareTeam", &["period"]),
    ("Claim", &["billablePeriod", "created"]),
    ("ClaimResponse", &["created"]),
    (
        "ClinicalImpression",
        &["effectiveDateTime", "effectivePeriod", "date"],
    ),
    ("Communication", &["sent", "received"]),
    ("Composition", &["date"]),
    (
        "Condition",
        &["onsetDateTime", "onsetPeriod", "recordedDate"],
    ),
    ("Consent", &["dateTime"]),
    ("Coverage", &["period"]),
    ("Device", &["manufactureDate"]),
    (
        "DiagnosticReport",
        &["effectiveDateTime", "effectivePeriod", "issued"],
    ),
    ("DocumentReference", &["context.period", "date"]),
    ("Encounter", &["period"]),
    ("EpisodeOfCare", &["period"]),
    ("ExplanationOfBenefit", &["billablePeriod", "created"]),
    ("FamilyMemberHistory", &["date"]),
    ("Goal", &["startDate", "statusDate"]),
    ("ImagingStudy", &["started", "series.started"]),
    ("Immunization", &["occurrenceDateTime", "recorded"]),
    ("List", &["date"]),
    ("Media", &["createdDateTime", "createdPeriod", "issued"]),
    (
        "MedicationAdministration",
        &["effectiveDateTime", "effectivePeriod"],
    ),
    ("MedicationDispense", &["whenHandedOver", "whenPrepared"]),
    (
        "MedicationRequest",
        &["authoredOn", "dispenseRequest.validityPeriod"],
    ),
    (
        "MedicationStatement",
        &["effectiveDateTime", "effectivePeriod", "dateAsserted"],
    ),
    (
        "Observation",
        &[
            "effectiveDateTime",
            "effectivePeriod",
            "effectiveInstant",
            "effectiveTiming.event",
            "issued",
        ],
    ),
    ("Procedure", &["performedDateTime", "performedPeriod"]),
    (
        "Provenance",
        &["occurredDateTime", "occurredPeriod", "recorded"],
    ),
    ("QuestionnaireResponse", &["authored"]),
    (
        "ServiceRequest",
        &["occurrenceDateTime", "occurrencePeriod", "authoredOn"],
    ),
    ("Slot", &["start"]),
    (
        "Specimen",
        &[
            "collection.collectedDateTime",
            "collection.collectedPeriod",
            "receivedTime",
        ],
    ),
    (
        "SupplyDelivery",
        &["occurrenceDateTime", "occurrencePeriod"],
    ),
    ("Task", &["executionPeriod", "authoredOn"]),
];
/// Elements to look at for types that are not listed.
const ANY: &[&str] = &[
    "effectiveDateTime",
    "occurrenceDateTime",
    "performedDateTime",
    "authoredOn",
    "date",
    "period",
    "recordedDate",
    "recorded",
    "issued",
    "created",
    "start",
];
/// Types that last and have no date of their own.
const UNDATED: &[&str] = &[
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "Patient",
    "Person",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Substance",
];

/// The clinically relevant date, as FHIR writes it (a year, a month, a day, or a moment with its
/// time zone); of a period its start, or its end when it has no start. `None` when the resource
/// does not say, or when what it says is no date.
#[must_use]
pub fn when(resource: &Resource<'_>) -> Option<String> {
    let name = resource.resource_type();
    if UNDATED.contains(&name) {
        return None;
    }
    let elements = DATES
        .iter()
        .find(|(n, _)| *n == name)
        .map_or(ANY, |(_, elements)| *elements);
    let found = elements
        .iter()
        .find_map(|element| date_at(resource.json(), element));
    found.or_else(|| date_at(resource.json(), "meta.lastUpdated"))
}

fn date_at(node: &Node<'_>, element: &str) -> Option<String> {
    let path: Vec<&str> = element.split('.').collect();
    let found = node.at(&path)?;
    let found = found.items().first().unwrap_or(found);
    let text = match found.text() {
        Some(text) => text,
        None => found.str("start").or_else(|| found.str("end"))?,
    };
    fhirkit::primitive::is_datetime(text).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_by_type() {
        for (json, expected) in [
            (
                r#"{"resourceType":"Observation","effectiveDateTime":"2024-01-02","issued":"2024-02-01T00:00:00Z"}"#,
                Some("2024-01-02"),
            ),
            (
                r#"{"resourceType":"Encounter","period":{"start":"2024-01-02T10:00:00+01:00","end":"2025"}}"#,
                Some("2024-01-02T10:00:00+01:00"),
            ),
            (
                r#"{"resourceType":"Encounter","period":{"end":"2025"}}"#,
                Some("2025"),
            ),
            (
                r#"{"resourceType":"Observation","effectiveTiming":{"event":["2020","2021"]}}"#,
                Some("2020"),
            ),
            (
                r#"{"resourceType":"ImagingStudy","series":[{"started":"2019-05"}]}"#,
                Some("2019-05"),
            ),
            (
                r#"{"resourceType":"Patient","birthDate":"1980-01-01","meta":{"lastUpdated":"2024-02-01T00:00:00Z"}}"#,
                None,
            ),
            (
                r#"{"resourceType":"Condition","onsetDateTime":"last spring","recordedDate":"2022"}"#,
                Some("2022"),
            ),
            (r#"{"resourceType":"Odd","date":{"start":7}}"#, None),
        ] {
            let resource = Resource::parse(json.as_bytes()).unwrap();
            assert_eq!(when(&resource).as_deref(), expected, "{json}");
        }
    }
}
