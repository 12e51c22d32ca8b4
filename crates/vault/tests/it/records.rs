//! Staging, publishing, releasing, sweeping, uploads.

use carechain_vault::{MAX_STAGE_ROWS, SlotRow, VaultError};
use tempfile::TempDir;

use super::{hash, name, open, record, row, rows, subject};

#[tokio::test]
async fn a_row_is_staged_once_published_once_and_released_as_it_came() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let mut staged = rows(300);
    staged[7].slot = None;
    staged[7].inbox = Some(vec![5; 1_168]);
    staged[7].inbox_key_version = 4;
    assert_eq!(
        vault.stage(subject(1), &staged, 100, 50).await.unwrap(),
        300
    );
    assert_eq!(vault.stage(subject(1), &staged, 100, 50).await.unwrap(), 0);
    let more = rows(301);
    assert_eq!(
        vault
            .stage(subject(1), &more[300..], 100, 50)
            .await
            .unwrap(),
        1
    );

    let wanted: Vec<_> = staged
        .iter()
        .rev()
        .map(|row| (row.record, row.version))
        .collect();
    let none = vault.release_rows(subject(1), &wanted, true).await.unwrap();
    assert!(
        none.iter().all(Option::is_none),
        "staged rows are not released"
    );

    let names: Vec<_> = staged.iter().map(name).collect();
    assert_eq!(vault.publish(&names).await.unwrap(), 300);
    assert_eq!(vault.publish(&names).await.unwrap(), 0);
    let released = vault.release_rows(subject(1), &wanted, true).await.unwrap();
    for (got, put) in released.iter().zip(staged.iter().rev()) {
        let got = got.as_ref().unwrap();
        assert_eq!(
            (got.record, got.version, got.uid),
            (put.record, put.version, put.uid)
        );
        assert_eq!(
            (&got.cid, got.size, &got.slot),
            (&put.cid, put.size, &put.slot)
        );
        assert_eq!(
            (&got.inbox, got.inbox_key_version),
            (&put.inbox, put.inbox_key_version)
        );
    }
    let others = vault
        .release_rows(subject(1), &wanted, false)
        .await
        .unwrap();
    assert!(
        others.iter().flatten().all(|row| row.inbox.is_none()),
        "inbox slots are the owner's"
    );
    let foreign = vault.release_rows(subject(2), &wanted, true).await.unwrap();
    assert!(
        foreign.iter().all(Option::is_none),
        "rows are their subject's alone"
    );
}

#[tokio::test]
async fn the_commitment_on_chain_picks_among_staged_rows() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let first = row(1);
    let mut second = row(1);
    second.commitment = hash(77);
    second.cid = "bafksecond".to_owned();
    vault
        .stage(subject(1), &[first.clone(), second.clone()], 100, 50)
        .await
        .unwrap();
    assert_eq!(vault.publish(&[name(&second)]).await.unwrap(), 1);
    let wrong = (first.record, 1, hash(12_345));
    assert_eq!(vault.publish(&[wrong]).await.unwrap(), 0);
    let got = vault
        .release_rows(subject(1), &[(first.record, 1)], false)
        .await
        .unwrap();
    assert_eq!(got[0].as_ref().unwrap().cid, "bafksecond");
}

#[tokio::test]
async fn sweeping_takes_what_is_past_deadline_and_grace_and_nothing_published() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(3), 100, 50).await.unwrap();
    vault.publish(&[name(&row(0))]).await.unwrap();
    assert!(
        vault.sweep(110, 10).await.unwrap().is_empty(),
        "at the deadline plus grace it stays"
    );
    vault.stage(subject(1), &[row(1)], 200, 60).await.unwrap();
    let swept = vault.sweep(111, 10).await.unwrap();
    assert_eq!(swept.len(), 1, "staging again prolonged the other");
    assert_eq!(
        (swept[0].record, swept[0].cid.as_str()),
        (record(2), "bafk2")
    );
    assert_eq!(vault.sweep(1_000, 10).await.unwrap().len(), 1);
    assert!(vault.sweep(u64::MAX, 0).await.unwrap().is_empty());
    assert_eq!(vault.cids_in_use("", 10).await.unwrap(), ["bafk0"]);
}

#[tokio::test]
async fn slots_are_made_anew_and_never_fall_back_to_an_older_epoch() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(2), 100, 50).await.unwrap();
    vault
        .publish(&[name(&row(0)), name(&row(1))])
        .await
        .unwrap();
    let slot = |epoch, byte| SlotRow {
        record: record(0),
        version: 1,
        epoch,
        slot: vec![byte; 64],
    };
    assert_eq!(vault.put_slots(subject(1), &[slot(5, 1)]).await.unwrap(), 1);
    assert_eq!(vault.put_slots(subject(1), &[slot(4, 2)]).await.unwrap(), 0);
    assert_eq!(vault.put_slots(subject(2), &[slot(6, 3)]).await.unwrap(), 0);
    let got = vault
        .release_rows(subject(1), &[(record(0), 1)], false)
        .await
        .unwrap();
    let got = got[0].as_ref().unwrap();
    assert_eq!(
        (got.slot_epoch, got.slot.as_deref()),
        (5, Some([1u8; 64].as_slice()))
    );
}

#[tokio::test]
async fn bounds_name_the_field() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let too_many = rows(MAX_STAGE_ROWS as u64 + 1);
    let error = vault
        .stage(subject(1), &too_many, 100, 50)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "rows exceeds 1024");
    let mut long = row(1);
    long.slot = Some(vec![0; 5_000]);
    let error = vault.stage(subject(1), &[long], 100, 50).await.unwrap_err();
    assert_eq!(error.to_string(), "slot exceeds 4096");
    let mut cid = row(1);
    cid.cid = "b".repeat(129);
    let error = vault.stage(subject(1), &[cid], 100, 50).await.unwrap_err();
    assert!(matches!(
        error,
        VaultError::TooLarge {
            what: "cid",
            limit: 128
        }
    ));
    let error = vault
        .stage(subject(1), &[row(1)], u64::MAX, 50)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        VaultError::TooLarge {
            what: "deadline",
            ..
        }
    ));
    assert!(
        vault.cids_in_use("", 10).await.unwrap().is_empty(),
        "nothing was staged half-way"
    );
}

#[tokio::test]
async fn uploads_count_and_orphans_are_found() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let blob = |n: u64| (format!("bafk{n}"), 1_000 + n);
    vault
        .add_uploads(subject(1), &[blob(0), blob(1), blob(1), blob(2)], 50)
        .await
        .unwrap();
    vault.add_uploads(subject(2), &[blob(2)], 90).await.unwrap();
    assert_eq!(vault.uploaded_bytes(subject(1)).await.unwrap(), 3_003);
    assert_eq!(vault.uploaded_bytes(subject(3)).await.unwrap(), 0);
    let missing = vault
        .missing_uploads(subject(1), &["bafk0", "bafk7"])
        .await
        .unwrap();
    assert_eq!(missing, ["bafk7"]);
    assert_eq!(
        vault.missing_uploads(subject(2), &["bafk0"]).await.unwrap(),
        ["bafk0"]
    );

    vault.stage(subject(1), &[row(0)], 100, 50).await.unwrap();
    let doomed = vault.doom_orphans(80, 100).await.unwrap();
    assert_eq!(
        doomed,
        ["bafk1"],
        "0 is staged, 2 was uploaded again by somebody"
    );
    assert_eq!(
        vault.missing_uploads(subject(1), &["bafk1"]).await.unwrap(),
        ["bafk1"]
    );
    assert_eq!(
        vault.doom_orphans(80, 100).await.unwrap(),
        ["bafk1"],
        "listed until forgotten"
    );
    vault.add_uploads(subject(2), &[blob(1)], 95).await.unwrap();
    assert!(
        vault.doom_orphans(80, 100).await.unwrap().is_empty(),
        "uploaded again in between"
    );
    vault
        .forget_uploads(&["bafk1".to_owned(), "bafk0".to_owned()])
        .await
        .unwrap();
    assert_eq!(
        vault.uploaded_bytes(subject(1)).await.unwrap(),
        2_002,
        "only the doomed is gone"
    );
}

#[tokio::test]
async fn a_staged_row_takes_slots_made_for_a_newer_epoch_and_no_older_ones() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let first = row(1);
    let mut again = row(1);
    again.epoch = first.epoch + 1;
    again.slot = Some(vec![7; 64]);
    vault
        .stage(subject(1), std::slice::from_ref(&first), 100, 50)
        .await
        .unwrap();
    let renewed = vault
        .stage(subject(1), &[again.clone()], 200, 60)
        .await
        .unwrap();
    assert_eq!(renewed, 0, "it is no new row");
    let late = vault.stage(subject(1), &[first], 100, 50).await.unwrap();
    assert_eq!(late, 0);
    let mut stranger = again.clone();
    stranger.author = subject(5);
    stranger.slot = Some(vec![8; 64]);
    vault.stage(subject(1), &[stranger], 100, 50).await.unwrap();
    vault.publish(&[name(&row(1))]).await.unwrap();
    let mut after = again.clone();
    after.slot = Some(vec![9; 64]);
    vault.stage(subject(1), &[after], 100, 50).await.unwrap();
    let got = vault
        .release_rows(subject(1), &[(record(1), 1)], false)
        .await
        .unwrap();
    let got = got[0].as_ref().unwrap();
    assert_eq!(
        (got.slot_epoch, got.slot.as_deref()),
        (again.epoch, again.slot.as_deref())
    );
}

#[tokio::test]
async fn a_staged_row_that_goes_to_the_inbox_after_all_keeps_no_slot() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &[row(1)], 100, 50).await.unwrap();
    let mut inbox_only = row(1);
    inbox_only.slot = None;
    inbox_only.inbox = Some(vec![3; 100]);
    inbox_only.inbox_key_version = 2;
    vault
        .stage(subject(1), &[inbox_only], 200, 60)
        .await
        .unwrap();
    vault.publish(&[name(&row(1))]).await.unwrap();
    let got = vault
        .release_rows(subject(1), &[(record(1), 1)], true)
        .await
        .unwrap();
    let got = got[0].as_ref().unwrap();
    assert_eq!(
        (
            got.slot.as_deref(),
            got.inbox.as_deref(),
            got.inbox_key_version
        ),
        (None, Some([3u8; 100].as_slice()), 2)
    );
}
