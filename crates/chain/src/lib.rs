//! The embedded Ethereum node: one writer, several phases, real Ethereum blocks.
//!
//! It knows no medicine and no particular contract. Truth about who may do what is decided by
//! contracts that run here; this crate only makes sure that what is acknowledged is durable, ordered
//! and provable.
//!
//! # Five minutes
//!
//! A raw transaction comes in by JSON-RPC ([`rpc`]) or [`Chain::send_sync`] and passes three phases:
//!
//! 1. **Admission**, on the caller's thread: `validate` decodes, checks and recovers the signer,
//!    the operator's [`Admission`] says yes or refuses by name, `pool` queues it.
//! 2. **Production**, on the sealer's thread: the [`Sealer`] (see `seal`) takes all that waits, without
//!    a timer, so an idle chain seals at once and a busy one makes larger blocks. `execute` runs it
//!    on revm over a snapshot of the parent's `state`, whose `trie` gives the new root, and
//!    assembles an Ethereum block. The [`Engine`] keeps it as an overlay until it is final.
//! 3. **Durability**, on the log thread: `wal` appends sealed blocks and makes one sync for all of
//!    them; only then `publish` shows them in the `store`: head, receipts, those who wait,
//!    subscriptions. A failing disk stops the chain and acknowledges nothing.
//!
//! ```text
//!  caller threads             sealer thread                 log thread
//!  validate -> admission ->   pool.take -> execute  ->      append -> sync -> publish
//!  pool                       (overlay, certificate)        (store, receipts, heads)
//! ```
//!
//! A start takes the folder's lock, replays the log by executing every block again, cuts a torn tail
//! that nobody was told of, and refuses a damaged log. The format is in `wal`, byte by byte.
//!
//! # Chain rules
//!
//! Osaka, with the EIP-2935 history contract from genesis. Base fee 0, tips never charged: a sender
//! needs no balance. latest = safe = finalized. A transaction has at most 2^24 gas; blob, EIP-7702
//! and unprotected transactions are refused. The proposer is in `beneficiary`, header version and
//! epoch in `extra_data`; `mix_hash` is 0 except at genesis, where it commits to the [`Genesis`]
//! file. A timestamp is at least its parent's and at most 30 s ahead of the verifier's clock, so it
//! is not unique. Certificates lie beside blocks, never under the hash.
//!
//! The states of the last 256 blocks can be read and proven.

mod admission;
mod block;
mod call;
mod chain;
mod clock;
mod engine;
mod error;
mod execute;
mod genesis;
mod pool;
mod publish;
pub mod rpc;
mod seal;
mod state;
mod store;
mod trie;
mod validate;
mod wal;
#[cfg(test)]
#[path = "../tests/it/wallet.rs"]
mod wallet;

pub use admission::{Admission, AdmissionRequest, AdmitAll, Ingress, Refusal};
pub use block::{Block, HeadInfo};
pub use call::MAX_CALL_GAS;
pub use chain::{Chain, ChainConfig, GENESIS_FILE};
pub use clock::{Clock, SystemClock};
pub use engine::{
    Engine, MAX_BLOCK_BYTES, MAX_BLOCK_TXS, MAX_CLOCK_SKEW_SECS, Proposal, Tip, Verdict,
};
pub use error::ChainError;
pub use genesis::{DEFAULT_BLOCK_GAS, Genesis, GenesisAccount, HEADER_VERSION, ValidatorSet};
pub use pool::{EARLY_TTL_SECS, MAX_GAP, MAX_PER_ACCOUNT, MAX_POOL, MAX_POOL_BYTES};
pub use seal::{
    Certificate, LoneSealer, SCHEME_LONE_SECP256K1, Sealer, ValidatorKey, certificate_digest,
};
pub use store::KEPT_STATES;
pub use validate::{MAX_INIT_CODE_BYTES, MAX_TX_BYTES, MAX_TX_GAS, TxError};
pub use wal::{LOG_FILE, LOG_VERSION};
