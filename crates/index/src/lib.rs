//! Carechain index.
