//! Carechain client.
