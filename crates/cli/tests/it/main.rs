//! The program as people and scripts use it: the real binary against a real node, exit codes and JSON included.

#![allow(clippy::unwrap_used, missing_docs)]

mod demo;
mod harness;
mod node;
mod patient;
mod sharing;
mod usage;
