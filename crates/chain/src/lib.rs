//! Carechain chain.
