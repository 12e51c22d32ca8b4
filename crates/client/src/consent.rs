//! Asking for access, answering, granting, and seeing who has access.

mod requests;

use carechain_api::GrantRow;
use carechain_crypto::WRAP_NAME_MAX_BYTES;
use carechain_domain::{
    Category, Grant, GrantId, GrantState, LaneSet, Lanes, Purpose, RequestId, SubjectId, fresh_at,
};

use crate::access::Access;
use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::outbox::{Entry, GrantPlan, Plan};
use crate::platform::Platform;
use crate::tx::{Action, Terms};
use crate::view::{LiveGrants, MAX_TRIES};

pub use requests::{AccessRequest, Asked, RequestView};

/// What is to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// To whom.
    pub grantee: SubjectId,
    /// Categories to read.
    pub read: Vec<Category>,
    /// Categories to write.
    pub write: Vec<Category>,
    /// What for.
    pub purpose: Purpose,
    /// First second at which it no longer holds.
    pub not_after: u64,
    /// The request that it answers.
    pub request: Option<RequestId>,
    /// The patient's name, told to the grantee alone.
    pub name: Option<String>,
}

/// A grant as its patient or grantee sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantView {
    /// The grant, proven.
    pub grant: Grant,
    /// Where it stands now.
    pub state: GrantState,
    /// Categories that may be read; for a grantee, those that its wrap names.
    pub read: Vec<Category>,
    /// Categories that may be written.
    pub write: Vec<Category>,
    /// Whether the wrap of the present epochs is there, as the node says.
    pub has_wrap: bool,
}

/// Who has access to one's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessView {
    /// Live grants: proven to be all of them.
    pub live: Vec<GrantView>,
    /// Grants that have ended, as the node lists them.
    pub ended: Vec<GrantView>,
    /// Until when authors may make key slots; the largest number is without end.
    pub fresh_until: u64,
}

impl<P: Platform> Device<P> {
    /// Grants access. When it returns, the grantee can read at once.
    pub async fn grant(&self, new: &NewGrant) -> Result<GrantId, ClientError> {
        if new
            .name
            .as_ref()
            .is_some_and(|n| n.is_empty() || n.len() > WRAP_NAME_MAX_BYTES)
        {
            let why = format!("1 to {WRAP_NAME_MAX_BYTES} bytes");
            return Err(ClientError::field("name", why));
        }
        if new.grantee == self.subject() {
            return Err(ClientError::field("grantee", "it is yourself"));
        }
        let own = self.access(self.subject()).await?;
        let lanes = Lanes {
            read: lanes_of(&own, &new.read),
            write: lanes_of(&own, &new.write),
        };
        if lanes.read.union(lanes.write).is_empty() {
            return Err(ClientError::field(
                "read",
                "no category to read or write was given",
            ));
        }
        if new.not_after <= self.now() {
            return Err(ClientError::field("until", "it lies in the past"));
        }
        if !fresh_at(own.freshness.fresh_until, self.now()) {
            self.refresh_epochs().await?;
        }
        let terms = Terms {
            subject: self.subject(),
            grantee: new.grantee,
            salt: self.random()?.word()?,
            lanes,
            purpose: new.purpose,
            not_after: new.not_after,
        };
        if let Some(name) = &new.name {
            self.keep_name(terms.id(), name).await?;
        }
        let plan = self
            .plan_grant(terms, new.request.unwrap_or_default())
            .await?;
        let entry = self
            .enqueue(Plan::Grant(Box::new(plan)), Vec::new())
            .await?;
        self.finish_grant(entry).await?;
        Ok(terms.id())
    }

    async fn plan_grant(&self, terms: Terms, request: RequestId) -> Result<GrantPlan, ClientError> {
        let subject = self.subject();
        let facts = self.prove(Ask::default().epochs(subject)).await?;
        let grant = grant_of(&terms, self.now());
        let wrap = self.make_wrap(&grant, facts.epochs(subject)).await?;
        let present = match facts.freshness(subject).fresh_until {
            0 => u64::MAX,
            until => until,
        };
        let reads = !terms.lanes.read.is_empty();
        let fresh_until = if reads {
            present.min(terms.not_after)
        } else {
            present
        };
        Ok(GrantPlan {
            terms,
            request,
            fresh_until,
            wrap,
        })
    }

    /// Carries a grant out, from wherever it stands.
    pub(crate) async fn finish_grant(&self, mut entry: Entry) -> Result<(), ClientError> {
        let mut last = ClientError::Contended {
            what: "grant access",
        };
        for _ in 0..MAX_TRIES {
            let Plan::Grant(plan) = &entry.plan else {
                return Err(ClientError::Outbox {
                    name: entry.name,
                    why: "it is no grant",
                });
            };
            let id = plan.terms.id();
            let subject = self.subject();
            let facts = self.prove(Ask::default().epochs(subject).grant(id)).await?;
            let known = facts.grant(id);
            if known.is_some_and(|g| g.ended) {
                return self.dequeue(&entry.name).await;
            }
            let epochs = facts.epochs(subject).masked(plan.terms.lanes.read);
            if plan.wrap.epochs != epochs {
                entry.plan =
                    Plan::Grant(Box::new(self.plan_grant(plan.terms, plan.request).await?));
                self.save_entry(&entry).await?;
                continue;
            }
            self.authed(async || self.http.put_wrap(&plan.wrap).await)
                .await?;
            if known.is_some() {
                return self.dequeue(&entry.name).await;
            }
            let (terms, request, fresh_until) = (plan.terms, plan.request, plan.fresh_until);
            match self
                .act(&Action::Grant {
                    terms,
                    request,
                    fresh_until,
                })
                .await
            {
                // Epochs may have moved between wrap and grant: once more round, to see.
                Ok(_) => last = ClientError::WrapMissing { grant: id },
                Err(error) if error.is_race() => {
                    last = error;
                    entry.plan = Plan::Grant(Box::new(self.plan_grant(terms, request).await?));
                    self.save_entry(&entry).await?;
                }
                Err(error) => {
                    if matches!(error, ClientError::Reverted { .. }) {
                        // A refusal that planning again does not change: nothing was granted.
                        self.dequeue(&entry.name).await?;
                    }
                    return Err(error);
                }
            }
        }
        Err(last)
    }

    /// Who has access to one's own record: live grants proven complete, others as the node lists them.
    pub async fn access_view(&self) -> Result<AccessView, ClientError> {
        let subject = self.subject();
        let own = self.access(subject).await?;
        let live = self.view.live_grants(&self.http, subject).await?;
        let rows = self
            .authed(async || self.http.grants_of(subject).await)
            .await?
            .rows;
        let now = self.now().max(live.head.block_time);
        let view = |grant: Grant, has_wrap| GrantView {
            grant,
            state: grant.state(now),
            read: categories_of(&own, grant.lanes.read),
            write: categories_of(&own, grant.lanes.write),
            has_wrap,
        };
        let has_wrap = |id: GrantId| {
            rows.iter()
                .any(|r: &GrantRow| r.grant.id == id && r.has_wrap)
        };
        let gone = |grant: Grant| match grant.state(now) {
            GrantState::Live => Grant {
                ended: true,
                ..grant
            },
            GrantState::Expired | GrantState::Revoked => grant,
        };
        let is_live = |id: GrantId| live.grants.iter().any(|g| g.id == id);
        let ended = rows
            .iter()
            .filter(|r| !is_live(r.grant.id) && r.grant.subject == subject)
            .map(|r| view(gone(r.grant), false))
            .collect();
        let fresh_until = match live.freshness.fresh_until {
            0 => u64::MAX,
            until => until,
        };
        let live = live
            .grants
            .iter()
            .map(|g| view(*g, has_wrap(g.id)))
            .collect();
        Ok(AccessView {
            live,
            ended,
            fresh_until,
        })
    }

    /// Grants that this subject holds, each proven.
    pub async fn grants_held(&self) -> Result<Vec<GrantView>, ClientError> {
        let rows = self
            .authed(async || self.http.grants_to_me().await)
            .await?
            .rows;
        let mut views = Vec::with_capacity(rows.len());
        // 64 grants of three slots fit into one proof.
        for chunk in rows.chunks(64) {
            let ask = chunk
                .iter()
                .fold(Ask::default(), |ask, row| ask.grant(row.grant.id));
            let facts = self.prove(ask).await?;
            let now = self.now().max(facts.head.block_time);
            for row in chunk {
                let proven = facts
                    .grant(row.grant.id)
                    .filter(|g| g.grantee == self.subject());
                let grant = proven.ok_or(Lie::RowChanged {
                    what: "grant",
                    id: row.grant.id.0,
                })?;
                let state = grant.state(now);
                let has_wrap = row.has_wrap;
                views.push(GrantView {
                    grant,
                    state,
                    read: vec![],
                    write: vec![],
                    has_wrap,
                });
            }
        }
        Ok(views)
    }

    /// Makes the wraps of live grants that lack one, such as after a grantee was reinstated or got a new key.
    pub(crate) async fn renew_wraps(&self, live: &LiveGrants) -> Result<usize, ClientError> {
        let subject = self.subject();
        let rows = self
            .authed(async || self.http.grants_of(subject).await)
            .await?
            .rows;
        let now = self.now().max(live.head.block_time);
        let mut made = 0;
        for grant in live
            .grants
            .iter()
            .filter(|g| g.state(now) == GrantState::Live)
        {
            if rows.iter().any(|r| r.grant.id == grant.id && r.has_wrap) {
                continue;
            }
            let facts = self.prove(Ask::default().subject(grant.grantee)).await?;
            let approved = facts
                .subject(grant.grantee)
                .is_some_and(|s| s.status == carechain_domain::Status::Approved);
            if approved {
                let wrap = self.make_wrap(grant, live.epochs).await?;
                self.authed(async || self.http.put_wrap(&wrap).await)
                    .await?;
                // Should the grantee be suspended again, epochs have to move again.
                self.http
                    .platform
                    .remove(&self.suspended_name(grant.id))
                    .await?;
                made += 1;
            }
        }
        Ok(made)
    }
}

/// The grant that terms will make.
fn grant_of(terms: &Terms, now: u64) -> Grant {
    Grant {
        id: terms.id(),
        subject: terms.subject,
        grantee: terms.grantee,
        lanes: terms.lanes,
        purpose: terms.purpose.number(),
        granted_at: now,
        not_after: terms.not_after,
        ended: false,
    }
}

fn lanes_of(own: &Access, categories: &[Category]) -> LaneSet {
    categories.iter().filter_map(|c| own.lane(*c)).collect()
}

pub(crate) fn categories_of(access: &Access, lanes: LaneSet) -> Vec<Category> {
    let mut categories: Vec<Category> = lanes
        .iter()
        .filter_map(|lane| access.category(lane))
        .collect();
    categories.sort();
    categories
}
