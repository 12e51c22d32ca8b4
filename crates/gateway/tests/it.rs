//! The gateway's public face, as far as it needs no chain.
#![allow(clippy::unwrap_used, clippy::expect_used)]

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
fn every_address_of_the_guide_is_in_the_interface_and_the_other_way_round() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut told = std::collections::BTreeSet::new();
    for line in guide.lines().filter(|line| line.starts_with("| ") && line.contains(" /")) {
        let cell = line.trim_start_matches("| ").split(" | ").next().unwrap();
        let mut base = String::new();
        for part in cell.split(", ") {
            let words: Vec<&str> = part.split(' ').collect();
            let (methods, path) = match words.as_slice() {
                [method, path] => (vec![*method], (*path).to_owned()),
                [path] if path.starts_with('/') => (Vec::new(), (*path).to_owned()),
                [method] => {
                    told.insert((*method).to_owned());
                    continue;
                }
                _ => panic!("{line}"),
            };
            let path = path.split(['?']).next().unwrap().to_owned();
            let path = if path.starts_with("/profile") || path == "/health/ready" && base.is_empty() {
                path
            } else {
                base.clone_from(&path);
                path
            };
            for method in methods {
                told.insert(format!("{method} {path}"));
            }
        }
    }
    let document: serde_json::Value = serde_json::from_str(&carechain_gateway::openapi_document()).unwrap();
    let served = document["paths"].as_object().unwrap();
    for (path, methods) in served {
        assert!(guide.contains(path.rsplit("/v1").next().unwrap().split("{id}").next().unwrap()) || path.starts_with("/health"), "{path} is not in docs/gateway.md");
        assert!(!methods.as_object().unwrap().is_empty());
    }
    for told in told.iter().filter(|told| told.contains("/v1/")) {
        let (_, path) = told.split_once(' ').unwrap();
        let path = path.replace("/{recipient}/", "/{subject}/");
        assert!(served.contains_key(&path), "{told} is not served");
    }
}
