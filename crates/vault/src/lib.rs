//! Carechain vault.
