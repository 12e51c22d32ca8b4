//! Codes that FHIR R4 binds as required, for the types of a personal health record.
//!
//! Types that are not listed are not checked here: their codes are accepted as they are.

use super::path::Path;
use super::walk::Walk;
use crate::issue::IssueCode;
use crate::json::Node;

const GENDER: &str = "male female other unknown";
const OBSERVATION: &str =
    "registered preliminary final amended corrected cancelled entered-in-error unknown";
const EVENT: &str =
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown";
const REQUEST: &str = "draft active on-hold revoked completed entered-in-error unknown";
const INTENT: &str = "proposal plan directive order original-order reflex-order filler-order \
    instance-order option";
const PRIORITY: &str = "routine urgent asap stat";
const FINANCIAL: &str = "active cancelled draft entered-in-error";
const USE: &str = "claim preauthorization predetermination";
const OUTCOME: &str = "queued complete error partial";
const ENCOUNTER: &str =
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown";
const DOCUMENT: &str = "preliminary final amended entered-in-error";
const RELATES: &str = "replaces transforms signs appends";
const PARTICIPATION: &str = "accepted declined tentative needs-action";
const LIST_MODE: &str = "working snapshot changes";

/// Element, without indexes, and the codes it may have. Sorted by element.
const RESOURCE_CODES: &[(&str, &str)] = &[
    (
        "AllergyIntolerance.category",
        "food medication environment biologic",
    ),
    (
        "AllergyIntolerance.criticality",
        "low high unable-to-assess",
    ),
    (
        "AllergyIntolerance.reaction.severity",
        "mild moderate severe",
    ),
    ("AllergyIntolerance.type", "allergy intolerance"),
    (
        "Appointment.participant.required",
        "required optional information-only",
    ),
    ("Appointment.participant.status", PARTICIPATION),
    (
        "Appointment.status",
        "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in \
         waitlist",
    ),
    ("AppointmentResponse.participantStatus", PARTICIPATION),
    ("AuditEvent.action", "C R U D E"),
    ("AuditEvent.outcome", "0 4 8 12"),
    (
        "Bundle.entry.request.method",
        "GET HEAD POST PUT DELETE PATCH",
    ),
    ("Bundle.entry.search.mode", "match include outcome"),
    (
        "Bundle.type",
        "document message transaction transaction-response batch batch-response history searchset \
         collection",
    ),
    (
        "CarePlan.activity.detail.status",
        "not-started scheduled in-progress on-hold completed cancelled stopped unknown \
         entered-in-error",
    ),
    ("CarePlan.intent", "proposal plan order option"),
    ("CarePlan.status", REQUEST),
    (
        "CareTeam.status",
        "proposed active suspended inactive entered-in-error",
    ),
    ("Claim.status", FINANCIAL),
    ("Claim.use", USE),
    ("ClaimResponse.outcome", OUTCOME),
    ("ClaimResponse.status", FINANCIAL),
    ("ClaimResponse.use", USE),
    (
        "ClinicalImpression.status",
        "in-progress completed entered-in-error",
    ),
    ("Communication.priority", PRIORITY),
    ("Communication.status", EVENT),
    (
        "Composition.attester.mode",
        "personal professional legal official",
    ),
    ("Composition.relatesTo.code", RELATES),
    ("Composition.section.mode", LIST_MODE),
    ("Composition.section.section.mode", LIST_MODE),
    ("Composition.status", DOCUMENT),
    ("Consent.provision.type", "deny permit"),
    (
        "Consent.status",
        "draft proposed active rejected inactive entered-in-error",
    ),
    ("Coverage.status", FINANCIAL),
    ("DetectedIssue.severity", "high moderate low"),
    ("DetectedIssue.status", OBSERVATION),
    ("Device.status", "active inactive entered-in-error unknown"),
    (
        "DiagnosticReport.status",
        "registered partial preliminary final amended corrected appended cancelled \
         entered-in-error unknown",
    ),
    ("DocumentReference.docStatus", DOCUMENT),
    ("DocumentReference.relatesTo.code", RELATES),
    (
        "DocumentReference.status",
        "current superseded entered-in-error",
    ),
    (
        "Encounter.location.status",
        "planned active reserved completed",
    ),
    ("Encounter.status", ENCOUNTER),
    ("Encounter.statusHistory.status", ENCOUNTER),
    (
        "EpisodeOfCare.status",
        "planned waitlist active onhold finished cancelled entered-in-error",
    ),
    ("ExplanationOfBenefit.outcome", OUTCOME),
    ("ExplanationOfBenefit.status", FINANCIAL),
    ("ExplanationOfBenefit.use", USE),
    (
        "FamilyMemberHistory.status",
        "partial completed entered-in-error health-unknown",
    ),
    ("Flag.status", "active inactive entered-in-error"),
    (
        "Goal.lifecycleStatus",
        "proposed planned accepted active on-hold completed cancelled entered-in-error rejected",
    ),
    (
        "Group.type",
        "person animal practitioner device medication substance",
    ),
    (
        "ImagingStudy.status",
        "registered available cancelled entered-in-error unknown",
    ),
    ("Immunization.status", "completed entered-in-error not-done"),
    ("List.mode", LIST_MODE),
    ("List.status", "current retired entered-in-error"),
    ("Location.mode", "instance kind"),
    ("Location.status", "active suspended inactive"),
    ("Media.status", EVENT),
    ("Medication.status", "active inactive entered-in-error"),
    (
        "MedicationAdministration.status",
        "in-progress not-done on-hold completed entered-in-error stopped unknown",
    ),
    (
        "MedicationDispense.status",
        "preparation in-progress cancelled on-hold completed entered-in-error stopped declined \
         unknown",
    ),
    (
        "MedicationRequest.intent",
        "proposal plan order original-order reflex-order filler-order instance-order option",
    ),
    ("MedicationRequest.priority", PRIORITY),
    (
        "MedicationRequest.status",
        "active on-hold cancelled completed entered-in-error stopped draft unknown",
    ),
    (
        "MedicationStatement.status",
        "active completed entered-in-error intended stopped on-hold unknown not-taken",
    ),
    ("Observation.status", OBSERVATION),
    (
        "OperationOutcome.issue.severity",
        "fatal error warning information",
    ),
    ("Patient.contact.gender", GENDER),
    ("Patient.gender", GENDER),
    ("Patient.link.type", "replaced-by replaces refer seealso"),
    ("Person.gender", GENDER),
    ("Practitioner.gender", GENDER),
    ("Procedure.status", EVENT),
    (
        "Provenance.entity.role",
        "derivation revision quotation source removal",
    ),
    (
        "QuestionnaireResponse.status",
        "in-progress completed amended entered-in-error stopped",
    ),
    ("RelatedPerson.gender", GENDER),
    ("RiskAssessment.status", OBSERVATION),
    ("ServiceRequest.intent", INTENT),
    ("ServiceRequest.priority", PRIORITY),
    ("ServiceRequest.status", REQUEST),
    (
        "Slot.status",
        "busy free busy-unavailable busy-tentative entered-in-error",
    ),
    (
        "Specimen.status",
        "available unavailable unsatisfactory entered-in-error",
    ),
    (
        "SupplyDelivery.status",
        "in-progress completed abandoned entered-in-error",
    ),
    (
        "SupplyRequest.status",
        "draft active suspended cancelled completed entered-in-error unknown",
    ),
    (
        "Task.intent",
        "unknown proposal plan order original-order reflex-order filler-order instance-order \
         option",
    ),
    ("Task.priority", PRIORITY),
    (
        "Task.status",
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed \
         completed entered-in-error",
    ),
];

/// Names of the elements in the table, so that most strings cost one comparison.
const CODE_ELEMENTS: &[&str] = &[
    "action",
    "category",
    "code",
    "criticality",
    "docStatus",
    "gender",
    "intent",
    "lifecycleStatus",
    "method",
    "mode",
    "outcome",
    "participantStatus",
    "priority",
    "required",
    "role",
    "severity",
    "status",
    "type",
    "use",
];

/// Element that holds a datatype, member of that datatype, and the codes it may have.
const DATATYPE_CODES: &[(&str, &str, &str)] = &[
    ("address", "type", "postal physical both"),
    ("address", "use", "home work temp old billing"),
    ("identifier", "use", "usual official temp secondary old"),
    (
        "name",
        "use",
        "usual official temp nickname anonymous old maiden",
    ),
    ("telecom", "system", "phone fax pager email sms url other"),
    ("telecom", "use", "home work temp old mobile"),
    ("text", "status", "generated extensions additional empty"),
];

/// Checks the codes of identifiers, names, addresses, quantities and the like.
pub(super) fn check_datatype(walk: &mut Walk<'_>, node: &Node<'_>, path: &Path<'_>) {
    let element = path.element();
    for (holder, member, codes) in DATATYPE_CODES {
        if *holder != element {
            continue;
        }
        if node.str(member).is_some_and(|code| !among(code, codes)) {
            report(walk, &path.key(member), codes);
        }
    }
    if node.get("value").is_some_and(|v| v.number().is_some())
        && node
            .str("comparator")
            .is_some_and(|code| !among(code, "< <= >= >"))
    {
        report(walk, &path.key("comparator"), "< <= >= >");
    }
}

/// Checks a resource's own codes.
pub(super) fn check_resource_code(
    walk: &mut Walk<'_>,
    text: &str,
    path: &Path<'_>,
    resource_type: &str,
) {
    if CODE_ELEMENTS.binary_search(&path.element()).is_err() {
        return;
    }
    let element = format!("{resource_type}.{}", path.elements());
    if let Ok(at) = RESOURCE_CODES.binary_search_by(|(name, _)| (*name).cmp(&element)) {
        let codes = RESOURCE_CODES[at].1;
        if !among(text, codes) {
            report(walk, path, codes);
        }
    }
}

fn among(code: &str, codes: &str) -> bool {
    codes.split_ascii_whitespace().any(|c| c == code)
}

fn report(walk: &mut Walk<'_>, path: &Path<'_>, codes: &str) {
    let list: Vec<&str> = codes.split_ascii_whitespace().collect();
    walk.report(
        path,
        IssueCode::CodeInvalid,
        &format!("not one of {}", list.join(", ")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_agree() {
        assert!(RESOURCE_CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CODE_ELEMENTS.is_sorted());
        for (element, _) in RESOURCE_CODES {
            let last = element.rsplit('.').next().unwrap_or_default();
            assert!(CODE_ELEMENTS.contains(&last), "{last}");
        }
    }
}
