//! Carechain api.
