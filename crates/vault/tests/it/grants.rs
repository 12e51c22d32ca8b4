//! Wraps, back-links, keysets, mail, documents.

use alloy_primitives::U256;
use carechain_domain::{Epochs, GrantId, Lane, LaneSet, RequestId};
use carechain_vault::{
    BackLink, DocumentKind, MAX_MAIL_PER_SENDER, MAX_STAGED_PER_OWNER, MAX_WRAPS_PER_GRANT,
    NewMail, VaultError, Wrap,
};
use tempfile::TempDir;

use super::{hash, open, subject};

fn wrap(grant: u64, epochs: u64, body: &[u8]) -> Wrap {
    Wrap {
        grant: GrantId(hash(grant)),
        epochs: Epochs(U256::from(epochs)),
        subject: subject(1),
        grantee: subject(2),
        body: body.to_vec(),
    }
}

#[tokio::test]
async fn a_wrap_is_found_by_its_epochs_alone() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.put_wrap(&wrap(1, 0, b"first"), 10).await.unwrap();
    vault.put_wrap(&wrap(1, 1, b"next"), 11).await.unwrap();
    vault
        .put_wrap(&wrap(1, 0, b"signed again"), 12)
        .await
        .unwrap();
    let found = vault
        .wrap(GrantId(hash(1)), Epochs(U256::ZERO))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found, wrap(1, 0, b"signed again"));
    let wanted = [0u64, 1, 2].map(|e| (GrantId(hash(1)), Epochs(U256::from(e))));
    assert_eq!(vault.has_wraps(&wanted).await.unwrap(), [true, true, false]);
    let mut stolen = wrap(1, 0, b"by another subject");
    stolen.subject = subject(3);
    vault.put_wrap(&stolen, 13).await.unwrap();
    let found = vault
        .wrap(GrantId(hash(1)), Epochs(U256::ZERO))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        found.subject,
        subject(1),
        "another subject cannot replace a wrap"
    );
    assert_eq!(vault.delete_wraps(GrantId(hash(1))).await.unwrap(), 2);
    assert_eq!(vault.has_wraps(&wanted).await.unwrap(), [false; 3]);
}

#[tokio::test]
async fn a_grant_keeps_the_wraps_put_last() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let count = u64::from(MAX_WRAPS_PER_GRANT) + 3;
    for epochs in 0..count {
        vault.put_wrap(&wrap(1, epochs, b"x"), 10).await.unwrap();
    }
    let wanted: Vec<_> = (0..count)
        .map(|e| (GrantId(hash(1)), Epochs(U256::from(e))))
        .collect();
    let there = vault.has_wraps(&wanted).await.unwrap();
    assert_eq!(there.iter().position(|there| *there), Some(3));
    assert!(there[3..].iter().all(|there| *there));
    let error = vault
        .put_wrap(&wrap(2, 0, &[0; 17 << 10]), 10)
        .await
        .unwrap_err();
    assert!(matches!(error, VaultError::TooLarge { what: "wrap", .. }));
}

#[tokio::test]
async fn back_links_come_by_lane_and_epoch() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let lane = |n: u8| Lane::try_from(n).unwrap();
    let link = |n, epoch, byte| BackLink {
        lane: lane(n),
        epoch,
        link: vec![byte; 64],
    };
    let links = [link(5, 1, 2), link(5, 0, 1), link(2, 0, 3)];
    vault.put_back_links(subject(1), &links).await.unwrap();
    vault
        .put_back_links(subject(1), &[link(5, 1, 9)])
        .await
        .unwrap();
    let all = vault.back_links(subject(1), LaneSet::ALL).await.unwrap();
    assert_eq!(all, [link(2, 0, 3), link(5, 0, 1), link(5, 1, 9)]);
    let some = vault
        .back_links(subject(1), LaneSet::EMPTY.with(lane(2)))
        .await
        .unwrap();
    assert_eq!(some, [link(2, 0, 3)]);
    assert!(
        vault
            .back_links(subject(2), LaneSet::ALL)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn mail_is_once_numbered_bounded_and_gone_when_deleted() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let mail = |topic, sealed: &[u8]| NewMail {
        recipient: subject(1),
        sender: subject(2),
        topic: RequestId(hash(topic)),
        key_version: 3,
        sealed: sealed.to_vec(),
    };
    assert_eq!(vault.post_mail(&mail(1, b"a"), 10).await.unwrap(), 1);
    assert_eq!(
        vault.post_mail(&mail(1, b"a"), 11).await.unwrap(),
        1,
        "the same is one"
    );
    assert_eq!(vault.post_mail(&mail(1, b"b"), 12).await.unwrap(), 2);
    assert!(vault.delete_mail(subject(1), 2).await.unwrap());
    assert!(!vault.delete_mail(subject(1), 2).await.unwrap());
    assert!(!vault.delete_mail(subject(3), 1).await.unwrap());
    assert_eq!(
        vault.post_mail(&mail(1, b"c"), 13).await.unwrap(),
        3,
        "a number comes once"
    );
    let items = vault.mail_after(subject(1), 1, 10).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].id, items[0].at, items[0].sealed.as_slice()),
        (3, 13, b"c".as_slice())
    );
    assert_eq!((items[0].sender, items[0].key_version), (subject(2), 3));
    for n in 2..u64::from(MAX_MAIL_PER_SENDER) {
        vault.post_mail(&mail(n, b"x"), 14).await.unwrap();
    }
    let error = vault.post_mail(&mail(999, b"x"), 15).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Full { limit: 64, .. }),
        "{error}"
    );
    let other = NewMail {
        sender: subject(3),
        ..mail(999, b"x")
    };
    vault.post_mail(&other, 15).await.unwrap();
}

#[tokio::test]
async fn a_document_is_staged_until_the_chain_names_it() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let kind = DocumentKind::Profile;
    vault
        .stage_document(subject(1), kind, hash(1), b"one", 100)
        .await
        .unwrap();
    vault
        .stage_document(subject(1), kind, hash(2), b"two", 100)
        .await
        .unwrap();
    assert!(
        vault
            .promote_document(subject(1), kind, hash(1))
            .await
            .unwrap()
    );
    assert!(
        vault
            .promote_document(subject(1), kind, hash(1))
            .await
            .unwrap()
    );
    assert!(
        !vault
            .promote_document(subject(1), DocumentKind::KeyBundle, hash(1))
            .await
            .unwrap()
    );
    assert_eq!(vault.sweep_documents(101).await.unwrap(), 1);
    assert_eq!(
        vault
            .document(subject(1), kind, hash(1))
            .await
            .unwrap()
            .unwrap(),
        b"one"
    );
    assert_eq!(
        vault.document(subject(1), kind, hash(2)).await.unwrap(),
        None
    );
    vault
        .put_document(subject(1), kind, hash(3), b"three")
        .await
        .unwrap();
    let found = vault
        .documents(
            kind,
            &[
                (subject(1), hash(3)),
                (subject(2), hash(3)),
                (subject(1), hash(1)),
            ],
        )
        .await
        .unwrap();
    assert_eq!(found.len(), 1, "the former live one is gone");
    assert_eq!(found[&subject(1)], b"three");
}

#[tokio::test]
async fn an_owner_keeps_the_staged_documents_that_last_longest() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let kind = DocumentKind::Profile;
    for n in 10..10 + u64::from(MAX_STAGED_PER_OWNER) + 2 {
        vault
            .stage_document(subject(4), kind, hash(n), b"x", 100 + n)
            .await
            .unwrap();
    }
    let mut kept = Vec::new();
    for n in 10..10 + u64::from(MAX_STAGED_PER_OWNER) + 2 {
        kept.push(
            vault
                .document(subject(4), kind, hash(n))
                .await
                .unwrap()
                .is_some(),
        );
    }
    assert_eq!(
        kept,
        [false, false, true, true, true, true, true, true, true, true]
    );
}

#[tokio::test]
async fn keyset_and_application_are_the_last_ones_put() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    assert_eq!(vault.keyset(subject(1)).await.unwrap(), None);
    vault.put_keyset(subject(1), b"one", 1).await.unwrap();
    vault.put_keyset(subject(1), b"two", 2).await.unwrap();
    assert_eq!(vault.keyset(subject(1)).await.unwrap().unwrap(), b"two");
    vault
        .put_application(subject(1), hash(1), b"one", 1)
        .await
        .unwrap();
    vault
        .put_application(subject(1), hash(2), b"two", 2)
        .await
        .unwrap();
    let application = vault.application(subject(1)).await.unwrap().unwrap();
    assert_eq!((application.credential_hash, application.at), (hash(2), 2));
    assert_eq!(application.body, b"two");
    let error = vault
        .put_keyset(subject(1), &[0; (64 << 10) + 1], 3)
        .await
        .unwrap_err();
    assert!(matches!(error, VaultError::TooLarge { what: "keyset", .. }));
}
