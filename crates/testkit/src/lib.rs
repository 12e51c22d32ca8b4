//! Carechain testkit.
