//! Notifications, sessions, codes and vouchers.

use alloy_primitives::{Address, B256};
use carechain_domain::{Kind, Notice};
use carechain_vault::{
    EventKey, Gate, MAX_NOTIFICATIONS, MAX_SESSIONS_PER_SUBJECT, NewNotification, StoredVoucher,
    VaultError,
};
use tempfile::TempDir;

use super::{hash, open, subject};

fn notification(block: u64, log: u32) -> NewNotification {
    NewNotification {
        recipient: subject(1),
        event: EventKey::chain(block, log),
        notice: Notice::RecordAdded,
        subject: subject(1),
        actor: Some(subject(2)),
        about: hash(block),
        block,
        at: block * 10,
    }
}

#[tokio::test]
async fn an_event_makes_one_notification_that_stays_until_read() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let both = [notification(1, 0), notification(1, 1), notification(1, 0)];
    let new = vault.append_notifications(&both).await.unwrap();
    assert_eq!(new.iter().map(|n| n.id).collect::<Vec<_>>(), [1, 2]);
    assert!(vault.append_notifications(&both).await.unwrap().is_empty());
    let other = NewNotification {
        recipient: subject(2),
        actor: None,
        ..notification(1, 0)
    };
    assert_eq!(vault.append_notifications(&[other]).await.unwrap()[0].id, 1);
    let listed = vault.notifications_after(subject(1), 0, 10).await.unwrap();
    assert_eq!(listed, new);
    assert_eq!(vault.mark_read(subject(1), 1, 500).await.unwrap(), 1);
    assert_eq!(vault.mark_read(subject(1), 1, 600).await.unwrap(), 0);
    let listed = vault.notifications_after(subject(1), 0, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|n| n.read).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(vault.sweep_notifications(600, 100).await.unwrap(), 0);
    assert_eq!(vault.sweep_notifications(601, 100).await.unwrap(), 1);
    assert_eq!(
        vault
            .append_notifications(&[notification(2, 0)])
            .await
            .unwrap()[0]
            .id,
        3
    );
    let after = vault.notifications_after(subject(1), 2, 10).await.unwrap();
    assert_eq!(after.iter().map(|n| n.id).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn the_oldest_notifications_fall_away_beyond_the_bound() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let all: Vec<_> = (0..MAX_NOTIFICATIONS as u32)
        .map(|log| notification(1, log))
        .collect();
    vault.append_notifications(&all).await.unwrap();
    vault
        .append_notifications(&[notification(2, 0), notification(2, 1)])
        .await
        .unwrap();
    let first = vault.notifications_after(subject(1), 0, 1).await.unwrap();
    assert_eq!(first[0].id, 3);
}

#[tokio::test]
async fn who_repeats_something_pushes_out_nothing_of_others() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let by = |block, log, actor, notice| NewNotification {
        actor,
        notice,
        ..notification(block, log)
    };
    let older = [
        by(1, 0, Some(subject(3)), Notice::RecordAdded),
        by(1, 1, Some(subject(2)), Notice::RecordAdded),
        by(1, 2, None, Notice::RecordAdded),
    ];
    vault.append_notifications(&older).await.unwrap();
    let flood = |block| -> Vec<_> {
        (0..MAX_NOTIFICATIONS as u32)
            .map(|log| by(block, log, Some(subject(2)), Notice::AccessRequested))
            .collect()
    };
    vault.append_notifications(&flood(2)).await.unwrap();
    let late = by(3, 0, Some(subject(4)), Notice::RecordAdded);
    vault.append_notifications(&[late]).await.unwrap();
    let kept = vault
        .notifications_after(subject(1), 0, 20_000)
        .await
        .unwrap();
    assert_eq!(kept.len() as u64, MAX_NOTIFICATIONS);
    let first: Vec<_> = kept.iter().take(4).map(|n| n.id).collect();
    assert_eq!(
        first,
        [1, 2, 3, 8],
        "four of the flood fell away, its oldest"
    );
    assert_eq!(kept.last().unwrap().actor, Some(subject(4)));
}

#[tokio::test]
async fn a_session_lasts_until_it_ends_expires_or_is_pushed_out() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let address = Address::repeat_byte(1);
    let token = vault
        .new_session(subject(1), address, 200, 100)
        .await
        .unwrap();
    let session = vault.session(token.as_str(), 199).await.unwrap().unwrap();
    assert_eq!(
        (session.subject, session.address, session.expires),
        (subject(1), address, 200)
    );
    assert!(vault.session(token.as_str(), 200).await.unwrap().is_none());
    assert!(vault.session("guess", 100).await.unwrap().is_none());
    assert!(!format!("{token:?}").contains(token.as_str()));
    let path = folder.path().join("vault.db-wal");
    let bytes = std::fs::read(path).unwrap();
    let text = token.as_str().as_bytes();
    assert!(
        !bytes.windows(text.len()).any(|window| window == text),
        "tokens are kept hashed"
    );
    assert!(vault.end_session(token.as_str()).await.unwrap());
    assert!(!vault.end_session(token.as_str()).await.unwrap());

    let first = vault
        .new_session(subject(1), address, 500, 101)
        .await
        .unwrap();
    for n in 0..u64::from(MAX_SESSIONS_PER_SUBJECT) {
        vault
            .new_session(subject(1), address, 500, 102 + n)
            .await
            .unwrap();
    }
    assert!(
        vault.session(first.as_str(), 150).await.unwrap().is_none(),
        "the oldest is ended"
    );
    let device = Address::repeat_byte(2);
    let kept = vault
        .new_session(subject(1), device, 500, 300)
        .await
        .unwrap();
    assert_eq!(
        vault.end_sessions_of(subject(1), address).await.unwrap(),
        31
    );
    assert!(vault.session(kept.as_str(), 301).await.unwrap().is_some());
    assert_eq!(vault.sweep_sessions(500).await.unwrap(), 1);
}

#[tokio::test]
async fn a_sign_in_nonce_is_good_once_and_in_time() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let nonce = vault.new_sign_in_nonce(200, 100).await.unwrap();
    assert!(nonce.len() >= 8 && nonce.chars().all(|c| c.is_ascii_alphanumeric()));
    assert!(vault.spend_sign_in_nonce(&nonce, 200).await.unwrap());
    assert!(!vault.spend_sign_in_nonce(&nonce, 150).await.unwrap());
    let late = vault.new_sign_in_nonce(200, 100).await.unwrap();
    assert!(!vault.spend_sign_in_nonce(&late, 201).await.unwrap());
    assert!(!vault.spend_sign_in_nonce("guess", 100).await.unwrap());
}

fn voucher(n: u64, kind: Kind, root: u8, expiry: u64) -> StoredVoucher {
    StoredVoucher {
        kind,
        root: Address::repeat_byte(root),
        organisation: B256::ZERO,
        nonce: hash(n),
        expiry,
        signature: vec![n as u8; 65],
    }
}

#[tokio::test]
async fn an_invitation_buys_one_voucher_and_gives_the_same_again() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let code = vault
        .new_invitation(Kind::Doctor, subject(1), 500, 100)
        .await
        .unwrap();
    let gate = Gate::Invitation(&code);
    assert!(!format!("{gate:?}").contains(&code));
    let refused = |result: Result<StoredVoucher, VaultError>| {
        assert!(matches!(result.unwrap_err(), VaultError::CodeRefused));
    };
    refused(
        vault
            .issue_voucher(&voucher(1, Kind::Patient, 1, 300), gate, 110)
            .await,
    );
    refused(
        vault
            .issue_voucher(&voucher(1, Kind::Doctor, 1, 300), gate, 501)
            .await,
    );
    let bad = Gate::Invitation("guess");
    refused(
        vault
            .issue_voucher(&voucher(1, Kind::Doctor, 1, 300), bad, 110)
            .await,
    );
    refused(
        vault
            .issue_voucher(&voucher(1, Kind::Doctor, 1, 300), Gate::Claim(&code), 110)
            .await,
    );

    let first = voucher(1, Kind::Doctor, 1, 300);
    assert_eq!(vault.issue_voucher(&first, gate, 110).await.unwrap(), first);
    let again = vault
        .issue_voucher(&voucher(2, Kind::Doctor, 1, 310), gate, 120)
        .await
        .unwrap();
    assert_eq!(again, first, "the same root gets the same voucher");
    refused(
        vault
            .issue_voucher(&voucher(3, Kind::Doctor, 2, 310), gate, 120)
            .await,
    );
    refused(
        vault
            .issue_voucher(&voucher(3, Kind::Doctor, 2, 410), gate, 301)
            .await,
    );
    let later = voucher(4, Kind::Doctor, 1, 410);
    assert_eq!(
        vault.issue_voucher(&later, gate, 301).await.unwrap(),
        later,
        "expired: a new one"
    );
    assert_eq!(
        vault
            .vouchers_for(Address::repeat_byte(1), 301)
            .await
            .unwrap(),
        [later]
    );
}

#[tokio::test]
async fn the_claim_code_is_one_and_free_again_once_its_voucher_expired() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    assert!(!vault.has_claim_code().await.unwrap());
    vault.set_claim_code("former").await.unwrap();
    vault.set_claim_code("code").await.unwrap();
    vault.set_claim_code("code").await.unwrap();
    assert!(vault.has_claim_code().await.unwrap());
    let claim = |n, root, now| {
        let (vault, voucher) = (&vault, voucher(n, Kind::Administrator, root, now + 100));
        async move {
            vault
                .issue_voucher(&voucher, Gate::Claim("code"), now)
                .await
        }
    };
    let former = vault
        .issue_voucher(
            &voucher(9, Kind::Administrator, 1, 200),
            Gate::Claim("former"),
            100,
        )
        .await;
    assert!(matches!(former.unwrap_err(), VaultError::CodeRefused));
    claim(1, 1, 100).await.unwrap();
    assert!(matches!(
        claim(2, 2, 150).await.unwrap_err(),
        VaultError::CodeRefused
    ));
    assert_eq!(claim(3, 2, 201).await.unwrap().nonce, hash(3));
    vault.sweep_vouchers(10_000).await.unwrap();
    assert!(
        vault.has_claim_code().await.unwrap(),
        "the claim code is not swept"
    );
    let open_gate = voucher(5, Kind::Patient, 5, 20_000);
    vault
        .issue_voucher(&open_gate, Gate::Open, 10_000)
        .await
        .unwrap();
    assert_eq!(
        vault
            .vouchers_for(Address::repeat_byte(5), 10_000)
            .await
            .unwrap(),
        [open_gate]
    );
}

#[tokio::test]
async fn a_flood_of_sign_in_nonces_locks_nobody_out() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let oldest = vault.new_sign_in_nonce(190, 100).await.unwrap();
    let url = format!("sqlite:{}", folder.path().join("vault.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO sign_in_nonces SELECT 'flood' || i, 200 FROM n",
    )
    .bind(carechain_vault::MAX_SIGN_IN_NONCES)
    .execute(&pool)
    .await
    .unwrap();
    let nonce = vault.new_sign_in_nonce(201, 101).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sign_in_nonces")
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    assert_eq!(count, i64::from(carechain_vault::MAX_SIGN_IN_NONCES));
    assert!(vault.spend_sign_in_nonce(&nonce, 102).await.unwrap());
    assert!(!vault.spend_sign_in_nonce(&oldest, 102).await.unwrap());
}
