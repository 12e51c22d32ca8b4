//! Whether a list is the chain's: as many anchors in each lane, and the same rolling hash. Pure.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use carechain_api::AnchorRow;
use carechain_crypto::{fold, word};
use carechain_domain::{Lane, LaneSet, SubjectId};

use crate::device::crypto_lane;
use crate::error::Lie;
use crate::facts::Facts;
use crate::http::ReleasedItem;

/// Compares the list of each lane with the chain's count and rolling hash.
pub(super) fn check_lanes(
    subject: SubjectId,
    lanes: LaneSet,
    items: &[ReleasedItem],
    facts: &Facts,
) -> Vec<Lie> {
    let mut by_lane: BTreeMap<Lane, Vec<&AnchorRow>> = BTreeMap::new();
    let mut faults = Vec::new();
    for released in items {
        let anchor = &released.item.anchor;
        if !lanes.contains(anchor.lane) {
            faults.push(Lie::Invented {
                lane: anchor.lane,
                listed: 1,
                proven: 0,
            });
            return faults;
        }
        by_lane.entry(anchor.lane).or_default().push(anchor);
    }
    for lane in lanes.iter() {
        let mut anchors = by_lane.remove(&lane).unwrap_or_default();
        anchors.sort_by_key(|a| a.sequence);
        let tip = facts.lane(subject, lane);
        faults.extend(check_lane(lane, &anchors, tip.count, tip.rolling));
    }
    faults
}

/// Folds a lane's anchors and compares the result with its tip.
pub(super) fn check_lane(
    lane: Lane,
    anchors: &[&AnchorRow],
    proven: u64,
    rolling: B256,
) -> Option<Lie> {
    let listed = anchors.len() as u64;
    if listed < proven {
        return Some(Lie::Omitted {
            lane,
            listed,
            proven,
        });
    }
    if listed > proven {
        return Some(Lie::Invented {
            lane,
            listed,
            proven,
        });
    }
    let folded = anchors.iter().fold(B256::ZERO, |hash, a| {
        let word = word(a.version, &a.author.0, crypto_lane(lane), &a.commitment);
        fold(&hash, &a.record.0, &word)
    });
    (folded != rolling).then_some(Lie::ListChanged { lane })
}
