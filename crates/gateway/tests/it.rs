//! The gateway's public face, as far as it needs no chain.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

/// docs/openapi.json says what the handlers say. `CARECHAIN_BLESS=1` writes it anew.
#[test]
fn the_committed_interface_is_that_of_the_handlers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document = carechain_gateway::openapi_document();
    if std::env::var_os("CARECHAIN_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "docs/openapi.json is out of date: run CARECHAIN_BLESS=1 cargo test -p carechain-gateway --test it"
    );
}

/// Every address of docs/gateway.md is served, and none besides.
#[test]
fn the_guide_and_the_interface_have_the_same_addresses() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut told = BTreeSet::new();
    for line in guide
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(" /"))
    {
        let cell = line.trim_start_matches("| ").split(" | ").next().unwrap();
        let (methods, path) = cell.rsplit_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        for method in methods.split(", ") {
            told.insert(format!("{} {path}", method.to_lowercase()));
        }
    }
    told.remove("get /openapi.json");
    let document = carechain_gateway::openapi_document();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let mut served = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            served.insert(format!("{method} {path}"));
        }
    }
    assert_eq!(told, served);
}
