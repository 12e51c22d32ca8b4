//! The program as people and scripts use it: the real binary against a real node, exit codes and JSON included.

#![allow(clippy::unwrap_used, missing_docs)]
#![allow(
    clippy::too_many_lines,
    reason = "a story told end to end is read from top to bottom"
)]

mod demo;
mod harness;
mod must;
mod node;
mod patient;
mod sharing;
mod usage;
