//! Sample data: HL7's examples, patient summaries, Synthea's patients and hand-made faulty cases.
//! The folder is `CARECHAIN_SAMPLES`, else `../shared/data` beside the workspace; when it is not
//! there, the tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use carechain_fhir::{
    Category, Document, Issue, Likeness, Resource, bundle_person, check, classify, patient_refs,
    read_document, resource_person, view, when,
};

/// HL7's examples that really break R4, each with the element at fault.
const FAULTY_EXAMPLES: &[(&str, &str)] = &[
    // Its performer is an Encounter, which R4 does not allow there.
    (
        "observation-example-clinical-gender.json",
        "Observation.performer[0].reference",
    ),
];

/// Patient summaries that really break R4, each with the elements at fault.
const FAULTY_SUMMARIES: &[(&str, &[&str])] = &[
    // Version ids with colons; contained requests without their subject; contained resources that
    // nothing points at.
    (
        "CA_VeroSource_buddy_bear.json",
        &[
            "contained[0]",
            "contained[0].subject",
            "contained[1]",
            "meta.versionId",
        ],
    ),
    // Narratives of several div elements where one is the rule.
    ("NL_Curavista_01.json", &["text.div"]),
];

fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CARECHAIN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join("fhir").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no sample data at {}", folder.display());
    None
}

/// The files of a sample folder by name, unpacked.
fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder(name) else {
        return Vec::new();
    };
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            matches!(
                path.extension().and_then(|e| e.to_str()),
                Some("json" | "gz")
            )
        })
        .map(|path| {
            let mut bytes = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|e| e == "gz") {
                let mut unpacked = Vec::new();
                flate2::read::GzDecoder::new(&bytes[..])
                    .read_to_end(&mut unpacked)
                    .unwrap();
                bytes = unpacked;
            }
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                bytes,
            )
        })
        .collect();
    files.sort();
    files
}

fn errors(bytes: &[u8]) -> Vec<Issue> {
    check(bytes).into_iter().filter(Issue::is_error).collect()
}

/// Every resource of a document, entries of Bundles one by one.
fn each_resource(bytes: &[u8], mut f: impl FnMut(&Resource<'_>)) {
    match read_document(bytes).unwrap() {
        Document::Resource(resource) => f(&resource),
        Document::Bundle(bundle) => {
            bundle
                .entries()
                .iter()
                .filter_map(|e| e.resource.as_ref())
                .for_each(f);
        }
    }
}

#[test]
fn faulty_cases_are_refused_and_none_is_deferred() {
    let mut deferred = Vec::new();
    for (name, bytes) in files("invalid-cases") {
        let errors = errors(&bytes);
        let acceptable = name.starts_with("00_") || name.starts_with("32_");
        if acceptable {
            assert!(errors.is_empty(), "{name}: {errors:?}");
        } else if errors.is_empty() {
            deferred.push(name);
        }
    }
    assert_eq!(deferred, Vec::<String>::new());
}

#[test]
fn faults_are_found_where_they_are() {
    let expected: BTreeMap<&str, &str> = [
        ("01_unknown_prop.json", "Patient.foo"),
        ("02_wrong_json_type.json", "Patient.birthDate"),
        ("03_bad_date.json", "Patient.birthDate"),
        ("04_missing_required.json", "Observation.status"),
        ("05_bad_required_code.json", "Patient.gender"),
        ("06_array_for_scalar.json", "Patient.birthDate"),
        ("07_scalar_for_array.json", "Patient.name"),
        ("08_two_value_x.json", "Observation.value[x]"),
        ("09_empty_array.json", "Patient.name"),
        ("10_empty_object.json", "Observation.bodySite"),
        ("12_ref_wrong_target.json", "Observation.subject.reference"),
        ("13_inv_obs6.json", "Observation.dataAbsentReason"),
        ("14_bad_id.json", "Patient.id"),
        ("15_positiveInt0.json", "Appointment.minutesDuration"),
        ("16_bad_base64.json", "Binary.data"),
        ("17_datetime_no_tz.json", "Observation.effectiveDateTime"),
        ("18_null_value.json", "Patient.birthDate"),
        ("19_inv_ext1.json", "Patient.extension[0].value[x]"),
        ("20_inv_dom3_contained_unref.json", "Patient.contained[0]"),
        ("21_xhtml_script.json", "Patient.text.div"),
        (
            "22_inv_qty3_code_no_system.json",
            "Observation.valueQuantity.system",
        ),
        ("23_inv_pat1_contact.json", "Patient.contact[0]"),
        ("24_bundle_request_missing_type.json", "Bundle.type"),
        ("25_value_type_not_allowed.json", "Observation.valueAddress"),
        ("26_nested_unknown.json", "Patient.name[0].familyName"),
        ("27_boolean_as_string.json", "Patient.active"),
        (
            "28_decimal_as_string.json",
            "Observation.valueQuantity.value",
        ),
        ("29_inv_per1_period.json", "Encounter.period.end"),
        ("30_unknown_in_entry.json", "Bundle.entry[0].resource.foo"),
        ("31_dup_key.json", "Patient.gender"),
    ]
    .into();
    for (name, bytes) in files("invalid-cases") {
        if let Some(path) = expected.get(name.as_str()) {
            let paths: Vec<String> = errors(&bytes).into_iter().map(|i| i.path).collect();
            assert!(paths.iter().any(|p| p == path), "{name}: {paths:?}");
        }
    }
}

#[test]
fn published_examples_are_accepted() {
    let mut refused = BTreeMap::new();
    for (name, bytes) in files("hl7-r4-examples") {
        if let Some(issue) = errors(&bytes).into_iter().next() {
            refused.insert(name, issue);
        }
    }
    for (name, issue) in &refused {
        println!("{name}: {issue}");
    }
    if folder("hl7-r4-examples").is_some() {
        let found: Vec<(&str, &str)> = refused
            .iter()
            .map(|(name, issue)| (name.as_str(), issue.path.as_str()))
            .collect();
        assert_eq!(found, FAULTY_EXAMPLES);
    }
}

#[test]
fn patient_summaries_are_accepted() {
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, bytes) in files("ips") {
        for issue in errors(&bytes) {
            println!("{name}: {issue}");
            // `Bundle.entry[3].resource.meta.versionId` as `meta.versionId`, and so on.
            let path = issue
                .path
                .split_once(".resource.")
                .map_or("", |(_, path)| path);
            let path = path
                .split_once("section[")
                .map_or(path, |(_, path)| &path[3..]);
            refused
                .entry(name.clone())
                .or_default()
                .insert(path.to_owned());
        }
    }
    if folder("ips").is_some() {
        let known: BTreeMap<String, BTreeSet<String>> = FAULTY_SUMMARIES
            .iter()
            .map(|(name, paths)| {
                (
                    (*name).to_owned(),
                    paths.iter().map(|p| (*p).to_owned()).collect(),
                )
            })
            .collect();
        assert_eq!(refused, known);
    }
}

#[test]
fn synthea_patients_are_accepted_and_taken_apart_exactly() {
    let mut entries = 0;
    let mut people = 0;
    for (name, bytes) in files("synthea-r4-2019")
        .into_iter()
        .chain(files("synthea-r4-blaze"))
    {
        assert_eq!(errors(&bytes), [], "{name}");
        let Document::Bundle(bundle) = read_document(&bytes).unwrap() else {
            panic!("{name}")
        };
        entries += bundle.entries().len();
        let known: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let range = bytes.as_ptr_range();
        for entry in bundle.entries() {
            let resource = entry.resource.as_ref().unwrap();
            assert!(range.contains(&resource.bytes().as_ptr()), "{name}");
            let read: serde_json::Value = serde_json::from_slice(resource.bytes()).unwrap();
            assert_eq!(read, known["entry"][entry.index]["resource"], "{name}");
        }
        let Some(person) = bundle_person(&bundle).unwrap() else {
            continue;
        };
        people += 1;
        for entry in bundle.entries() {
            let resource = entry.resource.as_ref().unwrap();
            for reference in patient_refs(resource) {
                assert_eq!(Some(&reference), person.reference.as_ref(), "{name}");
            }
            if let Some(described) = resource_person(resource) {
                assert_eq!(described.compare(&person), Likeness::Same);
            }
        }
    }
    if folder("synthea-r4-2019").is_some() && folder("synthea-r4-blaze").is_some() {
        assert_eq!((people, entries), (54, 24_380));
    }
}

#[test]
fn every_sample_has_a_category_a_date_and_a_view() {
    const UNDATED: &[&str] = &[
        "Binary",
        "Device",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "RelatedPerson",
        "Person",
        "Coverage",
        "Consent",
        "CareTeam",
        "CarePlan",
        "Goal",
    ];
    let mut seen = BTreeSet::new();
    let mut undated = BTreeMap::new();
    for name in [
        "synthea-r4-2019",
        "synthea-r4-blaze",
        "ips",
        "hl7-r4-examples",
    ] {
        for (file, bytes) in files(name) {
            each_resource(&bytes, |resource| {
                let category = classify(resource);
                seen.insert(category);
                let view = view(resource);
                assert!(!view.title.is_empty(), "{file}");
                let has_rows = !view.sections.is_empty() || view.narrative.is_some();
                let bare = resource.json().members().len() <= 3;
                assert!(
                    has_rows || bare,
                    "{file}: {} shows nothing",
                    view.resource_type
                );
                for row in view.sections.iter().flat_map(|s| &s.rows) {
                    assert!(
                        !row.value.trim().is_empty() && !row.label.is_empty(),
                        "{file}"
                    );
                    assert!(
                        !row.value.contains("<div"),
                        "{file}: markup in {}",
                        row.label
                    );
                }
                let kind = resource.resource_type().to_owned();
                if name.starts_with("synthea") && when(resource).is_none() {
                    *undated.entry(kind).or_insert(0) += 1;
                }
            });
        }
    }
    if folder("ips").is_some() {
        undated.retain(|kind, _| !UNDATED.contains(&kind.as_str()));
        assert_eq!(undated, BTreeMap::new());
        let missing: Vec<_> = Category::ALL
            .into_iter()
            .filter(|c| !seen.contains(c))
            .collect();
        assert_eq!(missing, []);
    }
}
