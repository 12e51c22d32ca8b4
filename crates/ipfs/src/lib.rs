//! Carechain ipfs.
