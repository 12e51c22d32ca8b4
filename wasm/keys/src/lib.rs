//! WebAssembly shim over the client core.
