//! Moving epochs: revoking a grant, and moving on after grants have ended or a grantee was suspended.
//!
//! Wraps of the next epoch for those who remain, and the links from the new keys to the old, are staged before the
//! transaction. A compare-and-set that is lost starts again from the chain. What was read stays read.

use carechain_domain::{Grant, GrantId, GrantState, LaneSet, Status, SubjectId, fresh_at};

use crate::device::Device;
use crate::error::ClientError;
use crate::facts::{Ask, FreshnessFact};
use crate::outbox::{Entry, MovePlan, Plan};
use crate::platform::Platform;
use crate::tx::Action;
use crate::view::{LiveGrants, MAX_TRIES};

/// What revoking did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Which grant.
    pub grant: GrantId,
    /// How many others keep access and got new wraps.
    pub remaining: usize,
    /// Block of the transaction; none where it had been revoked before.
    pub block: Option<u64>,
}

/// Why epochs are to move.
struct Reason {
    revoke: Option<GrantId>,
    lanes: LaneSet,
    expired: Vec<GrantId>,
    /// Grants that get no wrap of the next epoch.
    excluded: Vec<GrantId>,
}

impl<P: Platform> Device<P> {
    /// Ends a grant at once. When it returns, the node releases nothing more under it, and what is written from now on
    /// opens with no key that the grantee ever held.
    pub async fn revoke(&self, grant: GrantId) -> Result<Revoked, ClientError> {
        let fact = self.prove(Ask::default().grant(grant)).await?.grant(grant);
        let fact = fact.filter(|g| g.subject == self.subject());
        let fact = fact.ok_or(ClientError::Unknown {
            what: "grant of yours",
            id: grant.0,
        })?;
        if fact.ended {
            return Ok(Revoked {
                grant,
                remaining: 0,
                block: None,
            });
        }
        let live = self.view.live_grants(&self.http, self.subject()).await?;
        let reason = Reason {
            revoke: Some(grant),
            lanes: fact.lanes.read,
            expired: Vec::new(),
            excluded: vec![grant],
        };
        let plan = self.plan_move(&live, reason).await?;
        let remaining = plan.wraps.len();
        let entry = self.enqueue(Plan::Move(plan), Vec::new()).await?;
        let block = self.finish_move(entry).await?;
        Ok(Revoked {
            grant,
            remaining,
            block,
        })
    }

    /// Moves epochs that should have moved: after `freshUntil`, and of lanes that somebody suspended could read.
    /// Gives whether anything moved.
    pub(crate) async fn refresh_epochs(&self) -> Result<bool, ClientError> {
        let live = self.view.live_grants(&self.http, self.subject()).await?;
        let Some(reason) = self.reason_to_move(&live).await? else {
            return Ok(false);
        };
        let suspended = reason.excluded.clone();
        let plan = self.plan_move(&live, reason).await?;
        let entry = self.enqueue(Plan::Move(plan), Vec::new()).await?;
        self.finish_move(entry).await?;
        for grant in suspended {
            self.http
                .platform
                .save(&self.suspended_name(grant), b"moved")
                .await?;
        }
        Ok(true)
    }

    async fn reason_to_move(&self, live: &LiveGrants) -> Result<Option<Reason>, ClientError> {
        let now = self.chain_time(live);
        let expired: Vec<&Grant> = live
            .grants
            .iter()
            .filter(|g| g.state(now) == GrantState::Expired)
            .collect();
        let mut lanes = expired
            .iter()
            .fold(live.freshness.stale, |l, g| l.union(g.lanes.read));
        let mut excluded = Vec::new();
        for grant in self.suspended(live).await? {
            let name = self.suspended_name(grant.id);
            if self.http.platform.load(&name).await?.is_none() {
                lanes = lanes.union(grant.lanes.read);
                excluded.push(grant.id);
            }
        }
        let ended: Vec<GrantId> = expired.iter().map(|g| g.id).collect();
        let stuck = !fresh_at(live.freshness.fresh_until, now);
        if lanes.is_empty() && ended.is_empty() && !stuck {
            return Ok(None);
        }
        if lanes.is_empty() && ended.is_empty() {
            // The bound has passed, and nobody is left who could read: any lane may be moved to raise it.
            lanes = LaneSet(1);
        }
        Ok(Some(Reason {
            revoke: None,
            lanes,
            expired: ended,
            excluded,
        }))
    }

    /// Time as contracts will see it at least.
    fn chain_time(&self, live: &LiveGrants) -> u64 {
        // A grant counts as ended on chain by the block's time, which is not ahead of this clock by much; one that
        // ends this very second waits for the next unlock.
        self.now().saturating_sub(1).max(live.head.block_time)
    }

    /// Live reading grants whose grantee is not approved any more.
    async fn suspended(&self, live: &LiveGrants) -> Result<Vec<Grant>, ClientError> {
        let readers = live.grants.iter().filter(|g| !g.lanes.read.is_empty());
        let ask = readers
            .clone()
            .fold(Ask::default(), |ask, g| ask.subject(g.grantee));
        if ask.is_empty() {
            return Ok(Vec::new());
        }
        let facts = self.prove(ask).await?;
        let approved = |subject: SubjectId| {
            facts
                .subject(subject)
                .is_some_and(|s| s.status == Status::Approved)
        };
        Ok(readers.filter(|g| !approved(g.grantee)).copied().collect())
    }

    pub(crate) fn suspended_name(&self, grant: GrantId) -> String {
        format!("suspended/{:x}/{:x}", self.subject().0, grant.0)
    }

    async fn plan_move(&self, live: &LiveGrants, why: Reason) -> Result<MovePlan, ClientError> {
        let next = live
            .epochs
            .moved(why.lanes)
            .map_err(|e| ClientError::field("epochs", e.to_string()))?;
        let now = self.chain_time(live);
        let gone = |id: GrantId| why.revoke == Some(id) || why.expired.contains(&id);
        let remaining: Vec<Grant> = live
            .grants
            .iter()
            .filter(|g| !gone(g.id))
            .copied()
            .collect();
        let mut excluded = why.excluded.clone();
        excluded.extend(self.suspended(live).await?.iter().map(|g| g.id));
        let mut wraps = Vec::new();
        for grant in &remaining {
            let touched = !grant.lanes.read.intersection(why.lanes).is_empty();
            if touched && !excluded.contains(&grant.id) && grant.state(now) == GrantState::Live {
                wraps.push(self.make_wrap(grant, next).await?);
            }
        }
        let fresh_until = bound(&remaining, live.freshness, why.lanes);
        Ok(MovePlan {
            revoke: why.revoke,
            lanes: why.lanes,
            expected: live.epochs,
            fresh_until,
            expired: why.expired,
            wraps,
            links: self.make_links(live.epochs, why.lanes)?,
        })
    }

    /// Carries a move out, from wherever it stands. Gives the block, where a transaction was needed.
    pub(crate) async fn finish_move(&self, mut entry: Entry) -> Result<Option<u64>, ClientError> {
        let mut last = ClientError::Contended {
            what: "move epochs",
        };
        for _ in 0..MAX_TRIES {
            let Plan::Move(plan) = &entry.plan else {
                return Err(ClientError::Outbox {
                    name: entry.name,
                    why: "it is no move",
                });
            };
            let named = plan.revoke.iter().chain(&plan.expired);
            let ask = named.fold(Ask::default().epochs(self.subject()), |a, g| a.grant(*g));
            let facts = self.prove(ask).await?;
            let ended = |id: GrantId| facts.grant(id).is_none_or(|g| g.ended);
            let epochs = facts.epochs(self.subject());
            let ours = plan.expected.moved(plan.lanes).ok() == Some(epochs);
            // Without a lane to move, it is the end of the expired grants that shows that it was done.
            let closed = plan.expired.iter().all(|id| ended(*id));
            let moved = if plan.lanes.is_empty() { closed } else { ours };
            let done = plan.revoke.map_or(moved, ended);
            if done && !ours {
                // Ended, and the epochs moved by something else: its own plan took care of wraps and links.
                self.dequeue(&entry.name).await?;
                return Ok(None);
            }
            if !done && epochs != plan.expected {
                let Some(again) = self.plan_again(plan).await? else {
                    self.dequeue(&entry.name).await?;
                    return Ok(None);
                };
                entry.plan = Plan::Move(again);
                self.save_entry(&entry).await?;
                continue;
            }
            self.stage_move(plan).await?;
            if done {
                self.dequeue(&entry.name).await?;
                return Ok(None);
            }
            match self.act(&action_of(plan)).await {
                Ok(sent) => {
                    self.dequeue(&entry.name).await?;
                    return Ok(Some(sent.block));
                }
                Err(error) if error.is_race() => {
                    last = error;
                    let Some(again) = self.plan_again(plan).await? else {
                        self.dequeue(&entry.name).await?;
                        return Ok(None);
                    };
                    entry.plan = Plan::Move(again);
                    self.save_entry(&entry).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// The same intention, planned from the chain as it is now; none where nothing is left to do.
    async fn plan_again(&self, plan: &MovePlan) -> Result<Option<MovePlan>, ClientError> {
        let live = self.view.live_grants(&self.http, self.subject()).await?;
        let reason = match plan.revoke {
            Some(grant) => {
                let Some(fact) = live.grants.iter().find(|g| g.id == grant) else {
                    return Ok(None);
                };
                Some(Reason {
                    revoke: Some(grant),
                    lanes: fact.lanes.read,
                    expired: Vec::new(),
                    excluded: vec![grant],
                })
            }
            None => self.reason_to_move(&live).await?,
        };
        match reason {
            Some(reason) => self.plan_move(&live, reason).await.map(Some),
            None => Ok(None),
        }
    }

    async fn stage_move(&self, plan: &MovePlan) -> Result<(), ClientError> {
        if !plan.links.links.is_empty() {
            let subject = self.subject();
            self.authed(async || self.http.put_links(subject, &plan.links).await)
                .await?;
        }
        for wrap in &plan.wraps {
            self.authed(async || self.http.put_wrap(wrap).await).await?;
        }
        Ok(())
    }
}

fn action_of(plan: &MovePlan) -> Action {
    match plan.revoke {
        Some(grant) => Action::Revoke {
            grant,
            expected: plan.expected,
            fresh_until: plan.fresh_until,
        },
        None => Action::MoveEpochs {
            lanes: plan.lanes,
            expected: plan.expected,
            fresh_until: plan.fresh_until,
            expired: plan.expired.clone(),
        },
    }
}

/// The bound for key slots after a move: the earliest end of the reading grants that remain, also of those that ended
/// by date and still take a place; not above the present one while lanes are stale that do not move now.
fn bound(remaining: &[Grant], freshness: FreshnessFact, lanes: LaneSet) -> u64 {
    let readers = remaining.iter().filter(|g| !g.lanes.read.is_empty());
    let earliest = readers.map(|g| g.not_after).min().unwrap_or(u64::MAX);
    let present = if freshness.fresh_until == 0 {
        u64::MAX
    } else {
        freshness.fresh_until
    };
    if lanes.includes(freshness.stale) {
        earliest
    } else {
        earliest.min(present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carechain_domain::Lanes;

    fn grant(read: u16, not_after: u64) -> Grant {
        Grant {
            id: GrantId::default(),
            subject: SubjectId::default(),
            grantee: SubjectId::default(),
            lanes: Lanes {
                read: LaneSet(read),
                write: LaneSet(0),
            },
            purpose: 1,
            granted_at: 1,
            not_after,
            ended: false,
        }
    }

    #[test]
    fn the_bound_follows_the_contracts_rules() {
        let fresh = |fresh_until, stale| FreshnessFact {
            fresh_until,
            moved_at: 0,
            taken: 0,
            stale: LaneSet(stale),
        };
        assert_eq!(bound(&[], fresh(5, 0), LaneSet(1)), u64::MAX);
        assert_eq!(
            bound(&[grant(1, 90), grant(0, 10)], fresh(5, 0), LaneSet(1)),
            90
        );
        assert_eq!(
            bound(&[grant(1, 90)], fresh(5, 2), LaneSet(1)),
            5,
            "lane 1 is stale"
        );
        assert_eq!(bound(&[grant(1, 90)], fresh(5, 2), LaneSet(3)), 90);
        assert_eq!(bound(&[], fresh(0, 2), LaneSet(1)), u64::MAX);
    }
}
