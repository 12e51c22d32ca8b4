//! Who may write through the gateway, since gas is free: registered actors to Carechain's contracts, and newcomers
//! whose voucher the Directory would take. The chain listener (loopback, for the operator) is not restricted.
//!
//! What is admitted stays on the chain for ever, whether it is reverted or not. So a newcomer's registration is tried
//! on the newest block first: a key costs nothing to make, and neither does a voucher that nobody signed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::SolCall;
use carechain_api::Contracts;
use carechain_bindings::directory;
use carechain_chain::{Admission, AdmissionRequest, Chain, ChainError, Ingress, Refusal};
use parking_lot::{Mutex, RwLock};

/// Transactions that all keys of one subject may send in a window.
const MAX_TXS_PER_WINDOW: u32 = 1_200;
/// Bytes of call data that all keys of one subject may send in a window: 800 full batches of anchors.
const MAX_BYTES_PER_WINDOW: usize = 32 << 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Senders remembered; beyond it those whose window has passed are dropped.
const MAX_SENDERS: usize = 100_000;
/// Longest call data of a registration; it needs about 1,000 bytes.
const MAX_REGISTER_BYTES: usize = 4 << 10;
/// Most gas of a registration; it uses about 400,000.
const MAX_REGISTER_GAS: u64 = 4_000_000;

/// What a sender sent since its window began.
struct Sent {
    since: Instant,
    txs: u32,
    bytes: usize,
}

/// The policy. It refuses everything from the gateway until [`Policy::attach`] was called.
#[derive(Default)]
pub(crate) struct Policy {
    attached: RwLock<Option<(Chain, Contracts)>>,
    /// By subject; newcomers by their address.
    sent: Mutex<HashMap<B256, Sent>>,
}

impl Policy {
    /// Tells the policy the chain that it reads and the contracts that people may call.
    pub(crate) fn attach(&self, chain: Chain, contracts: Contracts) {
        *self.attached.write() = Some((chain, contracts));
    }

    /// Lets go of the chain, which holds this policy, so that both can end.
    pub(crate) fn detach(&self) {
        *self.attached.write() = None;
    }

    fn within_rate(&self, sender: B256, bytes: usize) -> bool {
        let now = Instant::now();
        let mut sent = self.sent.lock();
        if sent.len() >= MAX_SENDERS {
            sent.retain(|_, sent| now.duration_since(sent.since) < WINDOW);
        }
        let fresh = || Sent {
            since: now,
            txs: 0,
            bytes: 0,
        };
        let entry = sent.entry(sender).or_insert_with(fresh);
        if now.duration_since(entry.since) >= WINDOW {
            *entry = fresh();
        }
        entry.txs = entry.txs.saturating_add(1);
        entry.bytes = entry.bytes.saturating_add(bytes);
        entry.txs <= MAX_TXS_PER_WINDOW && entry.bytes <= MAX_BYTES_PER_WINDOW
    }

    /// The subject for which the sender acts; zero for a stranger.
    fn subject_of(chain: &Chain, directory: Address, sender: Address) -> Result<B256, Refusal> {
        view(chain, directory, &directory::actorCall { sender })
    }

    /// Whether this is a registration that would succeed now. One at a time: a key has no later nonce to use yet.
    fn would_register(
        chain: &Chain,
        directory: Address,
        request: &AdmissionRequest<'_>,
    ) -> Result<bool, Refusal> {
        if request.to != Some(directory)
            || !request
                .input
                .starts_with(&directory::registerCall::SELECTOR)
            || request.input.len() > MAX_REGISTER_BYTES
            || request.gas_limit > MAX_REGISTER_GAS
            || chain
                .nonce(request.sender, BlockId::latest())
                .map_err(|_| unavailable())?
                != request.nonce
        {
            return Ok(false);
        }
        let call = TransactionRequest {
            from: Some(request.sender),
            to: Some(directory.into()),
            gas: Some(request.gas_limit),
            input: request.input.clone().into(),
            ..Default::default()
        };
        match chain.call(&call, BlockId::latest()) {
            Ok(_) => Ok(true),
            Err(ChainError::Reverted { .. } | ChainError::Call(_)) => Ok(false),
            Err(_) => Err(unavailable()),
        }
    }
}

fn unavailable() -> Refusal {
    Refusal::new("unavailable", "the directory cannot be read now")
}

fn view<C: SolCall>(chain: &Chain, to: Address, call: &C) -> Result<C::Return, Refusal> {
    let answer = chain
        .view(to, Bytes::from(call.abi_encode()))
        .map_err(|_| unavailable())?;
    C::abi_decode_returns(&answer).map_err(|_| unavailable())
}

impl Admission for Policy {
    fn admit(&self, request: &AdmissionRequest<'_>) -> Result<(), Refusal> {
        if request.ingress == Ingress::Listener {
            return Ok(());
        }
        let Some((chain, contracts)) = self.attached.read().clone() else {
            return Err(Refusal::new("unavailable", "the node is starting"));
        };
        let Contracts {
            registry,
            directory,
            consent,
            records,
        } = &contracts;
        if !request
            .to
            .is_some_and(|to| [registry, directory, consent, records].contains(&&to))
        {
            return Err(Refusal::new(
                "wrong_contract",
                "only Carechain's contracts may be called",
            ));
        }
        let subject = Self::subject_of(&chain, *directory, request.sender)?;
        let newcomer = subject.is_zero();
        if newcomer && !Self::would_register(&chain, *directory, request)? {
            return Err(Refusal::new(
                "not_registered",
                "the sender is no registered key, and the Directory would not take its registration",
            ));
        }
        let sender = if newcomer {
            request.sender.into_word()
        } else {
            subject
        };
        if !self.within_rate(sender, request.input.len()) {
            return Err(Refusal::new(
                "too_many",
                "this subject sends too many transactions; wait a minute",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
