//! Carechain domain.
