//! Several wraps of one patient become one access; wraps that disagree are refused.

use core::cell::RefCell;
use std::collections::BTreeMap;

use carechain_crypto::{PersonTag, WrapBody};
use carechain_domain::{Category, Epochs, Grant, Lanes, SubjectId};

use super::Access;
use crate::device::domain_lane;
use crate::error::{ClientError, Lie};
use crate::facts::FreshnessFact;

/// Puts the bodies of several wraps of one patient together.
pub(super) fn assemble(
    subject: SubjectId,
    grants: &[Grant],
    bodies: Vec<WrapBody>,
    epochs: Epochs,
    freshness: FreshnessFact,
) -> Result<Access, ClientError> {
    let mut lanes = Lanes::default();
    let mut categories = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut person: Option<(PersonTag, Option<String>)> = None;
    for (grant, body) in grants.iter().zip(bodies) {
        let forged = |what| Lie::ForgedWrap {
            grant: grant.id,
            what,
        };
        lanes.read = lanes.read.union(grant.lanes.read);
        lanes.write = lanes.write.union(grant.lanes.write);
        let named = body.read.iter().map(|l| (l.lane, l.category));
        for (lane, category) in named.chain(body.write.iter().map(|l| (l.lane, l.category))) {
            let lane = domain_lane(lane);
            let category =
                Category::try_from(category).map_err(|_| forged("a category does not exist"))?;
            if categories
                .insert(lane, category)
                .is_some_and(|known| known != category)
            {
                return Err(forged("two wraps disagree about a lane").into());
            }
        }
        for lane in body.read {
            let lane_number = domain_lane(lane.lane);
            keys.insert((lane_number, epochs.of(lane_number)), lane.key);
        }
        match &person {
            Some((tag, _)) if *tag != body.person_tag => {
                return Err(forged("two wraps disagree about the person").into());
            }
            Some(_) => {}
            None => person = Some((body.person_tag, body.name)),
        }
    }
    let purpose = grants.first().map_or(0, |g| g.purpose);
    let (person_tag, name) = person.ok_or(ClientError::NotGranted {
        subject,
        what: "see anything",
    })?;
    Ok(Access {
        subject,
        lanes,
        epochs,
        freshness,
        person_tag,
        name,
        purpose,
        categories,
        keys: RefCell::new(keys),
        owner: None,
    })
}
