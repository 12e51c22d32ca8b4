//! The chain as its users see it: through the handle and over HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

mod clock;
mod follow;
mod http;
mod limits;
mod load;
mod node;
mod restart;
mod rpc;
mod rules;
mod wallet;
