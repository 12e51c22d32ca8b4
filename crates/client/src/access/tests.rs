//! A doctor's device and the wraps that a lying node serves it.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{B256, U256};
use carechain_api::{Session, SignedWrap, SubjectView};
use carechain_crypto::KeyBundle;
use carechain_domain::{Epochs, Grant, GrantId, Kind, LaneSet, Lanes, Status, SubjectId};

use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::slots;
use crate::testing::{FakeNode, NOW, keyset, run};

fn sign_in(node: &FakeNode, device: &Device<&FakeNode>) {
    let session = Session {
        subject: device.subject(),
        kind: device.kind(),
        address: device.address(),
        expires: NOW + 100,
    };
    node.answer("POST /v1/session", &session);
}

fn serve_bundle(node: &FakeNode, of: &Device<&FakeNode>, byte: u8) {
    let other = keyset(&node.info(), byte, Kind::Doctor);
    let bundle = KeyBundle::of(other.secrets().roots.current()).encode();
    let view = SubjectView {
        subject: of.subject(),
        kind: Kind::Doctor,
        status: Status::Approved,
        key_version: 1,
        key_bundle: Some(bundle.into()),
        profile: None,
        devices: vec![],
    };
    node.answer(&format!("GET /v1/subjects/{}", of.subject()), &view);
}

/// Puts a live grant at position 0 of the patient's and the pair's.
fn set_grant(node: &FakeNode, grant: &Grant) {
    let consent = node.info().contracts.consent;
    let (subject, id) = (grant.subject, grant.id);
    node.set(
        consent,
        slots::pair(subject, grant.grantee),
        U256::from(1) << 72,
    );
    node.set(consent, slots::state(subject), U256::from(1) << 128);
    node.set(
        consent,
        slots::live(subject, 0),
        U256::from_be_bytes(id.0.0),
    );
    node.set(
        consent,
        slots::grant(id, 0),
        U256::from_be_bytes(subject.0.0),
    );
    node.set(
        consent,
        slots::grant(id, 1),
        U256::from_be_bytes(grant.grantee.0.0),
    );
    let packed = U256::from(grant.lanes.read.0)
        | U256::from(grant.lanes.write.0) << 16
        | U256::from(grant.purpose) << 32
        | U256::from(grant.granted_at) << 48
        | U256::from(grant.not_after) << 112;
    node.set(consent, slots::grant(id, 2), packed);
    node.number.set(node.number.get() + 1);
}

fn grant(subject: SubjectId, grantee: SubjectId) -> Grant {
    Grant {
        id: GrantId(B256::repeat_byte(0x77)),
        subject,
        grantee,
        lanes: Lanes {
            read: LaneSet(0b101),
            write: LaneSet(0b10),
        },
        purpose: 1,
        granted_at: NOW - 10,
        not_after: NOW + 1_000,
        ended: false,
    }
}

fn serve_wrap(node: &FakeNode, wrap: &SignedWrap) {
    node.answer(&format!("GET /v1/grants/{}/wrap", wrap.grant), wrap);
}

fn lie<T>(result: Result<T, ClientError>) -> Lie {
    match result.err() {
        Some(ClientError::Lie(lie)) => lie,
        other => panic!("a lie was expected, not {other:?}"),
    }
}

/// A patient, a doctor, a grant on chain, and its genuine wrap.
fn scene(node: &FakeNode) -> (Device<&FakeNode>, Device<&FakeNode>, Grant, SignedWrap) {
    let patient = node.person(1, Kind::Patient);
    let doctor = node.person(2, Kind::Doctor);
    let grant = grant(patient.subject(), doctor.subject());
    set_grant(node, &grant);
    serve_bundle(node, &doctor, 2);
    sign_in(node, &patient);
    let wrap = run(patient.make_wrap(&grant, Epochs::default())).unwrap();
    sign_in(node, &doctor);
    (patient, doctor, grant, wrap)
}

#[test]
fn a_genuine_wrap_opens_its_lanes_and_no_others() {
    let node = FakeNode::new();
    let (patient, doctor, grant, wrap) = scene(&node);
    serve_wrap(&node, &wrap);
    let access = run(doctor.access(patient.subject())).unwrap();
    assert_eq!(access.lanes, grant.lanes);
    let own = run(patient.access(patient.subject())).unwrap();
    for lane in carechain_domain::Lane::all() {
        let same = access.lane_key(lane, 0).ok() == own.lane_key(lane, 0).ok();
        assert_eq!(same, grant.lanes.read.contains(lane), "lane {lane}");
    }
    assert!(!access.is_owner());
}

#[test]
fn a_forged_wrap_is_named() {
    let node = FakeNode::new();
    let (patient, doctor, grant, wrap) = scene(&node);
    let name = |wrap: &SignedWrap| {
        serve_wrap(&node, wrap);
        lie(run(doctor.access(patient.subject())))
    };
    // Made by somebody who is no device of the patient, with everything else right.
    let thief = keyset(&node.info(), 9, Kind::Patient);
    let stranger = run(Device::with_keyset(&node, thief)).unwrap();
    sign_in(&node, &stranger);
    let forged = run(stranger.make_wrap(&grant, Epochs::default())).unwrap();
    sign_in(&node, &doctor);
    let what = "no live device of the patient signed it";
    assert_eq!(
        name(&forged),
        Lie::ForgedWrap {
            grant: grant.id,
            what
        }
    );
    // A changed ciphertext recovers another signer.
    let mut changed = wrap.clone();
    changed.sealed.0[1_200] ^= 1;
    assert_eq!(
        name(&changed),
        Lie::ForgedWrap {
            grant: grant.id,
            what
        }
    );
    let mut wider = wrap.clone();
    wider.read = LaneSet::ALL;
    let what = "its lanes are not the grant's";
    assert_eq!(
        name(&wider),
        Lie::ForgedWrap {
            grant: grant.id,
            what
        }
    );
    // Signed by a device that was removed since.
    node.set_device(patient.address(), patient.subject(), NOW - 1);
    node.number.set(node.number.get() + 1);
    assert!(matches!(name(&wrap), Lie::ForgedWrap { .. }));
}

#[test]
fn a_rolled_back_wrap_is_named() {
    let node = FakeNode::new();
    let (patient, doctor, grant, wrap) = scene(&node);
    serve_wrap(&node, &wrap);
    // Lane 2 has moved on to epoch 1; lane 1, which may not be read, does not count.
    let consent = node.info().contracts.consent;
    let epochs = U256::from(1) << 32 | U256::from(9) << 16;
    node.set(consent, slots::epochs(patient.subject()), epochs);
    node.number.set(node.number.get() + 1);
    let lane = carechain_domain::Lane::try_from(2).unwrap();
    assert_eq!(
        lie(run(doctor.access(patient.subject()))),
        Lie::RolledBackWrap {
            grant: grant.id,
            lane,
            served: 0,
            proven: 1
        }
    );
}

#[test]
fn a_withheld_wrap_and_an_ended_grant_are_named() {
    let node = FakeNode::new();
    let (patient, doctor, grant, _) = scene(&node);
    let error = run(doctor.access(patient.subject())).err();
    assert_eq!(error, Some(ClientError::WrapMissing { grant: grant.id }));
    node.now.set(NOW + 1_000);
    node.number.set(node.number.get() + 1);
    let error = run(doctor.access(patient.subject())).err();
    assert!(
        matches!(error, Some(ClientError::NotGranted { .. })),
        "{error:?}"
    );
}

#[test]
fn a_substituted_key_is_named() {
    let node = FakeNode::new();
    let (patient, doctor, grant, _) = scene(&node);
    serve_bundle(&node, &doctor, 3);
    sign_in(&node, &patient);
    let found = lie(run(patient.make_wrap(&grant, Epochs::default())));
    assert_eq!(
        found,
        Lie::SubstitutedKey {
            subject: doctor.subject()
        }
    );
}
