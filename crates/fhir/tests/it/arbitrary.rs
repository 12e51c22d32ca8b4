//! Arbitrary bytes, arbitrary JSON and damaged resources: never a panic, always exact slices.

use carechain_fhir::{
    Document, Resource, bundle_person, check, classify, operation_outcome, patient_refs,
    read_document, resource_person, view, when,
};
use proptest::collection::vec;
use proptest::prelude::*;

const SEEDS: &[&str] = &[
    r##"{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2024-01-01T10:00:00.5+01:00","valueQuantity":{"value":72.50,"unit":"/min","code":"/min"},"component":[{"code":{"text":"a"},"valueRange":{"low":{"value":1},"high":{"value":2}}}],"referenceRange":[{"low":{"value":1,"unit":"x"}}],"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &amp; b</p></div>"}}"##,
    r##"{"resourceType":"Bundle","type":"document","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Composition","subject":{"reference":"urn:uuid:2"},"section":[{"title":"x","text":{"div":"<div>y</div>"}}]}},{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Patient","name":[{"family":"Lee","given":["Ann"]}],"birthDate":"1980-01-01"}}]}"##,
    r##"{"resourceType":"MedicationRequest","contained":[{"resourceType":"Medication","id":"m","code":{"text":"é"}}],"medicationReference":{"reference":"#m"},"dosageInstruction":[{"timing":{"repeat":{"frequency":1,"period":2.0,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}]}"##,
    r##"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain","data":"SGVsbG8="}}],"context":{"period":{"start":"2024-02-01","end":"2024-01-01"}}}"##,
];

/// Everything that reads a document, on any input.
fn use_everything(bytes: &[u8]) {
    let issues = check(bytes);
    let outcome = operation_outcome(&issues);
    assert!(serde_json::from_slice::<serde_json::Value>(&outcome).is_ok());
    let Ok(document) = read_document(bytes) else {
        assert!(!issues.is_empty(), "unreadable input has an issue");
        return;
    };
    let one = |resource: &Resource<'_>| {
        assert!(usize::from(classify(resource).number()) < 16);
        drop(when(resource));
        drop(view(resource));
        drop(patient_refs(resource));
        drop(resource_person(resource));
        let range = bytes.as_ptr_range();
        let slice = resource.bytes().as_ptr_range();
        assert!(range.start <= slice.start && slice.end <= range.end);
    };
    match document {
        Document::Resource(resource) => one(&resource),
        Document::Bundle(bundle) => {
            bundle
                .entries()
                .iter()
                .filter_map(|e| e.resource.as_ref())
                .for_each(one);
            drop(bundle_person(&bundle));
        }
    }
}

fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let keys = prop::sample::select(vec![
        "resourceType",
        "id",
        "text",
        "div",
        "coding",
        "code",
        "display",
        "value",
        "unit",
        "start",
        "end",
        "reference",
        "contained",
        "entry",
        "resource",
        "fullUrl",
        "name",
        "given",
        "family",
        "valueQuantity",
        "component",
        "data",
        "contentType",
        "extension",
        "url",
        "low",
        "high",
        "repeat",
        "period",
        "periodUnit",
        "meta",
        "subject",
        "_id",
        "effectiveDateTime",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        prop::sample::select(vec![
            "Patient",
            "Observation",
            "Bundle",
            "#x",
            "#",
            "2024-02-30",
            "text/plain",
            "SGk=",
            "<div>",
            "<div onload='x'>&#x41;</div>",
            "2024-01-01T00:00:00Z",
        ])
        .prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Into::into),
            vec((keys.clone(), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        use_everything(&bytes);
    }

    #[test]
    fn arbitrary_json_never_panics(
        value in json(6),
        name in prop::sample::select(vec!["Patient", "Observation", "Bundle", "MedicationRequest",
            "DiagnosticReport", "Composition", "ExplanationOfBenefit", "Nothing"]),
    ) {
        let mut value = value;
        if let Some(members) = value.as_object_mut() {
            members.insert("resourceType".into(), name.into());
        }
        use_everything(value.to_string().as_bytes());
    }

    #[test]
    fn damaged_resources_never_panic(
        seed in prop::sample::select(SEEDS),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = seed.as_bytes().to_vec();
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"{}[]\",:0"[usize::from(byte % 8)],
            }
            if bytes.is_empty() {
                break;
            }
        }
        use_everything(&bytes);
    }

    #[test]
    fn entries_are_exact_slices(
        resources in vec(json(4), 0..6),
        before in "[ \n\t]{0,3}",
        after in "[ \n\t]{0,3}",
    ) {
        let resources: Vec<String> = resources
            .into_iter()
            .enumerate()
            .map(|(i, value)| {
                let value = value.to_string();
                format!("{before}{{ \"resourceType\" :{after}\"T\",\"i\":{i}, \"x\":{value} }}")
            })
            .collect();
        let entries: Vec<String> =
            resources.iter().map(|r| format!("{{\"resource\":{r}{after}}}")).collect();
        let entries = entries.join(&format!("{after},{before}"));
        let text = format!("{{\"resourceType\":\"Bundle\",\"entry\":[{entries}]}}");
        let Ok(Document::Bundle(bundle)) = read_document(text.as_bytes()) else {
            return Err(TestCaseError::fail("not read"));
        };
        prop_assert_eq!(bundle.entries().len(), resources.len());
        for (entry, source) in bundle.entries().iter().zip(&resources) {
            let resource = entry.resource.as_ref().unwrap();
            prop_assert_eq!(resource.bytes(), source.trim_start().as_bytes());
        }
    }
}

/// A page's default stack in WebAssembly is 1 MiB: the deepest documents must fit into it.
#[test]
fn the_deepest_documents_fit_a_small_stack() {
    let nest = |open: &str, close: &str, times: usize| {
        format!(
            "{}{}{}",
            open.repeat(times),
            r#"{"url":"x"}"#,
            close.repeat(times)
        )
    };
    let documents = [
        format!(
            r#"{{"resourceType":"Patient","extension":[{}]}}"#,
            nest(r#"{"url":"x","extension":["#, "]}", 22)
        ),
        format!(
            r#"{{"resourceType":"Bundle","entry":[{{"resource":{}}}]}}"#,
            nest(
                r#"{"resourceType":"Bundle","entry":[{"resource":"#,
                "}]}",
                14
            )
        ),
        format!(
            r#"{{"resourceType":"Questionnaire","item":[{}]}}"#,
            nest(r#"{"item":["#, "]}", 22)
        ),
        format!(
            r#"{{"resourceType":"Claim","contained":[{}]}}"#,
            nest(
                r#"{"resourceType":"ExplanationOfBenefit","contained":["#,
                "]}",
                22
            )
        ),
        "[".repeat(100_000),
    ];
    let worker = std::thread::Builder::new().stack_size(1024 * 1024);
    let handle = worker.spawn(move || {
        for document in &documents {
            use_everything(document.as_bytes());
        }
    });
    handle.unwrap().join().unwrap();
}

/// Many of everything costs no more than linear time: this ends at once or not at all.
#[test]
fn crowds_are_read_in_linear_time() {
    const CROWD: usize = 60_000;
    let crowd = |one: &str| vec![one; CROWD].join(",");
    let documents = [
        format!(
            r##"{{"resourceType":"Patient","contained":[{}],"generalPractitioner":[{}]}}"##,
            crowd(r#"{"resourceType":"Organization","id":"o"}"#),
            crowd(r##"{"reference":"#x"}"##)
        ),
        format!(
            r#"{{"resourceType":"Observation","subject":[{}]}}"#,
            (0..CROWD)
                .map(|i| format!(r#"{{"reference":"Patient/{i}"}}"#))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!(
            r#"{{"resourceType":"Bundle","entry":[{}]}}"#,
            (0..CROWD)
                .map(|i| format!(
                    r#"{{"resource":{{"resourceType":"Patient","name":[
                {{"given":["g{i}"]}}]}}}}"#
                ))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!(r#"{{"resourceType":"Patient","name":[{}]}}"#, crowd("{}")),
    ];
    for document in &documents {
        use_everything(document.as_bytes());
    }
}
