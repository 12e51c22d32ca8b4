//! What must hold, each shown on a real node: what a grant opens and what a revoke closes, what survives a killed
//! client and a killed node, what a lying node cannot hide, and what the server never learns.
//!
//! No test sleeps to let something happen or tries again until it does. One waits for the clock, because it is about
//! the clock.

#![allow(clippy::unwrap_used)]

mod authors;
mod canary;
mod consent;
mod killed_client;
mod killed_node;
mod lies;
mod memory;
mod passthrough;
mod samples;
mod stolen;
mod words;
mod world;
