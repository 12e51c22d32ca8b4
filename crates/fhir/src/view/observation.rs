//! Observations: value, reference range, interpretation, and the same for each component.

use super::text::{self, Words};
use super::{MAX_ITEMS, Row, Section};
use crate::json::Node;

/// Rows before and after the results.
const BEFORE: &[(&str, &str)] = &[("Status", "status"), ("Category", "category")];
const AFTER: &[(&str, &str)] = &[
    ("Interpretation", "interpretation"),
    ("Reference range", "referenceRange"),
    ("Body site", "bodySite"),
    ("Method", "method"),
    ("Specimen", "specimen"),
    ("Device", "device"),
    ("Performer", "performer"),
    ("Visit", "encounter"),
    ("Note", "note"),
    ("Includes", "hasMember"),
    ("Derived from", "derivedFrom"),
];

/// The value in words; of an observation without one, its components' values or why it is absent.
pub(super) fn value(words: &Words<'_, '_>, node: &Node<'_>) -> Option<String> {
    if let Some(value) = words.all(node, "value[x]") {
        return Some(value);
    }
    if let Some(pressure) = blood_pressure(node) {
        return Some(pressure);
    }
    let parts: Vec<String> = node
        .list("component")
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|c| {
            Some(format!(
                "{} {}",
                words.all(c, "code")?,
                words.all(c, "value[x]")?
            ))
        })
        .collect();
    if parts.is_empty() {
        words.all(node, "dataAbsentReason")
    } else {
        Some(parts.join("; "))
    }
}

/// Systolic over diastolic, as everybody writes it.
fn blood_pressure(node: &Node<'_>) -> Option<String> {
    let part = |wanted: &str| {
        let has_code = |c: &&Node<'_>| {
            text::find(c, "code.coding")
                .iter()
                .any(|coding| coding.str("code") == Some(wanted))
        };
        node.list("component")
            .iter()
            .find(has_code)?
            .get("valueQuantity")
    };
    let systolic = part("8480-6")?;
    let diastolic = part("8462-4")?;
    let unit = diastolic
        .str("unit")
        .or_else(|| diastolic.str("code"))
        .unwrap_or_default();
    let unit = if unit == "mm[Hg]" { "mmHg" } else { unit };
    let pressure = format!(
        "{}/{} {unit}",
        systolic.get("value")?.number()?,
        diastolic.get("value")?.number()?
    );
    Some(text::cut(pressure.trim_end(), text::MAX_LABEL_CHARS))
}

pub(super) fn sections(words: &Words<'_, '_>, node: &Node<'_>) -> Vec<Section> {
    let mut rows = super::rows(words, node, BEFORE);
    if let Some(value) = words.all(node, "value[x]") {
        rows.push(Row::new("Value", value));
    }
    for component in node.list("component").iter().take(MAX_ITEMS) {
        let label = words
            .all(component, "code")
            .unwrap_or_else(|| "Part".into());
        let value = words
            .all(component, "value[x]")
            .or_else(|| words.all(component, "dataAbsentReason"));
        let range = words.all(component, "referenceRange");
        if let Some(value) = value {
            let value = match range {
                Some(range) => format!("{value} (reference: {range})"),
                None => value,
            };
            rows.push(Row::new(text::cut(&label, text::MAX_LABEL_CHARS), value));
        }
    }
    rows.extend(super::rows(
        words,
        node,
        &[("Not measured because", "dataAbsentReason")],
    ));
    rows.extend(super::rows(words, node, AFTER));
    vec![Section {
        heading: None,
        rows,
    }]
}
