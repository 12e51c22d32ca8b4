//! A chart on a node that lies: each lie by its name. Wraps and grants are those of a doctor's device.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{B256, U256};
use carechain_api::frame::{self, FrameKind};
use carechain_api::{AnchorRow, ReleaseHeader, ReleaseItem};
use carechain_crypto::{Statement, fold, uid, word};
use carechain_domain::{Category, Epochs, Kind, RecordId, Uid};

use crate::chart::{ChartQuery, RowState};
use crate::device::{Device, crypto_lane};
use crate::error::{ClientError, Lie};
use crate::http::ReleasedItem;
use crate::outbox::PlanRow;
use crate::seal::{Before, Draft};
use crate::slots;
use crate::testing::{FakeNode, NOW, run};

/// Seals records of one's own as an import would: (id, content) each; the same id again is its next version.
fn seal(device: &Device<&FakeNode>, records: &[(&str, &str)]) -> Vec<ReleasedItem> {
    let writer = run(device.writer(device.subject())).unwrap();
    let lane = writer.access.lane(Category::Vitals).unwrap();
    let mut newest: std::collections::BTreeMap<String, Before> = Default::default();
    let mut items = Vec::new();
    for (sequence, (id, content)) in records.iter().enumerate() {
        let name = uid(
            &device.roots().uid_key(),
            &device.subject().0,
            "",
            "Observation",
            id,
        );
        let statement = Statement {
            media_type: "application/fhir+json".into(),
            category: Category::Vitals.number(),
            resource_type: Some("Observation".into()),
            date: None,
            full_url: None,
            source: None,
            resource_id: Some((*id).into()),
            author: device.subject().0,
            content_sha256: Statement::hash_content(content.as_bytes()),
            amends: None,
            signed_at: NOW,
            outcome: None,
            title: None,
        };
        let before = newest.get(*id).copied();
        let uid = Uid(name.unwrap());
        let content = content.as_bytes();
        let draft = Draft {
            uid,
            lane,
            before,
            statement,
            content,
            amends: None,
        };
        let mut random = device.random().unwrap();
        let sealed = device.sealer(&writer).seal(draft, &mut random).unwrap();
        let row: &PlanRow = &sealed.row;
        let commitment = row.stage.commitment;
        newest.insert(
            (*id).into(),
            Before {
                version: row.stage.version,
                commitment,
            },
        );
        items.push(ReleasedItem {
            item: item(device, row, sequence as u64 + 1),
            blob: Some(sealed.blob),
        });
    }
    items
}

fn item(device: &Device<&FakeNode>, row: &PlanRow, sequence: u64) -> ReleaseItem {
    let stage = row.stage.clone();
    ReleaseItem {
        anchor: AnchorRow {
            record: stage.record,
            author: device.subject(),
            version: stage.version,
            lane: stage.lane,
            sequence,
            epoch: stage.epoch,
            inbox_only: stage.slot.is_none(),
            commitment: stage.commitment,
            amends: RecordId::default(),
            block: 7,
            time: NOW,
        },
        uid: Some(stage.uid),
        cid: Some(stage.cid),
        size: stage.size,
        slot: stage.slot,
        slot_epoch: stage.epoch,
        inbox: stage.inbox,
        inbox_key_version: stage.inbox_key_version,
        has_blob: true,
    }
}

/// Puts the lane's tip into the chain, as the contract folds it.
fn anchor(node: &FakeNode, device: &Device<&FakeNode>, items: &[ReleasedItem]) {
    let lane = items[0].item.anchor.lane;
    let rolling = items.iter().fold(B256::ZERO, |hash, i| {
        let a = &i.item.anchor;
        let word = word(a.version, &a.author.0, crypto_lane(lane), &a.commitment);
        fold(&hash, &a.record.0, &word)
    });
    let records = node.info().contracts.records;
    let subject = device.subject();
    node.set(
        records,
        slots::lane(subject, lane, 0),
        U256::from_be_bytes(rolling.0),
    );
    node.set(
        records,
        slots::lane(subject, lane, 1),
        U256::from(items.len()),
    );
    node.number.set(node.number.get() + 1);
}

fn serve(node: &FakeNode, items: &[ReleasedItem]) {
    let header = ReleaseHeader {
        epochs: Epochs::default(),
        items: items.len() as u32,
        receipt: None,
        block: node.number.get(),
    };
    let mut out = Vec::new();
    frame::put(
        &mut out,
        FrameKind::Header,
        &serde_json::to_vec(&header).unwrap(),
    );
    for released in items {
        frame::put(
            &mut out,
            FrameKind::Item,
            &serde_json::to_vec(&released.item).unwrap(),
        );
        frame::put_blob(&mut out, released.blob.as_ref().unwrap());
    }
    frame::put(&mut out, FrameKind::End, b"");
    node.answers
        .borrow_mut()
        .insert("POST /v1/releases".into(), out);
}

struct Stage {
    node: FakeNode,
}

const RECORDS: &[(&str, &str)] = &[
    ("a", r#"{"v":1}"#),
    ("b", r#"{"v":2}"#),
    ("a", r#"{"v":3}"#),
];

impl Stage {
    fn new() -> Self {
        Self {
            node: FakeNode::new(),
        }
    }

    /// Serves the records after `lie` had its way with the list, and reads the chart.
    fn lie(&self, lie: impl FnOnce(&mut Vec<ReleasedItem>)) -> Result<Vec<Lie>, ClientError> {
        let patient = self.node.person(1, Kind::Patient);
        let mut items = seal(&patient, RECORDS);
        anchor(&self.node, &patient, &items);
        lie(&mut items);
        serve(&self.node, &items);
        let chart = run(patient.chart(patient.subject(), &ChartQuery::default()))?;
        Ok(chart.faults().cloned().collect())
    }
}

fn list_lie(result: Result<Vec<Lie>, ClientError>) -> Lie {
    match result {
        Err(ClientError::Lie(lie)) => lie,
        other => panic!("a lie about the list was expected, not {other:?}"),
    }
}

#[test]
fn an_honest_list_opens_whole() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let items = seal(&patient, RECORDS);
    anchor(&node, &patient, &items);
    serve(&node, &items);
    let query = ChartQuery {
        contents: true,
        ..ChartQuery::default()
    };
    let chart = run(patient.chart(patient.subject(), &query)).unwrap();
    assert!(chart.rows.iter().all(|row| row.state == RowState::Open));
    assert!(
        chart
            .rows
            .iter()
            .all(|row| row.category == Some(Category::Vitals))
    );
    let current: Vec<_> = chart
        .current()
        .map(|r| r.content.clone().unwrap())
        .collect();
    assert_eq!(current, [br#"{"v":2}"#.to_vec(), br#"{"v":3}"#.to_vec()]);
    let verified = run(patient.verify(patient.subject(), None)).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert_eq!((verified.versions, verified.good), (3, 3));
}

#[test]
fn a_changed_byte_is_named() {
    let faults = Stage::new()
        .lie(|items| items[1].blob.as_mut().unwrap()[100] ^= 1)
        .unwrap();
    assert!(
        matches!(faults[..], [Lie::ByteChanged { .. }]),
        "{faults:?}"
    );
}

#[test]
fn two_swapped_records_are_named() {
    let swap_all = |items: &mut Vec<ReleasedItem>| {
        let (a, b) = (items[0].item.clone(), items[1].item.clone());
        items[0].item = ReleaseItem {
            anchor: a.anchor,
            ..b.clone()
        };
        items[1].item = ReleaseItem {
            anchor: b.anchor,
            ..a
        };
        items.swap(0, 1);
        let anchors = (items[0].item.anchor.clone(), items[1].item.anchor.clone());
        (items[0].item.anchor, items[1].item.anchor) = (anchors.0, anchors.1);
    };
    let faults = Stage::new().lie(swap_all).unwrap();
    assert!(!faults.is_empty());
    assert!(
        faults
            .iter()
            .all(|l| matches!(l, Lie::RecordsSwapped { .. })),
        "{faults:?}"
    );
    let faults = Stage::new()
        .lie(|items| {
            let cid = items[1].item.cid.clone();
            items[0].item.cid = cid;
            items[0].blob = items[1].blob.clone();
        })
        .unwrap();
    assert!(
        matches!(faults[..], [Lie::RecordsSwapped { .. }]),
        "{faults:?}"
    );
}

#[test]
fn an_older_version_in_the_place_of_the_latest_is_named() {
    let faults = Stage::new()
        .lie(|items| {
            let old = items[0].item.clone();
            let anchor = items[2].item.anchor.clone();
            items[2].item = ReleaseItem { anchor, ..old };
            items[2].blob = items[0].blob.clone();
        })
        .unwrap();
    assert!(
        matches!(
            faults[..],
            [Lie::OlderVersion {
                served: 1,
                expected: 2,
                ..
            }]
        ),
        "{faults:?}"
    );
}

#[test]
fn a_record_left_out_added_or_moved_is_named() {
    let lie = list_lie(Stage::new().lie(|items| drop(items.remove(1))));
    assert!(
        matches!(
            lie,
            Lie::Omitted {
                listed: 2,
                proven: 3,
                ..
            }
        ),
        "{lie}"
    );
    let lie = list_lie(Stage::new().lie(|items| {
        let copy = ReleasedItem {
            item: items[0].item.clone(),
            blob: items[0].blob.clone(),
        };
        items.push(copy);
    }));
    assert!(
        matches!(
            lie,
            Lie::Invented {
                listed: 4,
                proven: 3,
                ..
            }
        ),
        "{lie}"
    );
    let lie = list_lie(Stage::new().lie(|items| {
        items[0].item.anchor.sequence = 2;
        items[1].item.anchor.sequence = 1;
    }));
    assert!(matches!(lie, Lie::ListChanged { .. }), "{lie}");
    let lie = list_lie(Stage::new().lie(|items| {
        // The last version cut off, and the one before served twice to keep the count.
        items[2].item.anchor.version = 1;
    }));
    assert!(matches!(lie, Lie::ListChanged { .. }), "{lie}");
}

#[test]
fn a_changed_key_and_a_changed_name_are_named() {
    let faults = Stage::new()
        .lie(|items| items[0].item.slot.as_mut().unwrap().0[20] ^= 1)
        .unwrap();
    assert!(matches!(faults[..], [Lie::KeyChanged { .. }]), "{faults:?}");
    let faults = Stage::new()
        .lie(|items| items[0].item.uid = Some(Uid(B256::repeat_byte(3))))
        .unwrap();
    assert!(matches!(faults[..], [Lie::UidChanged { .. }]), "{faults:?}");
}

#[test]
fn a_device_that_was_removed_before_signing_is_named() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let items = seal(&patient, RECORDS);
    anchor(&node, &patient, &items);
    serve(&node, &items);
    let access = run(patient.access(patient.subject())).unwrap();
    node.set_device(patient.address(), patient.subject(), NOW - 10_000);
    node.number.set(node.number.get() + 1);
    serve(&node, &items);
    let chart = run(patient.chart_with(&access, &ChartQuery::default(), true)).unwrap();
    assert_eq!(
        chart.faults().count(),
        0,
        "the hot path trusts the anchoring author"
    );
    let error = run(patient.access(patient.subject())).err();
    assert!(
        matches!(error, Some(ClientError::DeviceRemoved { .. })),
        "{error:?}"
    );
}
