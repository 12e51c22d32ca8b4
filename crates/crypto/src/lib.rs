//! Carechain crypto.
