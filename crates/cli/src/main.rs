//! The `carechain` program.
fn main() {}
