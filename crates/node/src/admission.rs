//! Who may write through the gateway, since gas is free: registered actors to Carechain's contracts, and newcomers
//! who hold an unspent voucher. The chain listener (loopback, for the operator) is not restricted.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use carechain_api::Contracts;
use carechain_bindings::directory;
use carechain_chain::{Admission, AdmissionRequest, Chain, Ingress, Refusal};
use parking_lot::Mutex;

/// Transactions one account may send in a window.
const MAX_TXS_PER_WINDOW: u32 = 1_200;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Accounts remembered; beyond it those whose window has passed are dropped.
const MAX_ACCOUNTS: usize = 100_000;

/// The policy. It refuses everything from the gateway until [`Policy::attach`] was called.
#[derive(Default)]
pub(crate) struct Policy {
    attached: OnceLock<(Chain, Contracts)>,
    sent: Mutex<HashMap<Address, (Instant, u32)>>,
}

impl Policy {
    /// Tells the policy the chain that it reads and the contracts that people may call. Once.
    pub(crate) fn attach(&self, chain: Chain, contracts: Contracts) {
        self.attached.get_or_init(|| (chain, contracts));
    }

    fn within_rate(&self, sender: Address) -> bool {
        let now = Instant::now();
        let mut sent = self.sent.lock();
        if sent.len() >= MAX_ACCOUNTS {
            sent.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        let entry = sent.entry(sender).or_insert((now, 0));
        if now.duration_since(entry.0) >= WINDOW {
            *entry = (now, 0);
        }
        entry.1 += 1;
        entry.1 <= MAX_TXS_PER_WINDOW
    }

    fn is_actor(chain: &Chain, directory: Address, sender: Address) -> Result<bool, Refusal> {
        let answer = view(chain, directory, &directory::actorCall { sender })?;
        Ok(!answer.is_zero())
    }

    fn has_voucher(chain: &Chain, directory: Address, request: &AdmissionRequest<'_>) -> Result<bool, Refusal> {
        let Ok(call) = directory::registerCall::abi_decode(request.input) else { return Ok(false) };
        if request.to != Some(directory) || call.voucher.root != request.sender {
            return Ok(false);
        }
        let spent = directory::voucherSpentCall {
            organisation: call.voucher.organisation,
            nonce: call.voucher.nonce,
        };
        Ok(!view(chain, directory, &spent)?)
    }
}

fn view<C: SolCall>(chain: &Chain, to: Address, call: &C) -> Result<C::Return, Refusal> {
    let unavailable = |_| Refusal::new("unavailable", "the directory cannot be read now");
    let answer = chain.view(to, Bytes::from(call.abi_encode())).map_err(unavailable)?;
    C::abi_decode_returns(&answer).map_err(|_| Refusal::new("unavailable", "the directory cannot be read now"))
}

impl Admission for Policy {
    fn admit(&self, request: &AdmissionRequest<'_>) -> Result<(), Refusal> {
        if request.ingress == Ingress::Listener {
            return Ok(());
        }
        let Some((chain, contracts)) = self.attached.get() else {
            return Err(Refusal::new("unavailable", "the node is starting"));
        };
        let Contracts { registry, directory, consent, records } = contracts;
        if !request.to.is_some_and(|to| [registry, directory, consent, records].contains(&&to)) {
            return Err(Refusal::new("wrong_contract", "only Carechain's contracts may be called"));
        }
        if !Self::is_actor(chain, *directory, request.sender)? && !Self::has_voucher(chain, *directory, request)? {
            return Err(Refusal::new(
                "not_registered",
                "the sender is no registered key and registers with no unspent voucher",
            ));
        }
        if !self.within_rate(request.sender) {
            return Err(Refusal::new("too_many", "this key sends too many transactions; wait a minute"));
        }
        Ok(())
    }
}
