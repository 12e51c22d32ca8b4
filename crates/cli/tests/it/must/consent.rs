//! What a grant opens, when it ends, and what a revoke closes.

use carechain_api::ErrorCode;
use carechain_client::ClientError;
use carechain_domain::{Category, GrantState, LaneSet};
use carechain_testkit::{glucose, grant_of, now_secs, pulse};

use super::stolen::Held;
use super::world::{World, chart, lane, records};

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_granted_vitals_gets_vitals_alone() {
    let world = World::new().await;
    let (patient, doctor) = (&world.patient, world.doctor("Dr Asha Rao").await);
    let vital = patient.adds(patient.subject, &pulse("p1", 71)).await;
    let other = patient.adds(patient.subject, &glucose("g1", 5)).await;
    patient
        .grants(doctor.subject, &[Category::Vitals], &[])
        .await;

    // By the client.
    doctor.machine.listen();
    assert_eq!(records(&chart(&doctor, patient).await), [vital]);
    let refused = doctor
        .device()
        .await
        .get(patient.subject, other)
        .await
        .unwrap_err();
    assert!(matches!(refused, ClientError::Unknown { .. }), "{refused}");

    // By the gateway, asked by hand.
    let hand = world.by_hand(&doctor);
    let (vitals, laboratory) = (
        lane(patient, Category::Vitals),
        lane(patient, Category::Laboratory),
    );
    let listed = hand
        .release(patient.subject, LaneSet::EMPTY.with(vitals), &[])
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 1);
    assert!(
        hand.release(patient.subject, LaneSet::EMPTY, &[(vital, 1)])
            .await
            .is_ok()
    );
    let too_much = [
        hand.release(patient.subject, LaneSet::ALL, &[]).await,
        hand.release(patient.subject, LaneSet::EMPTY.with(laboratory), &[])
            .await,
        hand.release(patient.subject, LaneSet::EMPTY, &[(other, 1)])
            .await,
        hand.release(patient.subject, LaneSet::EMPTY, &[(vital, 1), (other, 1)])
            .await,
    ];
    for refused in too_much {
        assert_eq!(refused.err().unwrap().code, ErrorCode::NotGranted);
    }

    // By what the keys can open, were everything stolen from the server.
    let stolen = world
        .by_hand(patient)
        .release(patient.subject, LaneSet::ALL, &[])
        .await
        .unwrap();
    let mut held = Held::by(&doctor, &doctor.machine.heard());
    assert_eq!(held.lane_keys(), 1);
    assert!(held.open(patient, stolen.item(vital, 1)));
    assert!(!held.open(patient, stolen.item(other, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_in_two_seconds_is_refused_after_three_without_a_transaction() {
    let world = World::new().await;
    let (patient, doctor) = (&world.patient, world.doctor("Dr Asha Rao").await);
    patient.adds(patient.subject, &pulse("p1", 71)).await;
    let vitals = LaneSet::EMPTY.with(lane(patient, Category::Vitals));
    let hand = world.by_hand(&doctor);

    let asked_at = now_secs();
    let short = grant_of(doctor.subject, &[Category::Vitals], &[], 2);
    patient.device().await.grant(&short).await.unwrap();
    let in_time = hand.release(patient.subject, vitals, &[]).await;
    if now_secs() < short.not_after {
        assert_eq!(in_time.unwrap().items.len(), 1);
    }
    let head = patient.device().await.head().await.unwrap().number;
    tokio::time::sleep(std::time::Duration::from_secs(
        (asked_at + 3).saturating_sub(now_secs()),
    ))
    .await;

    assert!(now_secs() >= asked_at + 3);
    let refused = hand
        .release(patient.subject, vitals, &[])
        .await
        .err()
        .unwrap();
    assert_eq!(refused.code, ErrorCode::NotGranted);
    let refused = doctor
        .device()
        .await
        .chart(patient.subject, &Default::default())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ClientError::NotGranted { .. }),
        "{refused}"
    );
    let device = patient.device().await;
    assert_eq!(
        device.head().await.unwrap().number,
        head,
        "no transaction in between"
    );
    assert_eq!(
        device.access_view().await.unwrap().live[0].state,
        GrantState::Expired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_revoke_no_key_that_the_doctor_ever_held_opens_what_is_written_then() {
    let world = World::new().await;
    let patient = &world.patient;
    let (goes, stays) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Ben Okoro").await,
    );
    let hand = world.by_hand(&goes);
    goes.machine.listen();

    // The doctor holds a grant over two lanes, loses it, gets another, loses that too.
    let before = patient.adds(patient.subject, &pulse("p1", 71)).await;
    patient
        .grants(stays.subject, &[Category::Vitals], &[])
        .await;
    for _ in 0..2 {
        let grant = patient
            .grants(goes.subject, &[Category::Vitals, Category::Laboratory], &[])
            .await;
        assert_eq!(records(&chart(&goes, patient).await), [before]);
        patient.device().await.revoke(grant).await.unwrap();
        let vitals = LaneSet::EMPTY.with(lane(patient, Category::Vitals));
        let refused = hand
            .release(patient.subject, vitals, &[])
            .await
            .err()
            .unwrap();
        assert_eq!(
            refused.code,
            ErrorCode::NotGranted,
            "the first request after the confirmation"
        );
    }
    let after = patient.adds(patient.subject, &pulse("p2", 72)).await;

    // With the slots and blobs of the whole chart stolen, and the back-links and wraps of everybody.
    let device = stays.device_on(stays.machine.clone()).await;
    stays.machine.listen();
    assert_eq!(records(&chart(&stays, patient).await), [before, after]);
    drop(device);
    let mut heard = goes.machine.heard();
    heard.extend(
        stays
            .machine
            .heard()
            .into_iter()
            .filter(|e| e.request.path.ends_with("/back-links")),
    );
    let stolen = world
        .by_hand(patient)
        .release(patient.subject, LaneSet::ALL, &[])
        .await
        .unwrap();
    let mut held = Held::by(&goes, &heard);
    assert_eq!(held.lane_keys(), 4, "two lanes in two epochs");
    assert!(
        held.open(patient, stolen.item(before, 1)),
        "what was read stays read"
    );
    assert!(!held.open(patient, stolen.item(after, 1)));
}
