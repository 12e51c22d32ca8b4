//! Rules between elements, under the names that FHIR R4 gives them.

use std::collections::HashSet;

use super::path::Path;
use super::walk::{Inside, Walk};
use super::{dates, references};
use crate::document::Bundle;
use crate::issue::{Issue, IssueCode};
use crate::json::{Node, Value};

/// Rules of data types, known by their members wherever they occur.
pub(super) fn element(walk: &mut Walk<'_>, node: &Node<'_>, path: &Path<'_>) {
    let mut rule = |broken: bool, member: &str, message: &str| {
        if broken {
            walk.report(&path.key(member), IssueCode::Invariant, message);
        }
    };
    let name = path.element();
    let has = |key: &str| node.get(key).is_some();
    if name == "extension" || name == "modifierExtension" {
        let valued = node.members().iter().any(|(k, _)| {
            let k = k.strip_prefix('_').unwrap_or(k);
            k.len() > 5 && k.starts_with("value")
        });
        let message = "an extension has a value or extensions, not both and not neither (ext-1)";
        rule(valued == has("extension"), "value[x]", message);
    }
    if let (Some(start), Some(end)) = (node.str("start"), node.str("end")) {
        rule(
            dates::reversed(start, end),
            "end",
            "ends before it starts (per-1)",
        );
    }
    if node.get("value").is_some_and(|v| v.number().is_some()) {
        let broken = node.str("code").is_some() && !has("system");
        rule(broken, "system", "a coded unit needs its system (qty-3)");
    }
    if name == "telecom" {
        rule(
            has("value") && !has("system"),
            "system",
            "a contact needs its system (cpt-2)",
        );
    }
    if node.str("data").is_some() && matches!(name, "attachment" | "photo" | "presentedForm") {
        rule(
            !has("contentType"),
            "contentType",
            "data needs its content type (att-1)",
        );
    }
}

/// Rules of resources.
pub(super) fn resource(
    walk: &mut Walk<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    inside: Inside<'_, '_>,
) {
    contained(walk, node, path, inside);
    match inside.resource_type {
        "Observation" => observation(walk, node, path),
        "Patient" => {
            for (i, contact) in node.list("contact").iter().enumerate() {
                let named = ["name", "telecom", "address", "organization"];
                if contact.is_object() && !named.iter().any(|key| contact.get(key).is_some()) {
                    let message = "needs a name, telecom, address or organization (pat-1)";
                    let contacts = path.key("contact");
                    walk.report(&contacts.index(i), IssueCode::Invariant, message);
                }
            }
        }
        "Condition" => {
            let clinical = node.get("clinicalStatus").is_some();
            if has_code(node, "verificationStatus", "entered-in-error") && clinical {
                let message = "must be absent when entered in error (con-5)";
                walk.report(&path.key("clinicalStatus"), IssueCode::Invariant, message);
            }
            let abated = node
                .members()
                .iter()
                .any(|(k, _)| k.starts_with("abatement"));
            let over = ["resolved", "remission", "inactive"];
            if abated && clinical && !over.iter().any(|c| has_code(node, "clinicalStatus", c)) {
                let message = "must be inactive, resolved or remission when abated (con-4)";
                walk.report(&path.key("clinicalStatus"), IssueCode::Invariant, message);
            }
        }
        "AllergyIntolerance" => {
            let mistaken = has_code(node, "verificationStatus", "entered-in-error");
            if mistaken == node.get("clinicalStatus").is_some() {
                let message = "present exactly when not entered in error (ait-1, ait-2)";
                walk.report(&path.key("clinicalStatus"), IssueCode::Invariant, message);
            }
        }
        _ => {}
    }
}

fn observation(walk: &mut Walk<'_>, node: &Node<'_>, path: &Path<'_>) {
    let valued = |node: &Node<'_>| {
        node.members()
            .iter()
            .any(|(k, _)| k.len() > 5 && k.starts_with("value"))
    };
    if valued(node) && node.get("dataAbsentReason").is_some() {
        let message = "must be absent when there is a value (obs-6)";
        walk.report(&path.key("dataAbsentReason"), IssueCode::Invariant, message);
    }
    for (i, range) in node.list("referenceRange").iter().enumerate() {
        let said = ["low", "high", "text"]
            .iter()
            .any(|key| range.get(key).is_some());
        if range.is_object() && !said {
            let ranges = path.key("referenceRange");
            let message = "needs low, high or text (obs-3)";
            walk.report(&ranges.index(i), IssueCode::Invariant, message);
        }
    }
}

/// dom-2 and dom-3: contained resources contain nothing, and something points at each.
fn contained(walk: &mut Walk<'_>, node: &Node<'_>, path: &Path<'_>, inside: Inside<'_, '_>) {
    if inside.is_contained {
        if node.get("contained").is_some() {
            let message = "a contained resource contains no other (dom-2)";
            walk.report(&path.key("contained"), IssueCode::Invariant, message);
        }
        return;
    }
    if inside.contained.is_empty() {
        return;
    }
    if inside.contained.len() > references::MAX_CONTAINED {
        let message = "too many contained resources to look references up in";
        walk.report(&path.key("contained"), IssueCode::TooLong, message);
        return;
    }
    let mut local = HashSet::new();
    local_references(node, &mut local);
    for (i, resource) in inside.contained.iter().enumerate() {
        let Some(id) = resource.str("id") else {
            continue;
        };
        let mut own = HashSet::new();
        local_references(resource, &mut own);
        if !local.contains(id) && !own.contains("") {
            let all = path.key("contained");
            let message = "nothing in the resource points at it (dom-3)";
            walk.report(&all.index(i), IssueCode::Invariant, message);
        }
    }
}

/// Collects the fragments of all strings that start with `#`.
fn local_references<'n>(node: &'n Node<'_>, found: &mut HashSet<&'n str>) {
    match &node.value {
        Value::String(text) => {
            if let Some(id) = text.strip_prefix('#') {
                found.insert(id);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| local_references(item, found)),
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(_, value)| local_references(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number => {}
    }
}

fn has_code(node: &Node<'_>, element: &str, code: &str) -> bool {
    node.list(element)
        .iter()
        .flat_map(|concept| concept.list("coding"))
        .any(|coding| coding.str("code") == Some(code))
}

/// Rules of a Bundle and its entries.
pub(super) fn bundle(bundle: &Bundle<'_>, issues: &mut Vec<Issue>) {
    let mut rule = |path: String, message: &str| {
        issues.push(Issue::error(path, IssueCode::Invariant, message));
    };
    let kind = bundle.bundle_type().unwrap_or_default();
    let frame = bundle.frame();
    if frame.get("total").is_some() && !matches!(kind, "searchset" | "history") {
        rule(
            "Bundle.total".into(),
            "only in search results and histories (bdl-1)",
        );
    }
    if kind == "document" {
        let first = bundle.entries().first().and_then(|e| e.resource.as_ref());
        if first.is_none_or(|r| r.resource_type() != "Composition") {
            rule(
                "Bundle.entry[0]".into(),
                "a document starts with a Composition (bdl-11)",
            );
        }
    }
    let requests = matches!(kind, "batch" | "transaction" | "history");
    let mut urls = HashSet::new();
    for (entry, node) in bundle.entries().iter().zip(frame.list("entry")) {
        let at = format!("Bundle.entry[{}]", entry.index);
        if node.get("resource").is_some() {
            rule(format!("{at}.resource"), "the key appears more than once");
        }
        let empty = node.members().is_empty() && entry.resource.is_none();
        if empty {
            rule(at.clone(), "an entry is not empty (bdl-5)");
        } else if node.get("request").is_some() != requests {
            let message = "present exactly in batch, transaction and history (bdl-3)";
            rule(format!("{at}.request"), message);
        }
        let Some(url) = entry.full_url.as_deref() else {
            continue;
        };
        if url.contains("/_history/") {
            rule(format!("{at}.fullUrl"), "must not name a version (bdl-8)");
        }
        let version = entry
            .resource
            .as_ref()
            .and_then(|r| r.json().at(&["meta", "versionId"])?.text());
        if kind != "history" && !urls.insert((url, version)) {
            rule(
                format!("{at}.fullUrl"),
                "the same as that of another entry (bdl-7)",
            );
        }
    }
}
