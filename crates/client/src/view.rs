//! The chain view: the one module through which every security-relevant fact passes.
//!
//! A fact is taken when a storage proof leads from it to the state root of a head that the pinned node key has
//! signed, recently, and that is not behind the highest head this device has seen (kept in local storage). A second
//! node, where one is set, must have the same block under the same number.

use core::cell::RefCell;
use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use carechain_api::{ProofRequest, SignedHead};
use carechain_crypto::KeysetChain;
use carechain_domain::{Grant, SubjectId};
use serde::{Deserialize, Serialize};

use crate::error::{ClientError, Lie};
use crate::facts::{Ask, Facts, FreshnessFact};
use crate::http::Http;
use crate::platform::Platform;
use crate::proof::{Head, Values, verify_head, verify_state};

/// How often a set of facts is asked for again because the chain moved in between.
pub(crate) const MAX_TRIES: usize = 4;
/// How many blocks of each node are remembered to be compared.
const MAX_REMEMBERED: usize = 256;

/// The highest head seen, as local storage keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    number: u64,
    hash: B256,
}

/// Another node of the same chain, asked for its heads alone.
struct SecondNode<P> {
    http: Http<P>,
    node_key: Address,
    blocks: RefCell<BTreeMap<u64, B256>>,
}

/// What this device holds true of the chain.
pub(crate) struct ChainView<P> {
    pub(crate) pins: KeysetChain,
    seen: RefCell<Option<Seen>>,
    blocks: RefCell<BTreeMap<u64, B256>>,
    second: Option<SecondNode<P>>,
}

impl<P: Platform> ChainView<P> {
    /// Loads the highest head seen of this chain.
    pub(crate) async fn open(pins: KeysetChain, platform: &P) -> Result<Self, ClientError> {
        let name = seen_name(&pins);
        let seen = match platform.load(&name).await? {
            None => None,
            Some(bytes) => {
                Some(
                    serde_json::from_slice(&bytes).map_err(|_| ClientError::Outbox {
                        name,
                        why: "the highest head seen is not JSON of its shape",
                    })?,
                )
            }
        };
        Ok(Self {
            pins,
            seen: RefCell::new(seen),
            blocks: RefCell::default(),
            second: None,
        })
    }

    pub(crate) fn set_second(&mut self, platform: P, node_key: Address) {
        let http = Http::new(platform);
        self.second = Some(SecondNode {
            http,
            node_key,
            blocks: RefCell::default(),
        });
    }

    /// Takes a head: signed, recent, not behind, the same as any other of its number.
    async fn accept(&self, platform: &P, signed: &SignedHead) -> Result<Head, ClientError> {
        let head = verify_head(&self.pins, signed, platform.now_secs())?;
        let seen = *self.seen.borrow();
        match seen {
            Some(seen) if head.number < seen.number => {
                return Err(Lie::OlderHead {
                    seen: seen.number,
                    served: head.number,
                }
                .into());
            }
            Some(seen) if head.number == seen.number && head.hash != seen.hash => {
                return Err(Lie::TwoHistories {
                    number: head.number,
                }
                .into());
            }
            Some(seen) if head.number == seen.number => {}
            _ => {
                let now = Seen {
                    number: head.number,
                    hash: head.hash,
                };
                let json = serde_json::to_vec(&now).expect("a number and a hash are JSON");
                platform.save(&seen_name(&self.pins), &json).await?;
                *self.seen.borrow_mut() = Some(now);
            }
        }
        self.compare(platform, &head).await?;
        Ok(head)
    }

    /// Compares with the second node: one number, one hash.
    async fn compare(&self, platform: &P, head: &Head) -> Result<(), ClientError> {
        let Some(second) = &self.second else {
            return Ok(());
        };
        let theirs = second.http.head().await?;
        let pins = KeysetChain {
            node_key: second.node_key,
            ..self.pins.clone()
        };
        let theirs = verify_head(&pins, &theirs, platform.now_secs())?;
        remember(&self.blocks, head.number, head.hash)?;
        remember(&second.blocks, theirs.number, theirs.hash)?;
        let ours = self.blocks.borrow();
        for (number, hash) in second.blocks.borrow().iter() {
            if ours.get(number).is_some_and(|own| own != hash) {
                return Err(Lie::NodesDisagree { number: *number }.into());
            }
        }
        Ok(())
    }

    /// The present head.
    pub(crate) async fn head(&self, http: &Http<P>) -> Result<Head, ClientError> {
        let signed = http.head().await?;
        self.accept(&http.platform, &signed).await
    }

    /// Proves facts. All of one request are of one head.
    pub(crate) async fn prove(&self, http: &Http<P>, ask: &Ask) -> Result<Facts, ClientError> {
        let contracts = self.pins.contracts.clone();
        let mut values = Values::new();
        let mut lowest: Option<Head> = None;
        for accounts in ask.requests(&contracts) {
            let request = ProofRequest { accounts };
            let answer = http.proof(&request).await?;
            let head = self.accept(&http.platform, &answer.head).await?;
            verify_state(head.state_root, &request.accounts, &answer, &mut values)?;
            lowest.get_or_insert(head);
        }
        let head = match lowest {
            Some(head) => head,
            None => self.head(http).await?,
        };
        Ok(Facts {
            head,
            contracts,
            values,
        })
    }

    /// Every live grant of a subject, proven to be all of them.
    pub(crate) async fn live_grants(
        &self,
        http: &Http<P>,
        subject: SubjectId,
    ) -> Result<LiveGrants, ClientError> {
        for _ in 0..MAX_TRIES {
            let first = self.prove(http, &Ask::default().epochs(subject)).await?;
            let taken = first.freshness(subject).taken;
            let ids = if taken == 0 {
                Vec::new()
            } else {
                let ask = Ask::default().epochs(subject).live(subject, taken);
                self.prove(http, &ask).await?.live(subject, taken)
            };
            let ask = ids.iter().fold(
                Ask::default().epochs(subject).live(subject, taken),
                |a, id| a.grant(*id),
            );
            let facts = self.prove(http, &ask).await?;
            let freshness = facts.freshness(subject);
            if freshness.taken != taken || facts.live(subject, taken) != ids {
                continue;
            }
            let mut grants = Vec::with_capacity(ids.len());
            for id in ids {
                match facts.grant(id).filter(|g| g.subject == subject && !g.ended) {
                    Some(grant) => grants.push(grant),
                    None => {
                        return Err(Lie::RowChanged {
                            what: "grant",
                            id: id.0,
                        }
                        .into());
                    }
                }
            }
            return Ok(LiveGrants {
                grants,
                epochs: facts.epochs(subject),
                freshness,
                head: facts.head,
            });
        }
        Err(ClientError::Contended {
            what: "list the live grants",
        })
    }
}

/// All live grants of a subject at one head, with its epochs.
pub(crate) struct LiveGrants {
    pub(crate) grants: Vec<Grant>,
    pub(crate) epochs: carechain_domain::Epochs,
    pub(crate) freshness: FreshnessFact,
    pub(crate) head: Head,
}

fn remember(blocks: &RefCell<BTreeMap<u64, B256>>, number: u64, hash: B256) -> Result<(), Lie> {
    let mut blocks = blocks.borrow_mut();
    if blocks.insert(number, hash).is_some_and(|old| old != hash) {
        return Err(Lie::TwoHistories { number });
    }
    while blocks.len() > MAX_REMEMBERED {
        blocks.pop_first();
    }
    Ok(())
}

fn seen_name(pins: &KeysetChain) -> String {
    format!("head/{}-{:x}", pins.id, pins.genesis)
}

#[cfg(test)]
mod tests;
