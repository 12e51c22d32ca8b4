//! Whom a document is about, and whether that is the person whose chart it is put into.

use std::collections::BTreeSet;

use crate::check::references_target_type as target_type;
use crate::document::{Bundle, Resource};
use crate::error::FhirError;
use crate::json::Node;

/// Elements that point at the patient a resource is about.
const PATIENT_ELEMENTS: &[&str] = &["subject", "patient", "beneficiary", "for", "individual"];

/// How many identifiers, names or references of one resource are looked at.
const MAX_ITEMS: usize = 100;
/// At how many different patients the count stops.
const MAX_PATIENTS: usize = 100;

/// A person as a document identifies them. Everything may be missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// How the document refers to them: the Patient's fullUrl, or `Patient/ID`.
    pub reference: Option<String>,
    /// Business identifiers, as system and value.
    pub identifiers: Vec<(String, String)>,
    /// Family names, lower case.
    pub families: Vec<String>,
    /// First given names, lower case.
    pub givens: Vec<String>,
    /// The name to show.
    pub name: Option<String>,
    /// The birth date, as precise as it is known.
    pub birth_date: Option<String>,
    /// The administrative gender.
    pub gender: Option<String>,
}

impl core::fmt::Debug for Person {
    /// Names and dates stay out of debug output.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Person(..)")
    }
}

/// Whether two descriptions are of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// An identifier, or name and birth date, agree.
    Same,
    /// Birth dates, names or genders contradict each other.
    Different,
    /// Too little is known to say.
    Unknown,
}

impl Person {
    /// Compares two descriptions. Logical ids are not compared: they mean something on one server
    /// only.
    #[must_use]
    pub fn compare(&self, other: &Person) -> Likeness {
        if self
            .identifiers
            .iter()
            .any(|id| other.identifiers.contains(id))
        {
            return Likeness::Same;
        }
        let births = match (&self.birth_date, &other.birth_date) {
            (Some(a), Some(b)) => Some(a.starts_with(b.as_str()) || b.starts_with(a.as_str())),
            _ => None,
        };
        let known = ["male", "female"];
        let genders_differ = match (self.gender.as_deref(), other.gender.as_deref()) {
            (Some(a), Some(b)) => a != b && known.contains(&a) && known.contains(&b),
            _ => false,
        };
        let givens = overlap(&self.givens, &other.givens);
        let families = overlap(&self.families, &other.families);
        if births == Some(false) || givens == Some(false) {
            return Likeness::Different;
        }
        match (births, givens, families) {
            (Some(true), Some(true), Some(true)) => Likeness::Same,
            // A family name may change; a birth date, a given name and a gender together do not.
            (Some(true), Some(true), _) if !genders_differ => Likeness::Same,
            (_, _, Some(false)) => Likeness::Different,
            _ if genders_differ => Likeness::Different,
            _ => Likeness::Unknown,
        }
    }

    /// Whether nothing but a reference is known.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.identifiers.is_empty() && self.name.is_none() && self.birth_date.is_none()
    }
}

/// Whether two lists share an item; `None` when one is empty.
fn overlap(a: &[String], b: &[String]) -> Option<bool> {
    (!a.is_empty() && !b.is_empty()).then(|| a.iter().any(|x| b.contains(x)))
}

/// The person that a Patient resource describes; `None` for other types.
#[must_use]
pub fn resource_person(resource: &Resource<'_>) -> Option<Person> {
    if resource.resource_type() != "Patient" {
        return None;
    }
    let node = resource.json();
    let identifiers = node
        .list("identifier")
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|id| Some((id.str("system")?.to_owned(), id.str("value")?.to_owned())))
        .collect();
    let names = node.list("name");
    let names = &names[..names.len().min(MAX_ITEMS)];
    let lower = |text: &str| text.trim().to_lowercase();
    Some(Person {
        reference: resource.id().map(|id| format!("Patient/{id}")),
        identifiers,
        families: names
            .iter()
            .filter_map(|n| n.str("family").map(lower))
            .collect(),
        givens: names
            .iter()
            .filter_map(|n| n.list("given").first()?.text().map(lower))
            .collect(),
        name: names.iter().find_map(crate::view::human_name),
        birth_date: node.str("birthDate").map(str::to_owned),
        gender: node.str("gender").map(str::to_owned),
    })
}

/// The references by which a resource names the patients it is about, without duplicates.
///
/// References that name another type than Patient are left out; those that name none, such as
/// `urn:uuid:..`, are kept.
#[must_use]
pub fn patient_refs(resource: &Resource<'_>) -> Vec<String> {
    let node = resource.json();
    let direct = PATIENT_ELEMENTS
        .iter()
        .flat_map(|element| node.list(element));
    let actors = node.list("participant").iter().filter_map(|p| {
        let actor = p.get("actor")?;
        let reference = actor.str("reference")?;
        (target_type(reference).or(actor.str("type")) == Some("Patient")).then_some(actor)
    });
    let mut found = Vec::new();
    for reference in direct.chain(actors).filter_map(patient_ref).take(MAX_ITEMS) {
        if !found.contains(&reference) {
            found.push(reference);
        }
    }
    found
}

fn patient_ref(node: &Node<'_>) -> Option<String> {
    let reference = node.str("reference")?;
    let target = target_type(reference).or_else(|| node.str("type"));
    let keep = !reference.starts_with('#') && target.is_none_or(|t| t == "Patient");
    keep.then(|| reference.to_owned())
}

/// The one person that a Bundle is about.
///
/// A document is about its Composition's subject. Everything else is about its Patient resource;
/// when it has none, about the patient that its resources refer to. `None` when it is about
/// nobody, such as a Bundle of organisations.
///
/// # Errors
/// [`FhirError::SeveralPatients`] when it is about several.
pub fn bundle_person(bundle: &Bundle<'_>) -> Result<Option<Person>, FhirError> {
    let resources = || {
        bundle
            .entries()
            .iter()
            .filter_map(|e| Some((e, e.resource.as_ref()?)))
    };
    let mut patients: Vec<Person> = Vec::new();
    for (entry, resource) in resources() {
        let Some(mut person) = resource_person(resource) else {
            continue;
        };
        person.reference = entry
            .full_url
            .as_deref()
            .map(str::to_owned)
            .or(person.reference);
        patients.push(person);
    }
    if bundle.bundle_type() == Some("document")
        && let Some(person) = document_subject(bundle, &patients)
    {
        return Ok(Some(person));
    }
    let mut distinct: Vec<Person> = Vec::new();
    for person in patients {
        if !distinct
            .iter()
            .any(|known| known.compare(&person) == Likeness::Same)
        {
            distinct.push(person);
        }
        if distinct.len() == MAX_PATIENTS {
            break;
        }
    }
    if distinct.len() > 1 {
        return Err(FhirError::SeveralPatients {
            count: distinct.len(),
        });
    }
    if let Some(person) = distinct.pop() {
        return Ok(Some(person));
    }
    let named: BTreeSet<String> = resources()
        .flat_map(|(_, resource)| patient_refs(resource))
        .filter(|reference| target_type(reference) == Some("Patient"))
        .collect();
    match named.len() {
        0 | 1 => Ok(named.into_iter().next().map(|reference| Person {
            reference: Some(reference),
            ..Person::default()
        })),
        count => Err(FhirError::SeveralPatients { count }),
    }
}

fn document_subject(bundle: &Bundle<'_>, patients: &[Person]) -> Option<Person> {
    let composition = bundle.entries().first()?.resource.as_ref()?;
    let subject = patient_refs(composition).into_iter().next()?;
    let tail = |reference: &str| {
        let mut parts = reference.rsplit('/');
        (
            parts.next().map(str::to_owned),
            parts.next().map(str::to_owned),
        )
    };
    let matches = |person: &&Person| {
        person
            .reference
            .as_deref()
            .is_some_and(|r| r == subject || tail(r) == tail(&subject))
    };
    patients.iter().find(matches).cloned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::document::{Document, read_document};

    fn patient(id: &str, given: &str, family: &str, born: &str) -> String {
        format!(
            r#"{{"fullUrl":"urn:uuid:{id}","resource":{{"resourceType":"Patient","id":"{id}",
            "name":[{{"given":["{given}"],"family":"{family}"}}],"birthDate":"{born}"}}}}"#
        )
    }

    fn of(kind: &str, entries: &[String]) -> Result<Option<Person>, FhirError> {
        let text = format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#,
            entries.join(",")
        );
        match read_document(text.as_bytes()).unwrap() {
            Document::Bundle(bundle) => bundle_person(&bundle),
            Document::Resource(_) => panic!("a Bundle"),
        }
    }

    #[test]
    fn a_bundle_is_about_one_person_or_refused() {
        let ann = patient("a", "Ann", "Lee", "1980-01-01");
        let bob = patient("b", "Bob", "Lee", "1981-01-01");
        let person = of("collection", std::slice::from_ref(&ann))
            .unwrap()
            .unwrap();
        assert_eq!(person.reference.as_deref(), Some("urn:uuid:a"));
        assert_eq!(person.name.as_deref(), Some("Ann Lee"));
        let both = of("collection", &[ann.clone(), bob.clone()]);
        assert_eq!(both.unwrap_err(), FhirError::SeveralPatients { count: 2 });
        let composition = r#"{"resource":{"resourceType":"Composition",
            "subject":{"reference":"urn:uuid:b"}}}"#;
        let document = of("document", &[composition.to_owned(), ann, bob])
            .unwrap()
            .unwrap();
        assert_eq!(document.reference.as_deref(), Some("urn:uuid:b"));
        let clinic = r#"{"resource":{"resourceType":"Organization"}}"#.to_owned();
        assert_eq!(of("collection", &[clinic]).unwrap(), None);
        let reference = |id: u32| {
            format!(
                r#"{{"resource":{{"resourceType":"Observation",
                "subject":{{"reference":"Patient/{id}"}}}}}}"#
            )
        };
        let one = of("collection", &[reference(1), reference(1)])
            .unwrap()
            .unwrap();
        assert!(one.is_nameless());
        assert!(of("collection", &[reference(1), reference(2)]).is_err());
    }

    #[test]
    fn people_are_compared_by_what_stays() {
        let person = |given: &str, family: &str, born: &str| Person {
            givens: vec![given.into()],
            families: vec![family.into()],
            birth_date: Some(born.into()),
            name: Some(given.into()),
            ..Person::default()
        };
        let ann = person("ann", "lee", "1980-01-01");
        assert_eq!(ann.compare(&person("ann", "lee", "1980")), Likeness::Same);
        assert_eq!(
            ann.compare(&person("ann", "moss", "1980-01-01")),
            Likeness::Same
        );
        assert_eq!(
            ann.compare(&person("bob", "lee", "1980-01-01")),
            Likeness::Different
        );
        assert_eq!(
            ann.compare(&person("ann", "lee", "1980-01-02")),
            Likeness::Different
        );
        assert_eq!(ann.compare(&Person::default()), Likeness::Unknown);
        let mut a = Person {
            identifiers: vec![("s".into(), "1".into())],
            ..Person::default()
        };
        let b = a.clone();
        a.birth_date = Some("1990".into());
        assert_eq!(a.compare(&b), Likeness::Same);
    }

    #[test]
    fn references_to_patients_are_found() {
        let json = br#"{"resourceType":"Appointment","subject":{"reference":"Patient/1"},
            "patient":{"reference":"Group/2"},"participant":[
            {"actor":{"reference":"Practitioner/3"}},{"actor":{"reference":"Patient/4"}},
            {"actor":{"reference":"Patient/1"}}]}"#;
        let resource = Resource::parse(json).unwrap();
        assert_eq!(patient_refs(&resource), ["Patient/1", "Patient/4"]);
    }
}
