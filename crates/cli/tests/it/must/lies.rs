//! A node that lies, one lie a test: each is noticed by the client, and by its name.

use alloy_primitives::{U256, keccak256};
use carechain_api::{ReceiptsPage, SignedHead, SignedWrap, StateProof, SubjectView};
use carechain_client::{ClientError, Fault, Lie};
use carechain_crypto::{
    KeyBundle, SignedWrap as Sealed, SigningKey, WrapBody, WrapInfo, head_digest,
};
use carechain_domain::{Category, RecordId};
use carechain_testkit::{Answer, Exchange, Released, Somebody, glucose, grant_of, pulse};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::world::{World, chart, header, lane};

/// Alters every release that the machine of `who` gets.
fn alter_releases(who: &Somebody, alter: impl Fn(&mut Released) + 'static) {
    who.machine.lie(move |request, answer| {
        if request.path == "/v1/releases" {
            let mut released = Released::read(&answer.body);
            alter(&mut released);
            answer.body = released.write();
        }
    });
}

/// Alters the answer of one address.
fn alter<T: Serialize + DeserializeOwned>(
    who: &Somebody,
    path: &str,
    alter: impl Fn(&mut T) + 'static,
) {
    let path = path.to_owned();
    who.machine.lie(move |request, answer| {
        if request.path.starts_with(&path) && answer.status == 200 {
            let mut body: T = serde_json::from_slice(&answer.body).unwrap();
            alter(&mut body);
            answer.body = serde_json::to_vec(&body).unwrap();
        }
    });
}

/// The last answer of an address among what was heard.
fn last_answer(heard: &[Exchange], path: &str) -> Vec<u8> {
    let exchange = heard
        .iter()
        .rev()
        .find(|e| e.request.path.starts_with(path) && e.answer.status == 200);
    exchange.unwrap().answer.body.clone()
}

fn position(released: &Released, record: RecordId, version: u32) -> usize {
    let wanted = |(item, _): &(carechain_api::ReleaseItem, _)| {
        (item.anchor.record, item.anchor.version) == (record, version)
    };
    released.items.iter().position(wanted).unwrap()
}

/// The lie that an operation must have met.
#[track_caller]
fn lie<T>(result: Result<T, ClientError>) -> Lie {
    let error = result.err().unwrap();
    error.lie().expect("it is noticed as a lie").clone()
}

async fn faults(patient: &Somebody) -> Vec<Fault> {
    patient
        .device()
        .await
        .verify(patient.subject, None)
        .await
        .unwrap()
        .faults
}

fn fault(record: RecordId, version: u32, lie: Lie) -> Fault {
    Fault {
        record: Some(record),
        version: Some(version),
        lie,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte() {
    let world = World::new().await;
    let patient = &world.patient;
    let record = patient.adds(patient.subject, &pulse("p1", 71)).await;
    alter_releases(patient, |released| {
        released.items[0].1.as_mut().unwrap()[200] ^= 1
    });
    assert_eq!(
        faults(patient).await,
        [fault(record, 1, Lie::ByteChanged { record })]
    );

    // The same where the blob is fetched by its CID.
    patient.machine.lie(|request, answer: &mut Answer| {
        if request.path.starts_with("/v1/blobs/") {
            answer.body[200] ^= 1;
        }
    });
    let got = patient.device().await.get(patient.subject, record).await;
    assert_eq!(lie(got), Lie::ByteChanged { record });
}

#[tokio::test(flavor = "multi_thread")]
async fn two_records_swapped() {
    let world = World::new().await;
    let patient = &world.patient;
    let one = patient.adds(patient.subject, &pulse("p1", 71)).await;
    let two = patient.adds(patient.subject, &pulse("p2", 72)).await;
    let swapped = [
        fault(
            one,
            1,
            Lie::RecordsSwapped {
                record: one,
                other: two,
            },
        ),
        fault(
            two,
            1,
            Lie::RecordsSwapped {
                record: two,
                other: one,
            },
        ),
    ];
    // Everything but the anchors, and then all but the names too.
    for names_too in [true, false] {
        alter_releases(patient, move |released| {
            let [(first, _), (second, _)] = &mut released.items[..] else {
                panic!("two records")
            };
            std::mem::swap(&mut first.anchor, &mut second.anchor);
            if !names_too {
                std::mem::swap(&mut first.uid, &mut second.uid);
            }
        });
        let mut found = faults(patient).await;
        found.sort_by_key(|fault| fault.record != Some(one));
        assert_eq!(found, swapped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version() {
    let world = World::new().await;
    let patient = &world.patient;
    let record = patient.adds(patient.subject, &pulse("p1", 71)).await;
    assert_eq!(
        patient.adds(patient.subject, &pulse("p1", 72)).await,
        record
    );
    alter_releases(patient, move |released| {
        let (old, new) = (position(released, record, 1), position(released, record, 2));
        let (mut served, blob) = released.items[old].clone();
        served.anchor = released.items[new].0.anchor.clone();
        released.items[new] = (served, blob);
    });
    assert_eq!(
        faults(patient).await,
        [fault(
            record,
            2,
            Lie::OlderVersion {
                record,
                served: 1,
                expected: 2
            }
        )]
    );
    let got = patient.device().await.get(patient.subject, record).await;
    assert_eq!(
        lie(got),
        Lie::OlderVersion {
            record,
            served: 1,
            expected: 2
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_left_out_of_a_list() {
    let world = World::new().await;
    let patient = &world.patient;
    patient.adds(patient.subject, &glucose("g1", 5)).await;
    for id in ["p1", "p2", "p3"] {
        patient.adds(patient.subject, &pulse(id, 71)).await;
    }
    let vitals = lane(patient, Category::Vitals);
    let omitted = Lie::Omitted {
        lane: vitals,
        listed: 2,
        proven: 3,
    };
    alter_releases(patient, move |released| {
        let at = released
            .items
            .iter()
            .position(|(item, _)| item.anchor.lane == vitals)
            .unwrap();
        released.items.remove(at);
    });
    assert_eq!(
        lie(patient
            .device()
            .await
            .chart(patient.subject, &Default::default())
            .await),
        omitted
    );
    let found = patient
        .device()
        .await
        .verify(patient.subject, None)
        .await
        .unwrap();
    assert!(!found.complete);
    assert_eq!(
        found.faults,
        [Fault {
            record: None,
            version: None,
            lie: omitted
        }]
    );

    // The newest version withheld and the count kept: the list is not the chain's.
    alter_releases(patient, move |released| {
        let at = released
            .items
            .iter()
            .position(|(item, _)| item.anchor.lane == vitals)
            .unwrap();
        released.items[at] = released.items[at + 1].clone();
    });
    let listed = patient
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    assert_eq!(lie(listed), Lie::ListChanged { lane: vitals });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grantees_key_substituted() {
    let world = World::new().await;
    let patient = &world.patient;
    let (doctor, spy) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Mallory").await,
    );
    let bundle = KeyBundle::of(spy.keys().secrets().roots.current()).encode();
    alter::<SubjectView>(
        patient,
        &format!("/v1/subjects/{}", doctor.subject),
        move |view| {
            view.key_bundle = Some(bundle.clone().into());
        },
    );
    let granted = patient
        .device()
        .await
        .grant(&grant_of(doctor.subject, &[Category::Vitals], &[], 600))
        .await;
    assert_eq!(
        lie(granted),
        Lie::SubstitutedKey {
            subject: doctor.subject
        }
    );
}

/// A wrap for `doctor` that `forger` made with keys of its own.
fn forge(wrap: &SignedWrap, doctor: &Somebody, forger: &Somebody) -> SignedWrap {
    let (doctor, forger) = (doctor.keys(), forger.keys());
    let info = WrapInfo {
        chain_id: doctor.header().chain.id,
        subject: wrap.subject.0,
        grantee: wrap.grantee.0,
        grantee_key_version: wrap.key_version,
        grant: wrap.grant.0,
        read_lanes: wrap.read.0,
        write_lanes: wrap.write.0,
        epochs: wrap.epochs.0,
    };
    let body = WrapBody::of_grant(&forger.secrets().roots, &info, None);
    let public = doctor.secrets().roots.current().kem_secret().public();
    let device = &forger.secrets().device;
    let sealed = Sealed::seal(
        &info,
        &body,
        &public,
        wrap.signed_at,
        device,
        &mut Seeded(7),
    )
    .unwrap();
    SignedWrap {
        device: device.address(),
        sealed: sealed.sealed.into(),
        signature: sealed.signature.to_vec().into(),
        ..wrap.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_wrap() {
    let world = World::new().await;
    let patient = &world.patient;
    let (doctor, spy) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Mallory").await,
    );
    let grant = patient
        .grants(doctor.subject, &[Category::Vitals], &[])
        .await;
    let path = format!("/v1/grants/{grant}/wrap");
    doctor.machine.listen();
    chart(&doctor, patient).await;
    let wrap: SignedWrap =
        serde_json::from_slice(&last_answer(&doctor.machine.heard(), &path)).unwrap();

    let forged = forge(&wrap, &doctor, &spy);
    alter::<SignedWrap>(&doctor, &path, move |served| *served = forged.clone());
    let what = "no live device of the patient signed it";
    let listed = doctor
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    assert_eq!(lie(listed), Lie::ForgedWrap { grant, what });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrap_rolled_back_or_withheld() {
    let world = World::new().await;
    let patient = &world.patient;
    let (doctor, other) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Ben Okoro").await,
    );
    let grant = patient
        .grants(doctor.subject, &[Category::Vitals], &[])
        .await;
    let path = format!("/v1/grants/{grant}/wrap");
    doctor.machine.listen();
    chart(&doctor, patient).await;
    let old: SignedWrap =
        serde_json::from_slice(&last_answer(&doctor.machine.heard(), &path)).unwrap();

    let revoked = patient
        .grants(other.subject, &[Category::Vitals], &[])
        .await;
    patient.device().await.revoke(revoked).await.unwrap();
    chart(&doctor, patient).await;
    alter::<SignedWrap>(&doctor, &path, move |served| *served = old.clone());
    let listed = doctor
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    let lane = lane(patient, Category::Vitals);
    assert_eq!(
        lie(listed),
        Lie::RolledBackWrap {
            grant,
            lane,
            served: 0,
            proven: 1
        }
    );

    doctor.machine.lie(move |request, answer| {
        if request.path == path {
            answer.status = 404;
            answer.body = br#"{"code":"not_found","message":"no such wrap"}"#.to_vec();
        }
    });
    let listed = doctor
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    assert_eq!(listed.err().unwrap(), ClientError::WrapMissing { grant });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_head() {
    let world = World::new().await;
    let patient = &world.patient;
    patient.machine.listen();
    let old = patient.device().await.head().await.unwrap();
    let answer = last_answer(&patient.machine.heard(), "/v1/chain/head");
    patient.adds(patient.subject, &pulse("p1", 71)).await;
    let new = patient.device().await.head().await.unwrap();

    let signed: SignedHead = serde_json::from_slice(&answer).unwrap();
    alter::<SignedHead>(patient, "/v1/chain/head", move |head| {
        *head = signed.clone()
    });
    // A device that was started anew remembers too.
    let served = patient
        .device_on(patient.machine.clone())
        .await
        .head()
        .await;
    assert_eq!(
        lie(served),
        Lie::OlderHead {
            seen: new.number,
            served: old.number
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_head() {
    let world = World::new().await;
    let patient = &world.patient;
    let forger = SigningKey::from_bytes(&[7; 32]).unwrap();
    let chain = header(patient).chain;
    let number = patient.device().await.head().await.unwrap().number;
    alter::<SignedHead>(patient, "/v1/chain/head", move |head| {
        let hash = keccak256(&head.header);
        let digest = head_digest(chain.id, &chain.genesis, number, &hash, head.time);
        head.signature = forger.sign_digest(&digest).to_vec().into();
    });
    let what = "another key signed it";
    assert_eq!(
        lie(patient.device().await.head().await),
        Lie::ForgedHead { what }
    );

    // A header that was changed under the true signature leads to another signer.
    alter::<SignedHead>(patient, "/v1/chain/head", |head| {
        let mut header = head.header.to_vec();
        let at = header.len() / 2;
        header[at] ^= 1;
        head.header = header.into();
    });
    assert!(matches!(
        lie(patient.device().await.head().await),
        Lie::ForgedHead { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_proves_something_else() {
    let world = World::new().await;
    let patient = &world.patient;
    alter::<StateProof>(patient, "/v1/chain/proof", |proof| {
        let slot = &mut proof.accounts[0].slots[0];
        slot.value += U256::from(1);
    });
    let listed = patient
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    assert!(matches!(
        lie(listed),
        Lie::BadProof {
            what: "a slot does not lead to the storage root",
            ..
        }
    ));

    alter::<StateProof>(patient, "/v1/chain/proof", |proof| {
        proof.accounts[0].storage_root = keccak256("another")
    });
    let listed = patient
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await;
    assert!(matches!(
        lie(listed),
        Lie::BadProof {
            what: "the account does not lead to the state root",
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_receipt() {
    let world = World::new().await;
    let (patient, doctor) = (&world.patient, world.doctor("Dr Asha Rao").await);
    patient
        .grants(doctor.subject, &[Category::Vitals], &[])
        .await;
    chart(&doctor, patient).await;
    chart(&doctor, patient).await;
    let receipts = patient.device().await.receipts().await.unwrap();
    assert_eq!(
        receipts
            .iter()
            .map(|r| (r.number, r.reader))
            .collect::<Vec<_>>(),
        [(1, doctor.subject), (2, doctor.subject)]
    );
    let path = format!("/v1/subjects/{}/receipts", patient.subject);
    alter::<ReceiptsPage>(patient, &path, |page| {
        page.receipts.retain(|receipt| receipt.number != 1);
    });
    assert_eq!(
        lie(patient.device().await.receipts().await),
        Lie::BrokenReceipts { number: 2 }
    );
}

/// Randomness for a forgery: the same every time.
struct Seeded(u64);

impl rand_core::TryRng for Seeded {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|word| word as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.iter_mut()
            .for_each(|byte| *byte = (self.try_next_u64().unwrap() >> 32) as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Seeded {}
