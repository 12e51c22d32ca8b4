//! What is wrong with a resource, and where.
//!
//! Messages name elements and rules, never values: an issue may end up in a log or on a screen
//! that others see, and values are health data.

use serde::Serialize;

use crate::write::{self, Out};

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The content is not valid FHIR.
    Error,
    /// Valid, but questionable.
    Warning,
}

impl Severity {
    /// The code of FHIR's value set issue-severity.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// What kind of fault an issue is: codes of FHIR's value set issue-type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssueCode {
    /// Not JSON, or no resource at all.
    Invalid,
    /// An element that does not belong here, or has the wrong shape.
    Structure,
    /// An element that must be there and is not.
    Required,
    /// A primitive that breaks its type's rules.
    Value,
    /// A rule between elements.
    Invariant,
    /// A code that is not in the value set it must come from.
    CodeInvalid,
    /// A resource type that FHIR R4 does not have.
    NotSupported,
    /// Too large, or too many faults to list.
    TooLong,
}

impl IssueCode {
    /// The code of FHIR's value set issue-type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            IssueCode::Invalid => "invalid",
            IssueCode::Structure => "structure",
            IssueCode::Required => "required",
            IssueCode::Value => "value",
            IssueCode::Invariant => "invariant",
            IssueCode::CodeInvalid => "code-invalid",
            IssueCode::NotSupported => "not-supported",
            IssueCode::TooLong => "too-long",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// Where, such as `Observation.component[1].valueQuantity.value`.
    pub path: String,
    /// What kind of fault.
    pub code: IssueCode,
    /// What is wrong, in words.
    pub message: String,
}

impl Issue {
    /// An issue of severity error.
    #[must_use]
    pub fn error(path: impl Into<String>, code: IssueCode, message: impl Into<String>) -> Issue {
        Issue {
            severity: Severity::Error,
            path: path.into(),
            code,
            message: message.into(),
        }
    }

    /// An issue of severity warning.
    #[must_use]
    pub fn warning(path: impl Into<String>, code: IssueCode, message: impl Into<String>) -> Issue {
        Issue {
            severity: Severity::Warning,
            path: path.into(),
            code,
            message: message.into(),
        }
    }

    /// Whether this makes the resource invalid.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl core::fmt::Display for Issue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} at {}: {}",
            self.severity.as_str(),
            self.path,
            self.message
        )
    }
}

/// An OperationOutcome that lists `issues`, as JSON: what is stored beside a resource that was
/// accepted although it is faulty.
#[must_use]
pub fn operation_outcome(issues: &[Issue]) -> Vec<u8> {
    let listed = issues.iter().map(|issue| {
        Out::obj([
            ("severity", Out::str(issue.severity.as_str())),
            ("code", Out::str(issue.code.as_str())),
            ("diagnostics", Out::str(issue.message.as_str())),
            ("expression", Out::arr([Out::str(issue.path.as_str())])),
        ])
    });
    let listed = if issues.is_empty() {
        vec![Out::obj([
            ("severity", Out::str("information")),
            ("code", Out::str("informational")),
            ("diagnostics", Out::str("no issues found")),
        ])]
    } else {
        listed.collect()
    };
    write::to_bytes(&Out::obj([
        ("resourceType", Out::str("OperationOutcome")),
        ("issue", Out::arr(listed)),
    ]))
}
