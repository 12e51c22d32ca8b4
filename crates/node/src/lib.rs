//! Carechain node.
