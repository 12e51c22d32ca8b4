//! Carechain bindings.
