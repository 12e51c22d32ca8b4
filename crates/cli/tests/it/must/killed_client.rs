//! A client that is killed between any two steps, and one that is started again on the same disk.

use std::collections::BTreeSet;

use carechain_client::{ClientError, Device};
use carechain_domain::{Category, GrantId};
use carechain_testkit::{Moment, PASSWORD, Somebody, Surroundings, fhir, pulse};

use super::world::{World, chart, lane, records};

/// Calls into the surroundings that one operation makes at most.
const MAX_CALLS: u64 = 200;

/// Runs `operation` on the patient's disk in a process that dies in its `call`-th call; gives whether it survived, and
/// whether a plan lay in the outbox when it died.
async fn run_and_die(
    patient: &Somebody,
    call: u64,
    moment: Moment,
    operation: impl AsyncFn(&Device<Surroundings>) -> Result<(), ClientError>,
) -> (bool, bool) {
    let machine = patient.machine.reborn();
    machine.die_at(call, moment);
    let result = match Device::open(machine.clone(), &patient.keyset, PASSWORD).await {
        Ok(device) => operation(&device).await,
        Err(error) => Err(error),
    };
    assert_eq!(result.is_err(), machine.is_dead());
    let planned = machine
        .disk()
        .keys()
        .any(|name| name.starts_with("outbox/"));
    (!machine.is_dead(), planned)
}

/// A new process on the same disk finishes what is in the outbox.
async fn start_again(patient: &Somebody) -> Device<Surroundings> {
    let device = patient.device_on(patient.machine.reborn()).await;
    let tended = device.tend().await.unwrap();
    assert!(
        tended.resumed.stuck.is_empty() && tended.resumed.conflicts.is_empty(),
        "{tended:?}"
    );
    assert!(device.outbox().await.unwrap().is_empty());
    device
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_killed_anywhere_is_finished_and_never_doubled() {
    let world = World::new().await;
    let patient = &world.patient;
    let mut written = BTreeSet::new();
    for moment in [Moment::Before, Moment::After] {
        let mut finished_later = 0;
        let mut survived = false;
        for call in 1..MAX_CALLS {
            let resource = pulse(&format!("{moment:?}-{call}"), 60);
            let new = fhir(patient.subject, &resource);
            let planned;
            (survived, planned) = run_and_die(patient, call, moment, async |device| {
                device.add(&new).await.map(drop)
            })
            .await;
            // Asked again, it is there already, or it is written now.
            let again = start_again(patient).await.add(&new).await.unwrap();
            assert_eq!(again.version, 1);
            if planned {
                assert_eq!(
                    again.block, None,
                    "what was planned was finished at the start"
                );
                finished_later += 1;
            }
            assert!(written.insert(again.record));
            if survived {
                break;
            }
        }
        assert!(survived, "one call more and it survives");
        assert!(
            finished_later >= 5,
            "killed {finished_later} times between the steps of a write"
        );
    }
    let found = patient
        .device()
        .await
        .verify(patient.subject, None)
        .await
        .unwrap();
    assert!(found.is_clean(), "{found:?}");
    assert_eq!(
        (found.versions, found.good),
        (written.len() as u64, written.len() as u64)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_killed_anywhere_is_finished_and_never_doubled() {
    let world = World::new().await;
    let patient = &world.patient;
    let (goes, stays) = (
        world.doctor("Dr Asha Rao").await,
        world.doctor("Dr Ben Okoro").await,
    );
    patient
        .grants(stays.subject, &[Category::Vitals], &[])
        .await;
    let record = patient.adds(patient.subject, &pulse("p1", 71)).await;
    let vitals = lane(patient, Category::Vitals);
    let is_live = async |device: &Device<Surroundings>, grant: GrantId| {
        device
            .access_view()
            .await
            .unwrap()
            .live
            .iter()
            .any(|view| view.grant.id == grant)
    };
    for moment in [Moment::Before, Moment::After] {
        let mut finished_later = 0;
        let mut survived = false;
        for call in 1..MAX_CALLS {
            let grant = patient.grants(goes.subject, &[Category::Vitals], &[]).await;
            let epoch = world.epochs().await.of(vitals);
            let planned;
            (survived, planned) = run_and_die(patient, call, moment, async |device| {
                device.revoke(grant).await.map(drop)
            })
            .await;
            let device = start_again(patient).await;
            if planned {
                assert!(
                    !is_live(&device, grant).await,
                    "what was planned was finished at the start"
                );
                finished_later += 1;
            }
            // Asked again, it is done already, or it is done now.
            device.revoke(grant).await.unwrap();
            assert!(!is_live(&device, grant).await);
            assert_eq!(
                world.epochs().await.of(vitals),
                epoch + 1,
                "the epoch moved once"
            );
            assert_eq!(
                records(&chart(&stays, patient).await),
                [record],
                "who remains reads on"
            );
            let refused = goes
                .device()
                .await
                .chart(patient.subject, &Default::default())
                .await
                .unwrap_err();
            assert!(
                matches!(refused, ClientError::NotGranted { .. }),
                "{refused}"
            );
            if survived {
                break;
            }
        }
        assert!(survived, "one call more and it survives");
        assert!(
            finished_later >= 4,
            "killed {finished_later} times between the steps of a revoke"
        );
    }
    let found = patient
        .device()
        .await
        .verify(patient.subject, None)
        .await
        .unwrap();
    assert!(found.is_clean(), "{found:?}");
    assert_eq!((found.versions, found.good), (1, 1));
}
