//! Carechain gateway.
