//! Which rows are anchored again after an interruption.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::outbox::PlanRow;
use crate::proof::{Head, Values};
use crate::slots;
use alloy_primitives::U256;
use carechain_api::StageRow;
use carechain_domain::{Lane, Uid};

fn row(record: u8, version: u32, commitment: u8, previous: u8) -> PlanRow {
    let stage = StageRow {
        record: [record; 32].into(),
        uid: Uid::default(),
        version,
        lane: Lane::try_from(3).unwrap(),
        epoch: 0,
        commitment: B256::repeat_byte(commitment),
        cid: String::new(),
        size: 1,
        slot: None,
        inbox: None,
        inbox_key_version: 0,
    };
    PlanRow {
        stage,
        tag: B256::ZERO,
        previous: B256::repeat_byte(previous),
        previous_version: version - 1,
        amends_author: B256::ZERO,
        amends_tag: B256::ZERO,
    }
}

/// Sorts rows out against a chain whose words are those of the rows given.
fn sorted(rows: &[PlanRow], on_chain: &[&PlanRow]) -> (Vec<(RecordId, u32)>, Written) {
    let author = SubjectId::from([9; 32]);
    let records = alloy_primitives::Address::repeat_byte(4);
    let contracts = carechain_crypto::KeysetContracts {
        registry: records,
        directory: records,
        consent: records,
        records,
    };
    let mut values = Values::new();
    for row in rows {
        values
            .entry((records, slots::word(row.record())))
            .or_insert(U256::ZERO);
    }
    for row in on_chain {
        let word = U256::from_be_bytes(own_word(author, row).0);
        values.insert((records, slots::word(row.record())), word);
    }
    let head = Head {
        number: 1,
        hash: B256::ZERO,
        state_root: B256::ZERO,
        block_time: 0,
        signed_at: 0,
    };
    let mut written = Written::default();
    let facts = Facts {
        head,
        contracts,
        values,
    };
    (sort_out(author, rows, &facts, &mut written), written)
}

#[test]
fn what_is_anchored_is_done_and_the_rest_is_to_do() {
    let (a1, a2, b1) = (row(1, 1, 11, 0), row(1, 2, 12, 11), row(2, 1, 21, 0));
    let rows = [a1.clone(), a2.clone(), b1.clone()];
    let (todo, written) = sorted(&rows, &[]);
    assert_eq!(todo, [key_of(&a1), key_of(&a2), key_of(&b1)]);
    assert!(written.rows.is_empty());
    let (todo, written) = sorted(&rows, &[&a1]);
    assert_eq!(todo, [key_of(&a2), key_of(&b1)]);
    assert_eq!(written.rows, [key_of(&a1)]);
    let (todo, written) = sorted(&rows, &[&a2, &b1]);
    assert!(todo.is_empty() && written.conflicts.is_empty());
    assert_eq!(written.rows, [key_of(&a1), key_of(&a2), key_of(&b1)]);
}

#[test]
fn a_version_of_another_device_is_a_conflict() {
    let (planned, other) = (row(1, 1, 11, 0), row(1, 1, 99, 0));
    let (todo, written) = sorted(&[planned], &[&other]);
    assert!(todo.is_empty() && written.rows.is_empty());
    assert_eq!(written.conflicts, [RecordId::from([1; 32])]);
}
