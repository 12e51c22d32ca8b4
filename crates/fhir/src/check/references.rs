//! References: local ones must resolve, and the type pointed at must be one that fits.

use super::path::Path;
use super::walk::{Inside, Walk};
use crate::issue::IssueCode;
use crate::json::Node;

const PATIENT: &str = "Patient";
const PATIENT_GROUP: &str = "Patient Group";
const AUTHORS: &str =
    "Practitioner PractitionerRole Organization Patient RelatedPerson Device CareTeam";

/// Element, without indexes, and the types its reference may point at. Sorted by element.
const TARGETS: &[(&str, &str)] = &[
    (
        "AllergyIntolerance.asserter",
        "Patient RelatedPerson Practitioner PractitionerRole",
    ),
    ("AllergyIntolerance.encounter", "Encounter"),
    ("AllergyIntolerance.patient", PATIENT),
    (
        "AllergyIntolerance.recorder",
        "Practitioner PractitionerRole Patient RelatedPerson",
    ),
    ("CarePlan.addresses", "Condition"),
    ("CarePlan.careTeam", "CareTeam"),
    ("CarePlan.encounter", "Encounter"),
    ("CarePlan.goal", "Goal"),
    ("CarePlan.subject", PATIENT_GROUP),
    ("CareTeam.encounter", "Encounter"),
    ("CareTeam.subject", PATIENT_GROUP),
    ("Claim.patient", PATIENT),
    ("Condition.encounter", "Encounter"),
    ("Condition.subject", PATIENT_GROUP),
    ("Coverage.beneficiary", PATIENT),
    ("Device.patient", PATIENT),
    ("DiagnosticReport.encounter", "Encounter"),
    ("DiagnosticReport.imagingStudy", "ImagingStudy"),
    ("DiagnosticReport.result", "Observation"),
    ("DiagnosticReport.specimen", "Specimen"),
    ("DiagnosticReport.subject", "Patient Group Device Location"),
    ("DocumentReference.author", AUTHORS),
    ("DocumentReference.custodian", "Organization"),
    (
        "DocumentReference.subject",
        "Patient Practitioner Group Device",
    ),
    ("Encounter.serviceProvider", "Organization"),
    ("Encounter.subject", PATIENT_GROUP),
    ("ExplanationOfBenefit.patient", PATIENT),
    ("Goal.subject", "Patient Group Organization"),
    ("ImagingStudy.encounter", "Encounter"),
    ("ImagingStudy.subject", "Patient Device Group"),
    ("Immunization.encounter", "Encounter"),
    ("Immunization.location", "Location"),
    ("Immunization.manufacturer", "Organization"),
    ("Immunization.patient", PATIENT),
    (
        "MedicationAdministration.context",
        "Encounter EpisodeOfCare",
    ),
    ("MedicationAdministration.medicationReference", "Medication"),
    ("MedicationAdministration.subject", PATIENT_GROUP),
    ("MedicationDispense.medicationReference", "Medication"),
    ("MedicationDispense.subject", PATIENT_GROUP),
    ("MedicationRequest.encounter", "Encounter"),
    ("MedicationRequest.medicationReference", "Medication"),
    (
        "MedicationRequest.requester",
        "Practitioner PractitionerRole Organization Patient RelatedPerson Device",
    ),
    ("MedicationRequest.subject", PATIENT_GROUP),
    ("MedicationStatement.medicationReference", "Medication"),
    ("MedicationStatement.subject", PATIENT_GROUP),
    ("Observation.device", "Device DeviceMetric"),
    ("Observation.encounter", "Encounter"),
    (
        "Observation.hasMember",
        "Observation QuestionnaireResponse MolecularSequence",
    ),
    (
        "Observation.performer",
        "Practitioner PractitionerRole Organization CareTeam Patient RelatedPerson",
    ),
    ("Observation.specimen", "Specimen"),
    ("Observation.subject", "Patient Group Device Location"),
    (
        "Patient.generalPractitioner",
        "Organization Practitioner PractitionerRole",
    ),
    ("Patient.link.other", "Patient RelatedPerson"),
    ("Patient.managingOrganization", "Organization"),
    ("PractitionerRole.location", "Location"),
    ("PractitionerRole.organization", "Organization"),
    ("PractitionerRole.practitioner", "Practitioner"),
    ("Procedure.encounter", "Encounter"),
    ("Procedure.location", "Location"),
    ("Procedure.subject", PATIENT_GROUP),
    ("RelatedPerson.patient", PATIENT),
    ("ServiceRequest.encounter", "Encounter"),
    ("ServiceRequest.subject", "Patient Group Location Device"),
    ("SupplyDelivery.patient", PATIENT),
];

/// How many contained resources references are looked up in; more are an issue of their own.
pub(super) const MAX_CONTAINED: usize = 1_000;

/// Checks `node` if it is a Reference with a literal reference.
pub(super) fn check(walk: &mut Walk<'_>, node: &Node<'_>, path: &Path<'_>, inside: Inside<'_, '_>) {
    let Some(reference) = node.str("reference") else {
        return;
    };
    let target = if let Some(id) = reference.strip_prefix('#') {
        if inside.contained.len() > MAX_CONTAINED {
            return;
        }
        let found = inside.contained.iter().find(|c| c.str("id") == Some(id));
        if found.is_none() && !id.is_empty() {
            let message = "points at a contained resource that is not there (ref-1)";
            walk.report(&path.key("reference"), IssueCode::Invariant, message);
        }
        found.and_then(|c| c.str("resourceType"))
    } else {
        target_type(reference).or_else(|| node.str("type"))
    };
    let Some(target) = target else { return };
    let element = format!("{}.{}", inside.resource_type, path.elements());
    if let Ok(at) = TARGETS.binary_search_by(|(name, _)| (*name).cmp(&element)) {
        let allowed = TARGETS[at].1;
        if !allowed.split_ascii_whitespace().any(|t| t == target) {
            let list: Vec<&str> = allowed.split_ascii_whitespace().collect();
            let message = format!("must point at one of: {}", list.join(", "));
            walk.report(&path.key("reference"), IssueCode::Structure, &message);
        }
    }
}

/// The resource type that a literal reference names: `Patient/1`, `http://x/Patient/1/_history/2`
/// or the search `Patient?identifier=..`.
pub(crate) fn target_type(reference: &str) -> Option<&str> {
    if let Some((name, _)) = reference.split_once('?') {
        let name = name.rsplit('/').next()?;
        return is_type_name(name).then_some(name);
    }
    if reference.starts_with("urn:") {
        return None;
    }
    let mut parts = reference.rsplit('/');
    let mut id = parts.next()?;
    let mut name = parts.next()?;
    if name == "_history" {
        id = parts.next()?;
        name = parts.next()?;
    }
    (!id.is_empty() && is_type_name(name)).then_some(name)
}

fn is_type_name(name: &str) -> bool {
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TARGETS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn types_are_read_from_every_form_of_reference() {
        for (reference, expected) in [
            ("Patient/1", Some("Patient")),
            (
                "http://example.org/fhir/Patient/1/_history/2",
                Some("Patient"),
            ),
            ("Practitioner?identifier=x|1", Some("Practitioner")),
            ("urn:uuid:1", None),
            ("1", None),
            ("http://example.org/x", None),
            ("Patient/", None),
        ] {
            assert_eq!(target_type(reference), expected, "{reference}");
        }
    }
}
