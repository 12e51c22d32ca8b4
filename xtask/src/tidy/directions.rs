//! Which crate may use which: the table of ARCHITECTURE.md, checked against `cargo metadata`.
//!
//! Normal and build dependencies count. Dev-dependencies do not: a test may wire what the program
//! must not. A crate that the table does not know is a fault, so that the table stays complete.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

/// A crate of the workspace with what it depends on.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Folder relative to the root of the workspace.
    pub(super) folder: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    dev: bool,
    default_features: bool,
}

const PREFIX: &str = "carechain-";

/// Pure crates, which run on a person's device as wasm too: no I/O, clock or ambient randomness.
const PURE: [&str; 5] = ["crypto", "bindings", "fhir", "domain", "api"];

/// Crate, and the crates of ours that it may use. Engines (chain, ipfs, vault, index) are never in
/// each other's row.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("crypto", &[]),
    ("bindings", &[]),
    ("domain", &["bindings", "crypto"]),
    ("fhir", &["bindings", "crypto", "domain"]),
    ("api", &["bindings", "crypto", "domain", "fhir"]),
    (
        "client",
        &["api", "bindings", "crypto", "domain", "fhir", "ipfs"],
    ),
    (
        "keys",
        &["api", "bindings", "client", "crypto", "domain", "fhir"],
    ),
    ("chain", &[]),
    ("ipfs", &[]),
    ("vault", &["crypto", "domain"]),
    ("index", &["bindings", "crypto", "domain"]),
    (
        "gateway",
        &[
            "api", "bindings", "chain", "crypto", "domain", "index", "ipfs", "vault",
        ],
    ),
    (
        "node",
        &[
            "api", "bindings", "chain", "crypto", "domain", "gateway", "index", "ipfs", "vault",
        ],
    ),
    (
        "cli",
        &[
            "api", "bindings", "client", "crypto", "domain", "fhir", "ipfs", "node",
        ],
    ),
    (
        "testkit",
        &[
            "api", "bindings", "chain", "cli", "client", "crypto", "domain", "fhir", "gateway",
            "index", "ipfs", "node", "vault",
        ],
    ),
    // Measures the program as it ships, and is never part of it.
    (
        "benches",
        &["bindings", "client", "crypto", "domain", "fhir", "testkit"],
    ),
];

/// Outside crates, the crates of ours that may use them, and why the others may not.
const OUTSIDE: [(&str, &[&str], &str); 4] = [
    (
        "anyhow",
        &["benches", "cli", "testkit", "xtask"],
        "libraries have one typed error each",
    ),
    (
        "axum",
        &["gateway", "testkit"],
        "the gateway alone knows HTTP handlers",
    ),
    ("sqlx", &["vault", "index"], "the two stores alone know SQL"),
    ("clap", &["cli"], "the command line alone reads arguments"),
];

/// Outside crates that do I/O or read the clock, which pure crates must not use.
const IMPURE: [&str; 7] = [
    "axum", "libc", "rand", "reqwest", "sqlx", "tempfile", "tokio",
];

/// Reads the packages of `cargo metadata --no-deps`.
pub(super) fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let root = metadata["workspace_root"]
        .as_str()
        .context("metadata without workspace_root")?;
    let list = metadata["packages"]
        .as_array()
        .context("metadata without packages")?;
    list.iter()
        .map(|package| read_package(Path::new(root), package))
        .collect()
}

fn read_package(root: &Path, package: &Value) -> Result<Package> {
    let name = package["name"]
        .as_str()
        .context("package without a name")?
        .to_owned();
    let manifest = package["manifest_path"]
        .as_str()
        .context("package without a manifest")?;
    let folder = Path::new(manifest)
        .parent()
        .context("manifest without a folder")?;
    let folder = folder
        .strip_prefix(root)
        .context("package outside the workspace")?;
    let list = package["dependencies"]
        .as_array()
        .context("package without dependencies")?;
    let dependencies = list
        .iter()
        .map(|dependency| {
            Ok(Dependency {
                name: dependency["name"]
                    .as_str()
                    .context("dependency without a name")?
                    .to_owned(),
                dev: dependency["kind"] == "dev",
                default_features: dependency["uses_default_features"]
                    .as_bool()
                    .unwrap_or(true),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Package {
        name,
        folder: folder.to_string_lossy().into_owned(),
        dependencies,
    })
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// True for the crates that hold no I/O, clock or randomness.
pub(super) fn is_pure(name: &str) -> bool {
    PURE.contains(&short(name))
}

/// Every dependency that the table forbids.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let name = short(&package.name);
        let manifest = format!("{}/Cargo.toml", package.folder);
        let row = MAY_USE.iter().find(|(crate_name, _)| *crate_name == name);
        if row.is_none() && name != "xtask" {
            let reason = format!("{name} is not in the table of xtask/src/tidy/directions.rs");
            findings.push(Finding::new(&manifest, 1, reason));
            continue;
        }
        let may_use = row.map_or(&[] as &[&str], |(_, may_use)| may_use);
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| !dependency.dev)
        {
            if let Some(reason) = forbidden(name, may_use, dependency) {
                findings.push(Finding::new(&manifest, 1, reason));
            }
        }
    }
    findings
}

/// Why `name` must not have the dependency, if so.
fn forbidden(name: &str, may_use: &[&str], dependency: &Dependency) -> Option<String> {
    let target = dependency.name.as_str();
    if let Some(ours) = target.strip_prefix(PREFIX) {
        if !may_use.contains(&ours) {
            return Some(format!(
                "{name} must not use {ours} (directions in ARCHITECTURE.md)"
            ));
        }
        if name == "client" && ours == "ipfs" && dependency.default_features {
            let rule = "client uses ipfs for content ids alone: set default-features = false";
            return Some(rule.to_owned());
        }
        return None;
    }
    if PURE.contains(&name) && IMPURE.contains(&target) {
        return Some(format!("{name} is pure and must not use {target}"));
    }
    OUTSIDE
        .iter()
        .find(|(outside, users, _)| *outside == target && !users.contains(&name))
        .map(|(_, _, why)| format!("{name} must not use {target}: {why}"))
}

/// Every crate takes the lints of the workspace; forgetting them would switch all of them off.
pub(super) fn check_manifest(path: &str, text: &str) -> Option<Finding> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    let inherits = lines.next() == Some("workspace = true");
    (!inherits).then(|| Finding::new(path, 1, "add `[lints]` with `workspace = true`"))
}

/// Pure crates forbid unsafe code.
pub(super) fn check_pure_library(path: &str, text: &str) -> Option<Finding> {
    let forbids = text
        .lines()
        .any(|line| line.trim() == "#![forbid(unsafe_code)]");
    (!forbids).then(|| Finding::new(path, 1, "a pure crate has `#![forbid(unsafe_code)]`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn faults(name: &str, dependencies: Value) -> Vec<String> {
        let metadata = json!({
            "workspace_root": "/r",
            "packages": [{"name": name, "manifest_path": format!("/r/crates/{name}/Cargo.toml"),
                          "dependencies": dependencies}],
        });
        check(&packages(&metadata).unwrap())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn on(name: &str) -> Value {
        json!([{"name": name, "kind": null, "uses_default_features": true}])
    }

    #[test]
    fn allowed_directions_pass() {
        assert!(faults("carechain-domain", on("carechain-crypto")).is_empty());
        assert!(faults("carechain-node", on("carechain-gateway")).is_empty());
        assert!(faults("carechain-vault", on("sqlx")).is_empty());
        assert!(faults("xtask", on("anyhow")).is_empty());
    }

    #[test]
    fn the_finding_names_the_manifest_and_both_crates() {
        let found = faults("carechain-crypto", on("carechain-domain"));
        let expected = "crates/carechain-crypto/Cargo.toml:1: crypto must not use domain";
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(expected), "{}", found[0]);
    }

    #[test]
    fn engines_do_not_know_each_other() {
        let engines = ["chain", "ipfs", "vault", "index"];
        for engine in engines {
            for other in engines.iter().filter(|other| **other != engine) {
                let found = faults(
                    &format!("{PREFIX}{engine}"),
                    on(&format!("{PREFIX}{other}")),
                );
                assert_eq!(found.len(), 1, "{engine} -> {other}");
            }
        }
    }

    #[test]
    fn nobody_ships_testkit_but_tests_may_use_it() {
        let dev = json!([{"name": "carechain-testkit", "kind": "dev"}]);
        for (name, _) in MAY_USE.iter().filter(|(name, _)| *name != "benches") {
            let name = format!("{PREFIX}{name}");
            assert_eq!(faults(&name, on("carechain-testkit")).len(), 1, "{name}");
            assert!(faults(&name, dev.clone()).is_empty(), "{name}");
        }
    }

    #[test]
    fn the_table_has_no_cycle() {
        fn depth(name: &str, path: &mut Vec<String>) {
            assert!(
                !path.iter().any(|seen| seen == name),
                "cycle at {name}: {path:?}"
            );
            path.push(name.to_owned());
            let row = MAY_USE
                .iter()
                .find(|(crate_name, _)| *crate_name == name)
                .unwrap();
            row.1.iter().for_each(|next| depth(next, path));
            path.pop();
        }
        MAY_USE
            .iter()
            .for_each(|(name, _)| depth(name, &mut Vec::new()));
    }

    #[test]
    fn the_client_takes_content_ids_alone_of_ipfs() {
        assert_eq!(faults("carechain-client", on("carechain-ipfs")).len(), 1);
        let bare =
            json!([{"name": "carechain-ipfs", "kind": null, "uses_default_features": false}]);
        assert!(faults("carechain-client", bare).is_empty());
    }

    #[test]
    fn pure_crates_do_no_io() {
        assert!(faults("carechain-domain", on("tokio"))[0].contains("domain is pure"));
        assert!(faults("carechain-client", on("tokio")).is_empty());
    }

    #[test]
    fn outside_crates_stay_where_they_belong() {
        assert!(faults("carechain-chain", on("anyhow"))[0].contains("typed error"));
        assert!(faults("carechain-gateway", on("sqlx"))[0].contains("SQL"));
    }

    #[test]
    fn an_unknown_crate_is_a_fault() {
        assert!(faults("carechain-extra", json!([]))[0].contains("not in the table"));
    }

    #[test]
    fn manifests_take_the_lints_of_the_workspace() {
        assert_eq!(
            check_manifest("c", "[package]\n[lints]\nworkspace = true\n"),
            None
        );
        assert!(check_manifest("c", "[package]\nworkspace = true\n").is_some());
        assert!(check_manifest("c", "[lints]\n[dependencies]\nworkspace = true\n").is_some());
    }

    #[test]
    fn pure_libraries_forbid_unsafe_code() {
        assert_eq!(
            check_pure_library("l", "//! x\n#![forbid(unsafe_code)]\n"),
            None
        );
        assert!(check_pure_library("l", "//! #![forbid(unsafe_code)]\n").is_some());
    }
}
