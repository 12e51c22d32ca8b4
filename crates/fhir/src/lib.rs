//! Carechain fhir.
