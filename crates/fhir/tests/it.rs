//! The crate against published sample data, and against arbitrary input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "it/arbitrary.rs"]
mod arbitrary;
#[path = "it/samples.rs"]
mod samples;
