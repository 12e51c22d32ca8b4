//! What this device may do in a subject's record, and the lane keys for it: from its own encryption root, or from
//! wraps that it checked against the chain.

mod assemble;

use core::cell::RefCell;
use std::collections::BTreeMap;

use carechain_api::{ErrorCode, SignedWrap};
use carechain_crypto::{
    BackLink, KemSecret, LaneKey, PersonTag, SignedWrap as SealedWrap, WrapBody, WrapInfo,
};
use carechain_domain::{
    Category, Epochs, Grant, GrantState, Lane, LaneSet, Lanes, Status, SubjectId,
};

use self::assemble::assemble;
use crate::device::{Device, crypto_lane};
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, Facts, FreshnessFact};
use crate::platform::Platform;
use crate::view::MAX_TRIES;

/// What a device may do in one subject's record.
pub(crate) struct Access {
    pub(crate) subject: SubjectId,
    pub(crate) lanes: Lanes,
    pub(crate) epochs: Epochs,
    pub(crate) freshness: FreshnessFact,
    pub(crate) person_tag: PersonTag,
    /// The patient's name, where a wrap told it.
    pub(crate) name: Option<String>,
    /// What the release is for, as the chain's number.
    pub(crate) purpose: u16,
    categories: BTreeMap<Lane, Category>,
    keys: RefCell<BTreeMap<(Lane, u16), LaneKey>>,
    owner: Option<Owner>,
}

/// The owner's own means.
struct Owner {
    roots: carechain_crypto::Roots,
    kem: KemSecret,
}

impl Access {
    pub(crate) fn is_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// The owner's X-Wing key, for inbox slots.
    pub(crate) fn kem(&self) -> Option<&KemSecret> {
        self.owner.as_ref().map(|o| &o.kem)
    }

    pub(crate) fn category(&self, lane: Lane) -> Option<Category> {
        self.categories.get(&lane).copied()
    }

    pub(crate) fn lane(&self, category: Category) -> Option<Lane> {
        self.categories
            .iter()
            .find(|(_, c)| **c == category)
            .map(|(lane, _)| *lane)
    }

    /// The key of a lane in an epoch.
    pub(crate) fn lane_key(&self, lane: Lane, epoch: u16) -> Result<LaneKey, Lie> {
        if let Some(key) = self.keys.borrow().get(&(lane, epoch)) {
            return Ok(key.clone());
        }
        let Some(owner) = &self.owner else {
            return Err(Lie::BrokenLink { lane, epoch });
        };
        let key = owner
            .roots
            .current()
            .lane_key(&self.subject.0, crypto_lane(lane), epoch);
        self.keys.borrow_mut().insert((lane, epoch), key.clone());
        Ok(key)
    }
}

impl<P: Platform> Device<P> {
    /// What this device may do in a record: everything in its own, what grants say in another's.
    pub(crate) async fn access(&self, subject: SubjectId) -> Result<Access, ClientError> {
        if subject == self.subject() {
            let ask = Ask::default()
                .epochs(subject)
                .subject(subject)
                .device(self.address());
            let facts = self.prove(ask).await?;
            self.check_own(&facts)?;
            Ok(self.own_access(facts.epochs(subject), facts.freshness(subject)))
        } else {
            self.granted_access(subject).await
        }
    }

    /// The subject exists and this device is one of its live ones.
    fn check_own(&self, facts: &Facts) -> Result<(), ClientError> {
        let subject = self.subject();
        facts.subject(subject).ok_or(ClientError::NotRegistered)?;
        if facts.device(self.address()).is_live_of(subject) {
            Ok(())
        } else {
            Err(ClientError::DeviceRemoved { subject })
        }
    }

    /// What lanes of one's own record mean.
    pub fn own_categories(&self, lanes: LaneSet) -> Vec<Category> {
        let permutation = self.roots().lanes(&self.subject().0);
        let mut categories: Vec<Category> = lanes
            .iter()
            .map(|lane| {
                Category::try_from(permutation.category(crypto_lane(lane)))
                    .expect("categories are numbered as lanes are, 0 to 15")
            })
            .collect();
        categories.sort();
        categories
    }

    pub(crate) fn own_access(&self, epochs: Epochs, freshness: FreshnessFact) -> Access {
        let subject = self.subject();
        let permutation = self.roots().lanes(&subject.0);
        let categories = Lane::all()
            .map(|lane| {
                let category = Category::try_from(permutation.category(crypto_lane(lane)))
                    .expect("categories are numbered as lanes are, 0 to 15");
                (lane, category)
            })
            .collect();
        Access {
            subject,
            lanes: Lanes {
                read: LaneSet::ALL,
                write: LaneSet::ALL,
            },
            epochs,
            freshness,
            person_tag: self.roots().person_tag(&subject.0),
            name: None,
            purpose: carechain_domain::Purpose::Personal.number(),
            categories,
            keys: RefCell::default(),
            owner: Some(Owner {
                roots: self.roots().clone(),
                kem: self.kem(),
            }),
        }
    }

    async fn granted_access(&self, subject: SubjectId) -> Result<Access, ClientError> {
        let mut last = ClientError::Contended {
            what: "read the grants",
        };
        for _ in 0..MAX_TRIES {
            match self.try_granted_access(subject).await {
                // The patient may be moving epochs at this moment: ask both again.
                Err(error @ ClientError::Lie(Lie::RolledBackWrap { .. })) => last = error,
                Err(error @ ClientError::WrapMissing { .. }) => last = error,
                other => return other,
            }
        }
        Err(last)
    }

    async fn try_granted_access(&self, subject: SubjectId) -> Result<Access, ClientError> {
        let reader = self.subject();
        let (grants, facts) = self.pair_grants(subject).await?;
        let me = facts.subject(reader).ok_or(ClientError::NotRegistered)?;
        if me.status != Status::Approved {
            let status = me.status.to_string();
            return Err(ClientError::NotApproved {
                subject: reader,
                status,
            });
        }
        let now = self.now().max(facts.head.block_time);
        let live: Vec<Grant> = grants
            .into_iter()
            .filter(|g| g.state(now) == GrantState::Live)
            .collect();
        if live.is_empty() {
            return Err(ClientError::NotGranted {
                subject,
                what: "see anything",
            });
        }
        let epochs = facts.epochs(subject);
        let mut bodies = Vec::with_capacity(live.len());
        for grant in &live {
            let wrap = self.fetch_wrap(grant).await?;
            bodies.push(self.open_wrap(grant, &wrap, epochs, me.key_version).await?);
        }
        let access = assemble(subject, &live, bodies, epochs, facts.freshness(subject))?;
        self.follow_links(&access).await?;
        Ok(access)
    }

    /// Every live grant of this device's subject in a record, proven to be all of them.
    async fn pair_grants(&self, subject: SubjectId) -> Result<(Vec<Grant>, Facts), ClientError> {
        let reader = self.subject();
        let base = || {
            Ask::default()
                .pair(subject, reader)
                .epochs(subject)
                .subject(reader)
        };
        for _ in 0..MAX_TRIES {
            let first = self.prove(base()).await?;
            let taken = first.pair(subject, reader);
            if taken == 0 {
                return Ok((Vec::new(), first));
            }
            let ids = self
                .prove(base().live(subject, taken))
                .await?
                .live(subject, taken);
            let ask = ids
                .iter()
                .fold(base().live(subject, taken), |ask, id| ask.grant(*id));
            let facts = self.prove(ask).await?;
            if facts.pair(subject, reader) != taken || facts.live(subject, taken) != ids {
                continue;
            }
            let grants = ids
                .iter()
                .filter_map(|id| facts.grant(*id))
                .filter(|g| g.subject == subject && g.grantee == reader && !g.ended)
                .collect();
            return Ok((grants, facts));
        }
        Err(ClientError::Contended {
            what: "read the grants",
        })
    }

    async fn fetch_wrap(&self, grant: &Grant) -> Result<SignedWrap, ClientError> {
        match self.authed(async || self.http.wrap(grant.id).await).await {
            Err(error) if error.code() == Some(ErrorCode::NotFound) => {
                Err(ClientError::WrapMissing { grant: grant.id })
            }
            other => other,
        }
    }

    /// Checks a wrap against the chain and opens it.
    async fn open_wrap(
        &self,
        grant: &Grant,
        wrap: &SignedWrap,
        epochs: Epochs,
        key_version: u16,
    ) -> Result<WrapBody, ClientError> {
        let forged = |what| Lie::ForgedWrap {
            grant: grant.id,
            what,
        };
        if wrap.grant != grant.id || wrap.subject != grant.subject || wrap.grantee != grant.grantee
        {
            return Err(forged("it is of another grant").into());
        }
        if wrap.read != grant.lanes.read || wrap.write != grant.lanes.write {
            return Err(forged("its lanes are not the grant's").into());
        }
        if wrap.key_version != key_version {
            return Err(forged("it is sealed to another version of your key").into());
        }
        let info = wrap_info(self.pins().id, grant, key_version, wrap.epochs);
        let signature = wrap
            .signature
            .as_ref()
            .try_into()
            .map_err(|_| forged("its signature is cut"))?;
        let sealed = SealedWrap {
            sealed: wrap.sealed.0.clone(),
            signed_at: wrap.signed_at,
            signature,
        };
        let signer = sealed
            .signer(&info)
            .map_err(|_| forged("its signature cannot be read"))?;
        let device = self
            .prove(Ask::default().device(signer))
            .await?
            .device(signer);
        if !device.is_live_of(grant.subject) {
            return Err(forged("no live device of the patient signed it").into());
        }
        for lane in grant.lanes.read.iter() {
            let (served, proven) = (wrap.epochs.of(lane), epochs.of(lane));
            if served != proven {
                return Err(Lie::RolledBackWrap {
                    grant: grant.id,
                    lane,
                    served,
                    proven,
                }
                .into());
            }
        }
        Ok(sealed
            .open(&info, signer, &self.kem())
            .map_err(|_| forged("it does not open"))?)
    }

    /// Opens the keys of older epochs by back-links, as far as they go.
    async fn follow_links(&self, access: &Access) -> Result<(), ClientError> {
        let moved = access
            .lanes
            .read
            .iter()
            .any(|lane| access.epochs.of(lane) > 0);
        if !moved {
            return Ok(());
        }
        let links = self
            .authed(async || self.http.links(access.subject).await)
            .await?;
        let by_step: BTreeMap<(Lane, u16), Vec<u8>> = links
            .links
            .into_iter()
            .map(|l| ((l.lane, l.epoch), l.sealed.0))
            .collect();
        let mut keys = access.keys.borrow_mut();
        for lane in access.lanes.read.iter() {
            for epoch in (0..access.epochs.of(lane)).rev() {
                let (Some(newer), Some(sealed)) =
                    (keys.get(&(lane, epoch + 1)), by_step.get(&(lane, epoch)))
                else {
                    break;
                };
                let link = BackLink {
                    subject: access.subject.0,
                    lane: crypto_lane(lane),
                    epoch,
                };
                let older = link
                    .open(newer, sealed)
                    .map_err(|_| Lie::BrokenLink { lane, epoch })?;
                keys.insert((lane, epoch), older);
            }
        }
        Ok(())
    }
}

/// What a wrap of a grant binds.
pub(crate) fn wrap_info(
    chain_id: u64,
    grant: &Grant,
    grantee_key_version: u16,
    epochs: Epochs,
) -> WrapInfo {
    WrapInfo {
        chain_id,
        subject: grant.subject.0,
        grantee: grant.grantee.0,
        grantee_key_version,
        grant: grant.id.0,
        read_lanes: grant.lanes.read.0,
        write_lanes: grant.lanes.write.0,
        epochs: epochs.masked(grant.lanes.read).0,
    }
}

#[cfg(test)]
mod tests;
