//! The one error type of this crate: why a document could not be read at all.
//!
//! Faults inside a document that is JSON are not errors but [`crate::Issue`]s, so that all of them
//! are reported. No message quotes a value of the document: values are health data.

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FhirError {
    /// The bytes are not UTF-8, which FHIR JSON must be.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// The text is not JSON.
    #[error("not JSON at line {line}, column {column}: {what}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What was expected or found.
        what: &'static str,
    },
    /// The document is larger than this crate reads at once.
    #[error("document of {size_bytes} bytes; at most {limit_bytes} are read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// The document is JSON, but no FHIR resource.
    #[error("{path}: {what}")]
    NotAResource {
        /// Where in the document.
        path: String,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// A Bundle holds more entries than this crate reads at once.
    #[error("Bundle.entry: {count} entries; at most {limit} are read")]
    TooManyEntries {
        /// How many there are.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// A Bundle is about several people where one was expected.
    #[error("Bundle.entry: about {count} different patients, one expected")]
    SeveralPatients {
        /// How many Patient resources or references to different patients there are.
        count: usize,
    },
    /// An option of the generator that makes no sense.
    #[error("{field}: {what}")]
    BadOption {
        /// The option.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}
