//! Who may write: the one question the chain asks of whoever runs it.
//!
//! Gas is free, so limits are the operator's. The chain checks what makes a transaction valid and
//! asks an [`Admission`] the rest, telling it by which door the transaction came. It knows nothing
//! of roles, budgets or contracts itself.

use alloy_primitives::{Address, Bytes};

/// The door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ingress {
    /// The operator's own JSON-RPC listener, loopback only.
    Listener,
    /// The gateway, on behalf of people on the network.
    Gateway,
}

/// A transaction that is valid by itself and asks to be queued.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRequest<'a> {
    /// The account that signed it.
    pub sender: Address,
    /// The account it calls; none when it creates a contract.
    pub to: Option<Address>,
    /// Its nonce.
    pub nonce: u64,
    /// The gas it may use.
    pub gas_limit: u64,
    /// Its call data or init code.
    pub input: &'a Bytes,
    /// The door it came through.
    pub ingress: Ingress,
}

/// Why an [`Admission`] turned a transaction away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// A stable name that programs can compare.
    pub code: String,
    /// One sentence for people. It must not hold health data.
    pub message: String,
}

impl Refusal {
    /// A refusal named `code` with a sentence for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// Decides which valid transactions are queued. It runs on the caller's thread and must be quick.
pub trait Admission: Send + Sync + 'static {
    /// Admits the transaction or says by name why not.
    fn admit(&self, request: &AdmissionRequest<'_>) -> Result<(), Refusal>;
}

/// Admits every valid transaction: for a listener that only its operator reaches.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn admit(&self, _request: &AdmissionRequest<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}
