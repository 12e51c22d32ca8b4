//! What a person sees of a resource: a title, a date and labelled rows of plain text.
//!
//! Each type has a layout ([`layout`]) that says which elements matter and what to call them;
//! [`text`] turns any data type into words. A type without a layout shows all that it has. Nothing
//! here is markup: narratives and attached texts are reduced to words and lines, and lengths are
//! bounded. Odd input yields odd or fewer rows, never a panic.

mod layout;
mod observation;
mod text;

pub(crate) use text::human_name;

use serde::Serialize;

use crate::check::narrative_text;
use crate::document::Resource;
use crate::json::Node;
use crate::when::when;
use layout::{Group, Layout};
use text::Words;

/// How many rows a view has at most.
const MAX_ROWS: usize = 400;
/// How many items of a repeating element are shown.
const MAX_ITEMS: usize = 50;

/// A resource for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// The resource's type.
    pub resource_type: String,
    /// What it is, in a few words.
    pub title: String,
    /// The most important fact about it, such as a value or a status.
    pub subtitle: Option<String>,
    /// The clinically relevant date, in FHIR's format.
    pub date: Option<String>,
    /// Rows, in sections; the first section has no heading.
    pub sections: Vec<Section>,
    /// The narrative's words, when the source wrote one.
    pub narrative: Option<String>,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What they are about.
    pub heading: Option<String>,
    /// The rows; never empty.
    pub rows: Vec<Row>,
}

/// A label and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What the value is.
    pub label: String,
    /// The value as plain text, possibly of several lines.
    pub value: String,
    /// The literal references that the value stands for, such as `urn:uuid:..` or `Patient/1`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
}

impl Row {
    fn new(label: impl Into<String>, value: impl Into<String>) -> Row {
        Row {
            label: label.into(),
            value: value.into(),
            links: Vec::new(),
        }
    }
}

/// The human view of `resource`.
#[must_use]
pub fn view(resource: &Resource<'_>) -> View {
    let node = resource.json();
    let name = resource.resource_type();
    let words = Words::new(node);
    let layout = layout::of(name);
    let mut sections = Vec::new();
    match (name, layout) {
        ("Observation", _) => sections = observation::sections(&words, node),
        ("Bundle", _) => sections = vec![bundle_rows(node)],
        (_, Some(layout)) => fill(&words, node, layout, &mut sections),
        (_, None) => {
            sections = vec![Section {
                heading: None,
                rows: all_rows(&words, node),
            }]
        }
    }
    let date = when(resource);
    bound(&mut sections);
    View {
        title: title(&words, node, name, layout),
        subtitle: match name {
            "Observation" => observation::value(&words, node),
            _ => layout.and_then(|layout| words.first(node, layout.subtitle)),
        },
        resource_type: name.to_owned(),
        date,
        sections,
        narrative: node
            .at(&["text", "div"])
            .and_then(Node::text)
            .and_then(|div| {
                let text = text::cut(&narrative_text(div), text::MAX_NOTE_CHARS);
                (!text.is_empty()).then_some(text)
            }),
    }
}

fn title(words: &Words<'_, '_>, node: &Node<'_>, name: &str, layout: Option<&Layout>) -> String {
    let elements = layout.map_or(layout::ANY_TITLE, |layout| layout.title);
    words
        .first(node, elements)
        .unwrap_or_else(|| text::spaced(name))
}

fn fill(words: &Words<'_, '_>, node: &Node<'_>, layout: &Layout, sections: &mut Vec<Section>) {
    sections.push(Section {
        heading: None,
        rows: rows(words, node, layout.rows),
    });
    for Group {
        heading,
        element,
        rows: wanted,
    } in layout.groups
    {
        for item in text::find(node, element).into_iter().take(MAX_ITEMS) {
            let rows = rows(words, item, wanted);
            sections.push(Section {
                heading: Some((*heading).to_owned()),
                rows,
            });
        }
    }
}

fn rows(words: &Words<'_, '_>, node: &Node<'_>, wanted: &[(&str, &str)]) -> Vec<Row> {
    let row = |(label, element): &(&str, &str)| {
        let value = words.all(node, element)?;
        Some(Row {
            links: text::links(node, element),
            ..Row::new(*label, value)
        })
    };
    wanted.iter().filter_map(row).collect()
}

/// Every element of a type that has no layout.
fn all_rows(words: &Words<'_, '_>, node: &Node<'_>) -> Vec<Row> {
    const HIDDEN: &[&str] = &[
        "resourceType",
        "id",
        "meta",
        "text",
        "contained",
        "extension",
        "modifierExtension",
        "implicitRules",
        "language",
    ];
    let mut rows = Vec::new();
    for (key, value) in node.members() {
        if HIDDEN.contains(&key.as_ref()) || key.starts_with('_') {
            continue;
        }
        let items = if value.items().is_empty() {
            core::slice::from_ref(value)
        } else {
            value.items()
        };
        let shown: Vec<String> = items
            .iter()
            .take(MAX_ITEMS)
            .filter_map(|item| words.deep(item))
            .collect();
        if !shown.is_empty() {
            rows.push(Row::new(text::spaced(key), shown.join("\n")));
        }
    }
    rows
}

fn bundle_rows(node: &Node<'_>) -> Section {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for entry in node.list("entry") {
        let name = entry.at(&["resource", "resourceType"]).and_then(Node::text);
        *counts
            .entry(name.unwrap_or("without a resource"))
            .or_default() += 1;
    }
    let kind = node.str("type").map(|kind| Row::new("Type", kind));
    let counted = counts.into_iter().map(|(name, count)| {
        Row::new(
            text::cut(&text::spaced(name), text::MAX_LABEL_CHARS),
            count.to_string(),
        )
    });
    Section {
        heading: None,
        rows: kind.into_iter().chain(counted).collect(),
    }
}

/// Drops empty sections and rows beyond the bound.
fn bound(sections: &mut Vec<Section>) {
    let mut left = MAX_ROWS;
    for section in sections.iter_mut() {
        section.rows.truncate(left);
        left -= section.rows.len();
    }
    sections.retain(|section| !section.rows.is_empty());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(json: &str) -> View {
        view(&Resource::parse(json.as_bytes()).unwrap())
    }

    fn value<'v>(view: &'v View, label: &str) -> Option<&'v str> {
        let mut rows = view.sections.iter().flat_map(|s| &s.rows);
        rows.find(|r| r.label == label).map(|r| r.value.as_str())
    }

    #[test]
    fn a_patient_reads_like_a_person() {
        let view = of(
            r#"{"resourceType":"Patient","name":[{"prefix":["Dr"],"given":["Ann","M"],
            "family":"Lee"}],"gender":"female","birthDate":"1980-01-02","telecom":[
            {"system":"phone","value":"123","use":"home"}],"address":[{"line":["1 Way"],
            "city":"Town","postalCode":"9","country":"NL"}],
            "text":{"div":"<div><p>Ann <b>Lee</b></p><script>x</script></div>"}}"#,
        );
        assert_eq!(view.title, "Dr Ann M Lee");
        assert_eq!(value(&view, "Birth date"), Some("1980-01-02"));
        assert_eq!(value(&view, "Contact"), Some("phone 123 (home)"));
        assert_eq!(value(&view, "Address"), Some("1 Way, 9 Town, NL"));
        assert_eq!(view.narrative.as_deref(), Some("Ann Lee"));
    }

    #[test]
    fn an_observation_shows_value_range_and_components() {
        let view = of(
            r#"{"resourceType":"Observation","status":"final","code":{"text":"Glucose"},
            "effectiveDateTime":"2024-01-02T10:00:00+01:00","valueQuantity":{"value":5.50,
            "unit":"mmol/L","comparator":"<"},"referenceRange":[{"low":{"value":3.9},
            "high":{"value":5.6,"unit":"mmol/L"}}],"interpretation":[{"coding":[{"code":"N",
            "display":"Normal"}]}],"component":[{"code":{"text":"Systolic"},
            "valueQuantity":{"value":120,"unit":"mmHg"}}]}"#,
        );
        assert_eq!(
            (view.title.as_str(), view.subtitle.as_deref()),
            ("Glucose", Some("< 5.50 mmol/L"))
        );
        assert_eq!(value(&view, "Reference range"), Some("3.9 to 5.6 mmol/L"));
        assert_eq!(value(&view, "Systolic"), Some("120 mmHg"));
        assert_eq!(value(&view, "Interpretation"), Some("Normal"));
        assert_eq!(view.date.as_deref(), Some("2024-01-02T10:00:00+01:00"));
    }

    #[test]
    fn attached_text_is_decoded_and_contained_resources_are_named() {
        let view = of(
            r##"{"resourceType":"DiagnosticReport","code":{"text":"Note"},
            "performer":[{"reference":"#o"}],"contained":[{"resourceType":"Organization","id":"o",
            "name":"Clinic"}],"presentedForm":[{"contentType":"text/plain; charset=utf-8",
            "data":"SGVsbG8KdGhlcmU="},{"contentType":"application/pdf","data":"AAAA"}]}"##,
        );
        assert_eq!(value(&view, "Performer"), Some("Clinic"));
        assert_eq!(
            value(&view, "Text"),
            Some("Hello\nthere\nattachment, application/pdf")
        );
    }

    #[test]
    fn unknown_types_show_what_they_have() {
        let view = of(
            r#"{"resourceType":"VerificationResult","status":"validated",
            "statusDate":"2020-01-02T10:00:00Z","need":{"coding":[{"display":"Initial"}]},
            "target":[{"reference":"Patient/1"}],"odd":{"deep":{"value":1}}}"#,
        );
        assert_eq!(view.title, "Initial");
        assert_eq!(value(&view, "Status date"), Some("2020-01-02 10:00:00 Z"));
        assert_eq!(value(&view, "Target"), Some("Patient/1"));
        assert_eq!(value(&view, "Odd"), Some("deep: 1"));
    }

    #[test]
    fn references_are_links_not_names() {
        let view = of(
            r#"{"resourceType":"MedicationStatement","medicationReference":
            {"reference":"urn:uuid:1"},"reasonReference":[{"reference":"urn:uuid:2"},
            {"reference":"Condition/3","display":"Flu"}]}"#,
        );
        assert_eq!(view.title, "Medication statement");
        let row = &view.sections[0].rows[0];
        assert_eq!(row.value, "another record\nFlu");
        assert_eq!(row.links, ["urn:uuid:2", "Condition/3"]);
    }
}
