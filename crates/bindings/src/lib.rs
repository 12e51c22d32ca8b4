//! Rust types of Carechain's contracts, made from `contracts/artifacts` at compile time. No logic.
//!
//! Each module holds one contract: its calls, events, errors and structs, and its creation bytecode as `BYTECODE`.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::too_many_arguments,
    clippy::pub_underscore_fields
)]

macro_rules! contract {
    ($module:ident, $name:ident, $path:literal) => {
        pub mod $module {
            alloy_sol_types::sol!($name, $path);
            pub use $name::*;
        }
    };
}

contract!(
    directory,
    Directory,
    "../../contracts/artifacts/Directory.json"
);
contract!(consent, Consent, "../../contracts/artifacts/Consent.json");
contract!(records, Records, "../../contracts/artifacts/Records.json");
contract!(
    registry,
    Registry,
    "../../contracts/artifacts/Registry.json"
);

#[cfg(test)]
mod tests {
    use alloy_sol_types::{SolCall, SolEvent};

    #[test]
    fn selectors_and_topics_are_those_of_the_interfaces() {
        assert_eq!(super::directory::actorCall::SIGNATURE, "actor(address)");
        assert_eq!(
            super::consent::canReadCall::SIGNATURE,
            "canRead(bytes32,bytes32,uint8,uint64)"
        );
        assert_eq!(
            super::records::Anchored::SIGNATURE,
            "Anchored(bytes32,bytes32,bytes32,uint8,uint32,uint64,uint16,bool,bytes32,bytes32)"
        );
    }

    #[test]
    fn every_contract_ships_its_creation_code() {
        assert!(super::directory::BYTECODE.len() > 1_000);
        assert!(super::consent::BYTECODE.len() > 1_000);
        assert!(super::records::BYTECODE.len() > 1_000);
        assert!(super::registry::BYTECODE.len() > 1_000);
    }
}
