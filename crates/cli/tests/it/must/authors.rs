//! Who wrote what: a doctor's note, written while the patient is away, and a second doctor who would replace it.

use alloy_primitives::B256;
use carechain_bindings::records::IRecords;
use carechain_client::Lie;
use carechain_crypto::tag;
use carechain_domain::{Category, LaneSet};
use carechain_testkit::{Released, note};

use super::world::{World, chart, lane, records};

#[tokio::test(flavor = "multi_thread")]
async fn a_note_written_while_the_patient_is_away_is_read_with_its_author() {
    let world = World::new().await;
    let (patient, doctor) = (&world.patient, world.doctor("Dr Asha Rao").await);
    patient
        .grants(doctor.subject, &[], &[Category::Notes])
        .await;

    let text = note("n1", "Rest for a week.");
    let written = doctor.adds(patient.subject, &text).await;

    let device = patient.device().await;
    device.tend().await.unwrap();
    let read = device.get(patient.subject, written).await.unwrap();
    assert_eq!(read.bytes, text.as_bytes());
    assert_eq!(read.author, doctor.subject);
    let author = device.person(read.author).await.unwrap();
    assert!(author.profile.unwrap().contains("Dr Asha Rao"));
    let found = device.verify(patient.subject, None).await.unwrap();
    assert!(found.is_clean() && found.good == 1, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_doctor_cannot_replace_a_note() {
    let world = World::new().await;
    let patient = &world.patient;
    let (first, second) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Ben Okoro").await,
    );
    for doctor in [&first, &second] {
        patient
            .grants(doctor.subject, &[Category::Notes], &[Category::Notes])
            .await;
    }
    let text = note("n1", "Rest for a week.");
    let original = first.adds(patient.subject, &text).await;

    // By the client, with the same FHIR id: it becomes a record of the second doctor's own.
    let other = second
        .adds(patient.subject, &note("n1", "Work as usual."))
        .await;
    assert_ne!(other, original);

    // On chain, by hand, as version 2 of the original.
    let notes = lane(patient, Category::Notes);
    let hand = world.by_hand(&second);
    let listed = hand
        .release(patient.subject, LaneSet::EMPTY.with(notes), &[])
        .await
        .unwrap();
    let (item, _) = listed.item(original, 1);
    let replacement = IRecords::Anchor {
        tag: tag(&item.uid.unwrap().0, &patient.subject.0),
        commitment: B256::repeat_byte(1),
        previous: item.anchor.commitment,
        version: 2,
        previousVersion: 1,
        lane: notes.number(),
        epoch: 0,
        inboxOnly: true,
        amendsAuthor: B256::ZERO,
        amendsTag: B256::ZERO,
    };
    let refused = hand
        .anchor(patient.subject, vec![replacement])
        .await
        .unwrap();
    assert!(!refused.success);
    assert!(refused.revert.unwrap().starts_with("PreviousWrong"));

    // With the node's help, which serves the second doctor's note under the first one's name.
    let seen = chart(patient, patient).await;
    assert_eq!(records(&seen).len(), 2);
    patient.machine.lie(move |request, answer| {
        if request.path == "/v1/releases" {
            let mut released = Released::read(&answer.body);
            let (mut swapped, blob) = released.item(other, 1).clone();
            let at = released
                .items
                .iter()
                .position(|(item, _)| item.anchor.record == original)
                .unwrap();
            swapped.anchor = released.items[at].0.anchor.clone();
            released.items[at] = (swapped, blob);
            answer.body = released.write();
        }
    });
    let found = patient
        .device()
        .await
        .verify(patient.subject, Some(original))
        .await
        .unwrap();
    let lies: Vec<&Lie> = found.faults.iter().map(|fault| &fault.lie).collect();
    let record = original;
    assert_eq!(lies, [&Lie::RecordsSwapped { record, other }]);
    patient.machine.tell_the_truth();

    let read = patient
        .device()
        .await
        .get(patient.subject, original)
        .await
        .unwrap();
    assert_eq!(
        (read.bytes, read.version, read.author),
        (text.into_bytes(), 1, first.subject)
    );
}
