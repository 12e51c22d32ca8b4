//! FHIR R4 for Carechain: read a document, check it, say what it is about, show it to a person.
//!
//! Pure: no I/O, no clock, no ambient randomness; the same code runs natively and in the browser.
//! Original bytes are never rewritten: a resource that is sealed is an exact slice of its source.
//!
//! | module | what |
//! |---|---|
//! | `document` | [`read_document`]: a resource, or a Bundle taken apart; [`ndjson_lines`] |
//! | `check` | [`check`]: structure and rules, every fault with its path |
//! | `issue` | [`Issue`], [`operation_outcome`] |
//! | `classify` | [`classify`]: the category that a resource is shared under |
//! | `when` | [`when`]: the clinically relevant date |
//! | `person` | [`bundle_person`], [`patient_refs`]: whom a document is about |
//! | `view` | [`view`]: title, date and rows for people |
//! | `generate` | synthetic patients (feature `generate`) |
//!
//! Of the hand-made faulty documents that the tests use, none is deferred: all 31 are refused.
//! Profiles, terminology and UCUM units are not checked; docs/fhir.md says so in detail.

#![forbid(unsafe_code)]

mod error;
mod json;
mod write;

mod document;
mod issue;

mod check;
mod classify;
#[cfg(feature = "generate")]
mod generate;
mod person;
mod view;
mod when;

pub use carechain_domain::Category;
pub use check::{MAX_ISSUES, check, check_bundle_frame, check_resource, unreadable};
pub use classify::classify;
pub use document::{Bundle, Document, Entry, MAX_ENTRIES, Resource, ndjson_lines, read_document};
pub use error::FhirError;
#[cfg(feature = "generate")]
pub use generate::{GenerateOptions, MAX_RESOURCES, Story, SyntheticPerson, generate};
pub use issue::{Issue, IssueCode, Severity, operation_outcome};
pub use json::{MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_MEMBERS, Node};
pub use person::{Likeness, Person, bundle_person, patient_refs, resource_person};
pub use view::{Row, Section, View, view};
pub use when::when;
