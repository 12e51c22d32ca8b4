//! Real sample data, each person into a chart of their own. The whole set is run by scripts/must/import-all.sh.

use std::io::Read;
use std::path::{Path, PathBuf};

use carechain_client::ImportOptions;
use carechain_fhir::{Document, read_document};
use carechain_testkit::{Somebody, TestNode};

/// People imported here.
const PEOPLE: usize = 3;

/// The smallest bundles of the sample data; none where it is absent.
fn bundles() -> Vec<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("CARECHAIN_SAMPLES").map_or(default, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(root.join("fhir/synthea-r4-2019")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|p| p.to_string_lossy().ends_with(".json.gz"))
        .collect();
    paths.sort_by_key(|path| (path.metadata().unwrap().len(), path.clone()));
    paths.truncate(PEOPLE);
    paths
}

fn unzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// The exact source slice of every entry.
fn entries(bytes: &[u8]) -> Vec<Vec<u8>> {
    let Document::Bundle(bundle) = read_document(bytes).unwrap() else {
        panic!("a Bundle")
    };
    let resources = bundle
        .entries()
        .iter()
        .filter_map(|entry| entry.resource.as_ref());
    let mut slices: Vec<_> = resources
        .map(|resource| resource.bytes().to_vec())
        .collect();
    slices.sort();
    slices
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_charts_are_stored_read_back_byte_for_byte_and_unchanged_when_imported_again() {
    let paths = bundles();
    if paths.is_empty() {
        println!("skipped: no sample data at CARECHAIN_SAMPLES or ../shared/data");
        return;
    }
    let node = TestNode::start().await;
    for path in paths {
        let bytes = unzip(&path);
        let expected = entries(&bytes);
        let patient = Somebody::patient(node.url()).await;
        let device = patient.device().await;
        for (stored, unchanged) in [(expected.len() as u64, 0), (0, expected.len() as u64)] {
            let mut importer = device
                .importer(patient.subject, ImportOptions::default())
                .await
                .unwrap();
            importer.document("bundle.json", &bytes).await.unwrap();
            let report = importer.finish().await.unwrap();
            assert_eq!(
                (report.stored, report.unchanged, report.rejected),
                (stored, unchanged, vec![])
            );
        }
        let found = device.verify(patient.subject, None).await.unwrap();
        assert!(
            found.is_clean() && found.good == expected.len() as u64,
            "{found:?}"
        );
        let query = carechain_client::ChartQuery {
            contents: true,
            ..Default::default()
        };
        let chart = device.chart(patient.subject, &query).await.unwrap();
        let mut read: Vec<_> = chart
            .rows
            .into_iter()
            .map(|row| row.content.unwrap())
            .collect();
        read.sort();
        assert!(
            read == expected,
            "every entry comes back as the bytes it had"
        );
    }
}
