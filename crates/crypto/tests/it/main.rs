//! The public surface from outside: vectors, properties, tampering.

mod properties;
mod rng;
mod tamper;
mod vectors;
