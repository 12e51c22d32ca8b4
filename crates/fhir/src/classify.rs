//! Which category a resource is shared under.
//!
//! In order: a privacy label of the source (`meta.security`) wins; then what is sensitive by code
//! or by words ([`sensitive`]) goes to genetics, sexual health or mental health; then the type
//! decides, refined by categories and well-known codes. When in doubt a record is put where fewer
//! people look. docs/fhir.md has the table.
//!
//! Limits: the text of notes is not read, and medicines stay with medications whatever they treat,
//! because whoever prescribes must see all of them.

mod sensitive;

use carechain_domain::Category;

use crate::document::Resource;
use crate::json::Node;

/// LOINC codes of vital signs, for observations without a category.
const VITAL_CODES: &[&str] = &[
    "2708-6", "29463-7", "39156-5", "3141-9", "41950-7", "55284-4", "59408-5", "59576-9",
    "77606-2", "8287-5", "8302-2", "8310-5", "8331-1", "8462-4", "8478-0", "8480-6", "85353-1",
    "85354-9", "8867-4", "9279-1", "93832-4", "9843-4",
];
/// LOINC codes of documents that serve as an emergency summary: the International Patient Summary.
const SUMMARY_CODES: &[&str] = &["60591-5"];
/// Codes of report categories (HL7 v2 table 0074 and LOINC parts) that mean imaging.
const IMAGING_CATEGORIES: &[&str] = &[
    "18748-4",
    "363679005",
    "CT",
    "CUS",
    "IMG",
    "LP29684-5",
    "NMR",
    "NMS",
    "OUS",
    "RAD",
    "RUS",
    "RX",
    "VUS",
    "XRC",
    "imaging",
];
/// Codes of report and request categories that mean laboratory.
const LABORATORY_CATEGORIES: &[&str] = &[
    "108252007",
    "11502-2",
    "BLB",
    "CG",
    "CH",
    "HM",
    "IMM",
    "LAB",
    "LP29693-6",
    "LP7839-6",
    "MB",
    "MCB",
    "MYC",
    "SP",
    "SR",
    "TX",
    "VR",
    "laboratory",
];
/// Codes of report categories that mean a clinical note.
const NOTE_CATEGORIES: &[&str] = &["34117-2", "51847-2", "LP173421-1", "clinical-note"];

/// The category that `resource` belongs to.
#[must_use]
pub fn classify(resource: &Resource<'_>) -> Category {
    let node = resource.json();
    if let Some(category) = sensitive::by_label(node) {
        return category;
    }
    let by_type = by_type(resource.resource_type(), node);
    match by_type {
        // Administrative and identifying types say nothing sensitive by their codes, and medicines
        // and vaccines stay together.
        Category::Demographics
        | Category::Medications
        | Category::Allergies
        | Category::Immunizations
        | Category::Billing
        | Category::EmergencySummary
        | Category::Genetics => by_type,
        Category::Vitals
        | Category::Conditions
        | Category::Laboratory
        | Category::Imaging
        | Category::Visits
        | Category::Notes
        | Category::MentalHealth
        | Category::SexualHealth
        | Category::Other => sensitive::by_content(node).unwrap_or(by_type),
    }
}

fn by_type(resource_type: &str, node: &Node<'_>) -> Category {
    match resource_type {
        "Patient" | "Person" | "RelatedPerson" => Category::Demographics,
        "Observation" => observation(node),
        "DiagnosticReport" => report(node),
        "DocumentReference" | "Composition" | "DocumentManifest" => document(node),
        "ServiceRequest" => match broad(node) {
            Some(category) => category,
            None => Category::Conditions,
        },
        "Consent" if has_code(node.list("scope"), &["adr"]) => Category::EmergencySummary,
        "Bundle" => bundle(node),
        "Flag" => Category::EmergencySummary,
        "Medication"
        | "MedicationRequest"
        | "MedicationStatement"
        | "MedicationDispense"
        | "MedicationAdministration"
        | "MedicationKnowledge" => Category::Medications,
        "AllergyIntolerance" => Category::Allergies,
        "Condition"
        | "Procedure"
        | "CarePlan"
        | "CareTeam"
        | "Goal"
        | "ClinicalImpression"
        | "FamilyMemberHistory"
        | "RiskAssessment"
        | "DetectedIssue"
        | "AdverseEvent"
        | "DeviceUseStatement"
        | "NutritionOrder"
        | "VisionPrescription"
        | "BodyStructure" => Category::Conditions,
        "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => {
            Category::Immunizations
        }
        "Specimen" => Category::Laboratory,
        "ImagingStudy" | "Media" => Category::Imaging,
        "MolecularSequence" => Category::Genetics,
        "Encounter"
        | "EpisodeOfCare"
        | "Appointment"
        | "AppointmentResponse"
        | "Schedule"
        | "Slot" => Category::Visits,
        "QuestionnaireResponse" | "Communication" | "CommunicationRequest" | "Binary" => {
            Category::Notes
        }
        "Claim"
        | "ClaimResponse"
        | "ExplanationOfBenefit"
        | "Coverage"
        | "CoverageEligibilityRequest"
        | "CoverageEligibilityResponse"
        | "Account"
        | "ChargeItem"
        | "Invoice"
        | "PaymentNotice"
        | "PaymentReconciliation"
        | "EnrollmentRequest"
        | "EnrollmentResponse"
        | "InsurancePlan" => Category::Billing,
        _ => Category::Other,
    }
}

fn observation(node: &Node<'_>) -> Category {
    let categories = node.list("category");
    if has_code(categories, &["vital-signs", "activity"]) {
        return Category::Vitals;
    }
    if has_code(categories, &["laboratory", "LAB"]) {
        return Category::Laboratory;
    }
    if has_code(categories, &["imaging", "RAD"]) {
        return Category::Imaging;
    }
    if !categories.is_empty() {
        return Category::Conditions;
    }
    if has_code(node.list("code"), VITAL_CODES) {
        return Category::Vitals;
    }
    let measured = node.get("specimen").is_some()
        || (node.get("valueQuantity").is_some() && node.get("referenceRange").is_some());
    if measured {
        Category::Laboratory
    } else {
        Category::Conditions
    }
}

fn report(node: &Node<'_>) -> Category {
    if has_code(node.list("category"), &["GE", "LP35682-8"]) {
        return Category::Genetics;
    }
    if let Some(category) = broad(node) {
        return category;
    }
    if node.get("imagingStudy").is_some() {
        return Category::Imaging;
    }
    let is_note = node.get("presentedForm").is_some() && node.get("result").is_none();
    if is_note {
        Category::Notes
    } else {
        Category::Laboratory
    }
}

fn document(node: &Node<'_>) -> Category {
    if has_code(node.list("type"), SUMMARY_CODES) {
        return Category::EmergencySummary;
    }
    match broad(node) {
        Some(category) if has_code(node.list("type"), &["18748-4", "11502-2"]) => category,
        _ => Category::Notes,
    }
}

fn bundle(node: &Node<'_>) -> Category {
    if node.str("type") != Some("document") {
        return Category::Other;
    }
    match node.at(&["entry", "resource"]) {
        Some(composition) => document(composition),
        None => Category::Notes,
    }
}

/// What the categories or the type of a report, request or document say.
fn broad(node: &Node<'_>) -> Option<Category> {
    let categories = node.list("category");
    let says = |codes| has_code(categories, codes) || has_code(node.list("type"), codes);
    if says(IMAGING_CATEGORIES) {
        Some(Category::Imaging)
    } else if says(LABORATORY_CATEGORIES) {
        Some(Category::Laboratory)
    } else if says(NOTE_CATEGORIES) {
        Some(Category::Notes)
    } else {
        None
    }
}

/// Whether one of `concepts` has one of `codes`.
fn has_code(concepts: &[Node<'_>], codes: &[&str]) -> bool {
    concepts
        .iter()
        .flat_map(|concept| concept.list("coding"))
        .any(|coding| coding.str("code").is_some_and(|code| codes.contains(&code)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(json: &str) -> Category {
        classify(&Resource::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn types_and_categories_decide() {
        let cases = [
            (r#"{"resourceType":"Patient"}"#, Category::Demographics),
            (
                r#"{"resourceType":"Flag","code":{"text":"x"}}"#,
                Category::EmergencySummary,
            ),
            (r#"{"resourceType":"Provenance"}"#, Category::Other),
            (r#"{"resourceType":"Unheard"}"#, Category::Other),
            (
                r#"{"resourceType":"Observation","category":[{"coding":[{"code":"vital-signs"}]}]}"#,
                Category::Vitals,
            ),
            (
                r#"{"resourceType":"Observation","code":{"coding":[{"code":"8867-4"}]}}"#,
                Category::Vitals,
            ),
            (
                r#"{"resourceType":"Observation","category":[{"coding":[{"code":"laboratory"}]}]}"#,
                Category::Laboratory,
            ),
            (
                r#"{"resourceType":"DiagnosticReport","category":[{"coding":[{"code":"RAD"}]}]}"#,
                Category::Imaging,
            ),
            (
                r#"{"resourceType":"DiagnosticReport","presentedForm":[{"data":"eA=="}]}"#,
                Category::Notes,
            ),
            (
                r#"{"resourceType":"Composition","type":{"coding":[{"code":"60591-5"}]}}"#,
                Category::EmergencySummary,
            ),
            (r#"{"resourceType":"Claim"}"#, Category::Billing),
        ];
        for (json, expected) in cases {
            assert_eq!(of(json), expected, "{json}");
        }
    }

    #[test]
    fn sensitive_content_goes_where_fewer_look() {
        let cases = [
            (
                r#"{"resourceType":"Observation","category":[{"coding":[{"code":"survey"}]}],
                "code":{"coding":[{"system":"http://loinc.org","code":"44261-6"}]}}"#,
                Category::MentalHealth,
            ),
            (
                r#"{"resourceType":"Condition","code":{"text":"Major depressive disorder"}}"#,
                Category::MentalHealth,
            ),
            (
                r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F33.1"}]}}"#,
                Category::MentalHealth,
            ),
            (
                r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"O14"}]}}"#,
                Category::SexualHealth,
            ),
            (
                r#"{"resourceType":"Condition","code":{"text":"HIV infection"}}"#,
                Category::SexualHealth,
            ),
            (
                r#"{"resourceType":"Condition","code":{"text":"Hives"}}"#,
                Category::Conditions,
            ),
            (
                r#"{"resourceType":"Observation","code":{"text":"ST depression"}}"#,
                Category::Conditions,
            ),
            (
                r#"{"resourceType":"Observation","category":[{"coding":[{"code":"laboratory"}]}],"code":{"text":"BRCA1 gene analysis"}}"#,
                Category::Genetics,
            ),
            (
                r#"{"resourceType":"Encounter","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}}"#,
                Category::MentalHealth,
            ),
            (
                r#"{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"for depression"}}"#,
                Category::Medications,
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(of(json), expected, "{json}");
        }
    }
}
