//! Facts from proofs, and the name of each lie about a head, a value or a trie.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, U256};
use carechain_domain::{Kind, SubjectId};

use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::slots;
use crate::testing::{FakeNode, Trick, run};

fn lie<T>(result: Result<T, ClientError>) -> Lie {
    match result.err() {
        Some(ClientError::Lie(lie)) => lie,
        other => panic!("a lie was expected, not {other:?}"),
    }
}

#[test]
fn facts_are_what_the_storage_has_and_absence_is_proven() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let (own, stranger) = (patient.subject(), SubjectId::default());
    let ask = Ask::default()
        .subject(own)
        .device(patient.address())
        .epochs(own);
    let facts = run(patient.prove(ask.root(Address::repeat_byte(8)).subject(stranger))).unwrap();
    let fact = facts.subject(own).unwrap();
    assert_eq!((fact.kind, fact.key_version), (Kind::Patient, 1));
    assert!(facts.device(patient.address()).is_live_of(own));
    assert!(facts.root(Address::repeat_byte(8)).is_zero());
    assert_eq!(facts.subject(stranger), None);
    assert_eq!(facts.epochs(own).0, U256::ZERO);
}

#[test]
fn each_lie_about_a_head_has_its_name() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    assert_eq!(run(patient.head()).unwrap().number, 7);
    node.number.set(6);
    assert_eq!(
        lie(run(patient.head())),
        Lie::OlderHead { seen: 7, served: 6 }
    );
    node.number.set(7);
    node.extra.set(1);
    assert_eq!(lie(run(patient.head())), Lie::TwoHistories { number: 7 });
    node.number.set(8);
    node.trick.set(Trick::OtherKey);
    assert_eq!(
        lie(run(patient.head())),
        Lie::ForgedHead {
            what: "another key signed it"
        }
    );
    node.trick.set(Trick::Late);
    assert!(matches!(
        lie(run(patient.head())),
        Lie::StaleHead {
            age_secs: 1_000,
            ..
        }
    ));
    node.trick.set(Trick::None);
    assert_eq!(run(patient.head()).unwrap().number, 8);
}

#[test]
fn the_highest_head_seen_survives_the_program() {
    let node = FakeNode::new();
    node.number.set(9);
    run(node.person(1, Kind::Patient).head()).unwrap();
    node.number.set(8);
    let again = node.person(1, Kind::Patient);
    assert_eq!(
        lie(run(again.head())),
        Lie::OlderHead { seen: 9, served: 8 }
    );
}

#[test]
fn a_changed_value_and_a_foreign_trie_are_bad_proofs() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let own = patient.subject();
    for trick in [Trick::OtherValue, Trick::OtherTrie] {
        node.trick.set(trick);
        node.number.set(node.number.get() + 1);
        let found = lie(run(patient.prove(Ask::default().subject(own))));
        assert!(matches!(found, Lie::BadProof { .. }), "{trick:?}: {found}");
    }
}

#[test]
fn a_second_node_with_another_block_is_noticed() {
    let (node, other) = (FakeNode::new(), FakeNode::new());
    let mut patient = node.person(1, Kind::Patient);
    patient.set_second_node(&other, node.info().node_key.0);
    other.person(1, Kind::Patient);
    run(patient.head()).unwrap();
    other.number.set(8);
    node.number.set(8);
    other.extra.set(3);
    assert_eq!(lie(run(patient.head())), Lie::NodesDisagree { number: 8 });
}

#[test]
fn live_grants_are_those_at_the_positions_taken() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let own = patient.subject();
    let consent = node.info().contracts.consent;
    let grant = carechain_domain::GrantId::from([6; 32]);
    node.set(consent, slots::state(own), U256::from(1u64 << 5) << 128);
    node.set(consent, slots::live(own, 5), U256::from_be_bytes(grant.0.0));
    node.set(consent, slots::live(own, 4), U256::from(77));
    node.set(
        consent,
        slots::grant(grant, 0),
        U256::from_be_bytes(own.0.0),
    );
    let packed = U256::from(3u8) | U256::from(1u64) << 48 | U256::from(99u64) << 112;
    node.set(consent, slots::grant(grant, 2), packed);
    let live = run(patient.view.live_grants(&patient.http, own)).unwrap();
    assert_eq!(live.grants.len(), 1);
    assert_eq!((live.grants[0].id, live.grants[0].not_after), (grant, 99));
    node.set(
        consent,
        slots::grant(grant, 2),
        packed | U256::from(1u8) << 176,
    );
    node.number.set(8);
    let found = run(patient.view.live_grants(&patient.http, own));
    assert_eq!(
        lie(found),
        Lie::RowChanged {
            what: "grant",
            id: grant.0
        }
    );
}

/// The proof that wasm/tests checks under Node, as this node makes it.
#[test]
fn the_committed_proof_is_what_the_format_says() {
    let node = FakeNode::new();
    let patient = node.person(1, Kind::Patient);
    let own = patient.subject();
    let ask = Ask::default().subject(own).epochs(own);
    let request = carechain_api::ProofRequest {
        accounts: ask.requests(&patient.pins().contracts).remove(0),
    };
    let answer = run(patient.http.proof(&request)).unwrap();
    let made = serde_json::json!({
        "pins": patient.pins(),
        "now": crate::testing::NOW,
        "subject_slot": slots::subject(own, 0),
        "request": request,
        "answer": answer,
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/proof.json");
    if std::env::var_os("CARECHAIN_WRITE_FIXTURES").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(path, text).unwrap();
    }
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(kept, made);
    let (head, values) =
        crate::proof::verify_proof(patient.pins(), &request, &answer, crate::testing::NOW).unwrap();
    assert_eq!((head.number, values.len()), (7, 7));
}
