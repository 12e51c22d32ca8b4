//! Data types in words. Which type a value has is seen from its members, since FHIR's types differ
//! enough in them; what fits no type is shown as its primitives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::MAX_ITEMS;
use crate::check::narrative_text;
use crate::json::{Node, Value};

/// Longest value of a row, in characters.
const MAX_VALUE_CHARS: usize = 4_000;
/// Longest note or narrative, in characters.
pub(super) const MAX_NOTE_CHARS: usize = 100_000;
/// Longest label or title, in characters.
pub(super) const MAX_LABEL_CHARS: usize = 200;
/// How deep nested elements are shown.
const MAX_DEEP: usize = 4;

/// Turns elements into words; knows the contained resources, so that references to them have
/// names.
pub(super) struct Words<'n, 's> {
    contained: &'n [Node<'s>],
}

/// The nodes at a path; arrays are flattened, and `value[x]` is any member that starts with
/// `value` and goes on with a capital.
pub(super) fn find<'n, 's>(node: &'n Node<'s>, path: &str) -> Vec<&'n Node<'s>> {
    let mut found = vec![node];
    for step in path.split('.') {
        let mut next = Vec::new();
        for node in found {
            let member = match step.strip_suffix("[x]") {
                Some(base) => node.members().iter().find(|(key, _)| is_choice(key, base)),
                None => node.members().iter().find(|(key, _)| key == step),
            };
            match member {
                Some((
                    _,
                    Node {
                        value: Value::Array(items),
                        ..
                    },
                )) => next.extend(items),
                Some((_, value)) => next.push(value),
                None => {}
            }
            if next.len() > MAX_ITEMS {
                next.truncate(MAX_ITEMS);
                break;
            }
        }
        found = next;
    }
    found
}

fn is_choice(key: &str, base: &str) -> bool {
    key.strip_prefix(base)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// The literal references among the values at a path, for a reader to follow.
pub(super) fn links(node: &Node<'_>, path: &str) -> Vec<String> {
    let references = find(node, path)
        .into_iter()
        .filter_map(|value| value.str("reference"));
    let outward = references.filter(|reference| !reference.starts_with('#'));
    outward
        .map(|reference| cut(reference, MAX_LABEL_CHARS))
        .collect()
}

/// A reference that has neither a name nor a contained resource to name it.
fn is_bare_link(node: &Node<'_>) -> bool {
    node.get("display").is_none() && node.str("reference").is_some_and(|r| !r.starts_with('#'))
}

/// `text` cut to `max_chars` characters.
pub(super) fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `valueSet` as `Value set`.
pub(super) fn spaced(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(MAX_LABEL_CHARS) {
        if out.is_empty() {
            out.extend(c.to_uppercase());
        } else if c.is_uppercase() {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

impl<'n, 's> Words<'n, 's> {
    pub(super) fn new(resource: &'n Node<'s>) -> Words<'n, 's> {
        Words {
            contained: resource.get("contained").map_or(&[], Node::items),
        }
    }

    /// All values at `path`, one line each.
    pub(super) fn all(&self, node: &Node<'_>, path: &str) -> Option<String> {
        let mut shown: Vec<String> = Vec::new();
        for value in find(node, path) {
            if let Some(text) = self.show(value)
                && !shown.contains(&text)
            {
                shown.push(text);
            }
        }
        (!shown.is_empty()).then(|| cut(&shown.join("\n"), MAX_NOTE_CHARS))
    }

    /// The first of `paths` that has something to say, on one line. `path[last]` takes the last of
    /// a repeating element. References without a name say nothing.
    pub(super) fn first(&self, node: &Node<'_>, paths: &[&str]) -> Option<String> {
        let named = |path: &&str| {
            let (path, last) = match path.strip_suffix("[last]") {
                Some(path) => (path, true),
                None => (*path, false),
            };
            let values = find(node, path)
                .into_iter()
                .filter(|value| !is_bare_link(value));
            let mut texts = values.filter_map(|value| self.show(value));
            if last {
                texts.next_back()
            } else {
                texts.next()
            }
        };
        let text = paths.iter().find_map(named)?;
        let line = text.lines().next().unwrap_or_default();
        Some(cut(line, MAX_LABEL_CHARS))
    }

    /// A value in words; nested elements that are no data type are left out.
    pub(super) fn show(&self, node: &Node<'_>) -> Option<String> {
        if let Some(primitive) = node.primitive() {
            let text = match node.text() {
                Some(text) if text.trim_start().starts_with("<div") => narrative_text(text),
                Some(text) => moment(text).unwrap_or_else(|| text.trim().to_owned()),
                None if node.bool() == Some(true) => "yes".to_owned(),
                None if node.bool() == Some(false) => "no".to_owned(),
                None => primitive.to_owned(),
            };
            return (!text.is_empty()).then(|| cut(&text, MAX_VALUE_CHARS));
        }
        if !node.is_object() {
            return None;
        }
        let text = self.data_type(node)?;
        let max = if node.get("data").is_some() {
            MAX_NOTE_CHARS
        } else {
            MAX_VALUE_CHARS
        };
        (!text.trim().is_empty()).then(|| cut(text.trim(), max))
    }

    /// A value in words, nested elements included.
    pub(super) fn deep(&self, node: &Node<'_>) -> Option<String> {
        self.deep_at(node, 0)
            .map(|text| cut(&text, MAX_VALUE_CHARS))
    }

    fn deep_at(&self, node: &Node<'_>, depth: usize) -> Option<String> {
        if let Some(text) = self.show(node) {
            return Some(text);
        }
        if depth >= MAX_DEEP {
            return None;
        }
        let parts: Vec<String> = if node.is_object() {
            let members = node.members().iter().take(MAX_ITEMS);
            let shown = members.filter(|(k, _)| !matches!(k.as_ref(), "id" | "extension"));
            shown
                .filter_map(|(key, value)| {
                    let text = self.deep_at(value, depth + 1)?;
                    Some(if key == "value" {
                        text
                    } else {
                        format!("{key}: {text}")
                    })
                })
                .collect()
        } else {
            let items = node.items().iter().take(MAX_ITEMS);
            items
                .filter_map(|item| self.deep_at(item, depth + 1))
                .collect()
        };
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn data_type(&self, node: &Node<'_>) -> Option<String> {
        let has = |key: &str| node.get(key).is_some();
        if has("coding") {
            return concept(node);
        }
        if has("reference") || (has("display") && !has("code") && !has("system")) {
            return self.reference(node);
        }
        if has("numerator") || has("denominator") {
            let part = |key| node.get(key).and_then(quantity);
            return match (part("numerator"), part("denominator")) {
                (Some(n), Some(d)) => Some(format!("{n} / {d}")),
                (n, d) => n.or(d),
            };
        }
        if has("low") || has("high") {
            return range(node);
        }
        if has("family") || has("given") {
            return human_name(node);
        }
        if has("contentType") || has("data") || (has("url") && has("title")) {
            return attachment(node);
        }
        if has("doseAndRate") || has("timing") || has("sequence") {
            return self.dosage(node);
        }
        if has("repeat") {
            return timing(node);
        }
        if has("start") || has("end") {
            return period(node);
        }
        if has("currency") {
            let amount = node.get("value").and_then(Node::number)?;
            return Some(format!(
                "{amount} {}",
                node.str("currency").unwrap_or_default()
            ));
        }
        if node.get("value").is_some_and(|v| v.number().is_some()) {
            return quantity(node);
        }
        if has("city") || has("line") || has("postalCode") || has("country") {
            return address(node);
        }
        self.small_type(node)
    }

    fn small_type(&self, node: &Node<'_>) -> Option<String> {
        if let Some(value) = node.str("value") {
            return Some(contact_or_identifier(node, value));
        }
        if let Some(text) = node.str("text") {
            return Some(
                match (
                    node.str("time").and_then(moment),
                    node.get("authorReference"),
                ) {
                    (Some(time), _) => format!("{time}: {text}"),
                    (None, Some(author)) => match self.reference(author) {
                        Some(author) => format!("{author}: {text}"),
                        None => text.to_owned(),
                    },
                    (None, None) => text.to_owned(),
                },
            );
        }
        if let Some(concept) = node.get("concept").and_then(concept) {
            return Some(concept);
        }
        node.str("display")
            .or_else(|| node.str("code"))
            .map(str::to_owned)
    }

    fn reference(&self, node: &Node<'_>) -> Option<String> {
        if let Some(display) = node.str("display") {
            return Some(display.to_owned());
        }
        let Some(reference) = node.str("reference") else {
            return node.get("identifier").and_then(|id| self.show(id));
        };
        if reference.starts_with("urn:") {
            // The name is in the record it points at; the row has the link.
            return Some(
                node.str("type")
                    .map_or_else(|| "another record".to_owned(), spaced),
            );
        }
        let Some(id) = reference.strip_prefix('#') else {
            return Some(reference.to_owned());
        };
        let contained = self.contained.iter().find(|c| c.str("id") == Some(id))?;
        let name = contained.str("resourceType")?;
        let layout = super::layout::of(name);
        let elements = layout.map_or(super::layout::ANY_TITLE, |layout| layout.title);
        // Titles of contained resources are made without looking further into references.
        let plain = Words { contained: &[] };
        plain
            .first(contained, elements)
            .or_else(|| Some(spaced(name)))
    }

    fn dosage(&self, node: &Node<'_>) -> Option<String> {
        if let Some(text) = node.str("text") {
            return Some(text.to_owned());
        }
        let parts = [
            self.all(node, "doseAndRate.dose[x]"),
            self.all(node, "timing"),
            node.get("asNeededBoolean")
                .and_then(Node::bool)
                .and_then(|b| b.then(|| "as needed".to_owned())),
            self.all(node, "asNeededCodeableConcept")
                .map(|c| format!("as needed for {c}")),
            self.all(node, "route"),
            self.all(node, "patientInstruction"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn concept(node: &Node<'_>) -> Option<String> {
    if let Some(text) = node.str("text") {
        return Some(text.to_owned());
    }
    let codings = node.list("coding");
    let display = codings.iter().find_map(|coding| coding.str("display"));
    display
        .or_else(|| codings.iter().find_map(|coding| coding.str("code")))
        .map(str::to_owned)
}

fn quantity(node: &Node<'_>) -> Option<String> {
    let value = node.get("value")?.number()?;
    let unit = node
        .str("unit")
        .or_else(|| node.str("code"))
        .unwrap_or_default();
    let mut out = String::new();
    if let Some(comparator) = node.str("comparator") {
        out.push_str(comparator);
        out.push(' ');
    }
    out.push_str(value);
    if !unit.is_empty() && unit != "1" && !unit.starts_with('{') {
        out.push_str(if unit == "%" { "" } else { " " });
        out.push_str(unit);
    }
    Some(out)
}

fn range(node: &Node<'_>) -> Option<String> {
    if let Some(text) = node.str("text") {
        return Some(text.to_owned());
    }
    let low = node.get("low");
    let high = node.get("high");
    match (low.and_then(quantity), high.and_then(quantity)) {
        (Some(low_text), Some(high_text)) => {
            let unit = |n: Option<&Node<'_>>| n.and_then(|n| n.str("unit")).map(str::to_owned);
            let bare = low.and_then(|n| n.get("value")).and_then(Node::number);
            let same = unit(low).is_none() || unit(low) == unit(high);
            let low_text = match bare {
                Some(bare) if same => bare.to_owned(),
                _ => low_text,
            };
            Some(format!("{low_text} to {high_text}"))
        }
        (Some(low), None) => Some(format!("at least {low}")),
        (None, Some(high)) => Some(format!("at most {high}")),
        (None, None) => None,
    }
}

/// A HumanName in reading order.
pub(crate) fn human_name(node: &Node<'_>) -> Option<String> {
    if let Some(text) = node.str("text") {
        return Some(cut(text, MAX_LABEL_CHARS));
    }
    let mut parts: Vec<&str> = Vec::new();
    for key in ["prefix", "given", "family", "suffix"] {
        parts.extend(node.list(key).iter().take(MAX_ITEMS).filter_map(Node::text));
    }
    (!parts.is_empty()).then(|| cut(&parts.join(" "), MAX_LABEL_CHARS))
}

fn address(node: &Node<'_>) -> Option<String> {
    if let Some(text) = node.str("text") {
        return Some(text.to_owned());
    }
    let mut parts: Vec<String> = node
        .list("line")
        .iter()
        .filter_map(Node::text)
        .map(str::to_owned)
        .collect();
    let city: Vec<&str> = ["postalCode", "city"]
        .iter()
        .filter_map(|key| node.str(key))
        .collect();
    if !city.is_empty() {
        parts.push(city.join(" "));
    }
    parts.extend(
        ["state", "country"]
            .iter()
            .filter_map(|key| node.str(key))
            .map(str::to_owned),
    );
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn contact_or_identifier(node: &Node<'_>, value: &str) -> String {
    let usage = node
        .str("use")
        .map(|u| format!(" ({u})"))
        .unwrap_or_default();
    match node.str("system") {
        Some(system) if !system.contains(':') => format!("{system} {value}{usage}"),
        _ => match node.get("type").and_then(concept) {
            Some(kind) => format!("{kind}: {value}"),
            None => value.to_owned(),
        },
    }
}

fn period(node: &Node<'_>) -> Option<String> {
    let at = |key| {
        node.str(key)
            .map(|text| moment(text).unwrap_or_else(|| text.to_owned()))
    };
    match (at("start"), at("end")) {
        (Some(start), Some(end)) if start == end => Some(start),
        (Some(start), Some(end)) => Some(format!("{start} to {end}")),
        (Some(start), None) => Some(format!("since {start}")),
        (None, end) => end.map(|end| format!("until {end}")),
    }
}

fn timing(node: &Node<'_>) -> Option<String> {
    if let Some(code) = node.get("code").and_then(concept) {
        return Some(code);
    }
    let repeat = node.get("repeat")?;
    let number = |key: &str| repeat.get(key).and_then(Node::number);
    let unit = match repeat.str("periodUnit") {
        Some("s") => "second",
        Some("min") => "minute",
        Some("h") => "hour",
        Some("d") => "day",
        Some("wk") => "week",
        Some("mo") => "month",
        Some("a") => "year",
        _ => return None,
    };
    let times = number("frequency").unwrap_or("1");
    Some(match number("period").map(|p| p.trim_end_matches(".0")) {
        None | Some("1") => format!("{times} x per {unit}"),
        Some(period) => format!("{times} x per {period} {unit}s"),
    })
}

fn attachment(node: &Node<'_>) -> Option<String> {
    let kind = node.str("contentType").unwrap_or("unknown type");
    let title = node
        .str("title")
        .or_else(|| node.str("url"))
        .unwrap_or("attachment");
    let summary = format!("{title}, {kind}");
    if !kind.starts_with("text/") {
        return Some(summary);
    }
    let Some(data) = node.str("data") else {
        return Some(summary);
    };
    let packed: Vec<u8> = data.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let Ok(bytes) = STANDARD.decode(packed) else {
        return Some(summary);
    };
    let text = String::from_utf8_lossy(&bytes);
    Some(
        if kind.starts_with("text/html") || kind.starts_with("text/xml") {
            narrative_text(&text)
        } else {
            text.chars()
                .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
                .collect()
        },
    )
}

/// `2024-01-02T10:00:00.123+01:00` as `2024-01-02 10:00:00 +01:00`; dates stay as they are.
fn moment(text: &str) -> Option<String> {
    if text.len() < 20 || !fhirkit::primitive::is_instant(text) {
        return None;
    }
    let (date, time) = text.split_once('T')?;
    let clock = time.get(..8)?;
    let zone = time.find(['Z', '+', '-']).map(|at| &time[at..])?;
    Some(format!("{date} {clock} {zone}"))
}
