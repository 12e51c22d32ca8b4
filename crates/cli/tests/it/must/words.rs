//! Everything local is gone; the 24 words are left.

use carechain_client::{Device, Words, restore_keys};
use carechain_domain::Category;
use carechain_testkit::{PASSWORD, Somebody, Surroundings, cheap, glucose, note, pulse};

use super::world::{World, chart, records};

#[tokio::test(flavor = "multi_thread")]
async fn the_words_alone_read_everything_and_can_grant() {
    let world = World::new().await;
    let patient = &world.patient;
    let (author, reader) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Ben Okoro").await,
    );

    // A record before and after an epoch moved, a second version, and a note that came by the inbox.
    let first = patient.adds(patient.subject, &pulse("p1", 71)).await;
    let revoked = patient
        .grants(author.subject, &[Category::Vitals], &[])
        .await;
    patient.device().await.revoke(revoked).await.unwrap();
    let second = patient.adds(patient.subject, &pulse("p2", 72)).await;
    assert_eq!(
        patient.adds(patient.subject, &pulse("p2", 73)).await,
        second
    );
    let third = patient.adds(patient.subject, &glucose("g1", 5)).await;
    patient
        .grants(author.subject, &[], &[Category::Notes])
        .await;
    let fourth = author
        .adds(patient.subject, &note("n1", "Rest for a week."))
        .await;

    // An empty machine.
    let words = Words::parse(&patient.words.reveal()).unwrap();
    let machine = Surroundings::new(world.node.url());
    let found = restore_keys(machine.clone(), &words, PASSWORD, cheap())
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].subject, patient.subject);
    let device = Device::open(machine.clone(), &found[0].keyset, PASSWORD)
        .await
        .unwrap();
    device.tend().await.unwrap();
    let verified = device.verify(patient.subject, None).await.unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert_eq!((verified.versions, verified.good), (5, 5));
    for (record, bytes) in [
        (first, pulse("p1", 71)),
        (second, pulse("p2", 73)),
        (third, glucose("g1", 5)),
        (fourth, note("n1", "Rest for a week.")),
    ] {
        assert_eq!(
            device.get(patient.subject, record).await.unwrap().bytes,
            bytes.as_bytes()
        );
    }

    let restored = Somebody {
        words,
        keyset: found[0].keyset.clone(),
        subject: patient.subject,
        machine,
    };
    restored
        .grants(reader.subject, &[Category::Vitals, Category::Notes], &[])
        .await;
    let mut read = records(&chart(&reader, &restored).await);
    let mut expected = vec![first, second, fourth];
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
}
