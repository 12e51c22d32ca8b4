//! What sealing hides and erasing destroys.

use std::path::{Path, PathBuf};

use carechain_domain::{Epochs, GrantId, LaneSet, RequestId};
use carechain_vault::{BackLink, DocumentKind, NewMail, Vault, VaultError, Wrap};
use tempfile::TempDir;

use super::{CANARY, hash, keys, name, open, row, rows, subject};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

fn holds(folder: &Path, needle: &[u8]) -> Option<PathBuf> {
    files(folder).into_iter().find(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

async fn fill(vault: &Vault) {
    let mut staged = rows(20);
    staged[3].inbox = Some(CANARY.repeat(30));
    vault.stage(subject(1), &staged, 100, 50).await.unwrap();
    vault
        .publish(&staged.iter().map(name).collect::<Vec<_>>())
        .await
        .unwrap();
    let wrap = Wrap {
        grant: GrantId(hash(1)),
        epochs: Epochs::default(),
        subject: subject(1),
        grantee: subject(2),
        body: CANARY.to_vec(),
    };
    vault.put_wrap(&wrap, 60).await.unwrap();
    let lane = carechain_domain::Lane::all().next().unwrap();
    let link = BackLink {
        lane,
        epoch: 0,
        link: CANARY.to_vec(),
    };
    vault.put_back_links(subject(1), &[link]).await.unwrap();
    vault.put_keyset(subject(1), CANARY, 60).await.unwrap();
    vault
        .put_application(subject(1), hash(3), CANARY, 60)
        .await
        .unwrap();
    let mail = NewMail {
        recipient: subject(1),
        sender: subject(2),
        topic: RequestId(hash(4)),
        key_version: 1,
        sealed: CANARY.to_vec(),
    };
    vault.post_mail(&mail, 60).await.unwrap();
    vault
        .stage_document(subject(1), DocumentKind::KeyBundle, hash(5), b"public", 99)
        .await
        .unwrap();
    vault
        .add_uploads(subject(1), &[("bafk0".to_owned(), 5)], 60)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_key_lies_in_a_file_as_it_came() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    fill(&vault).await;
    assert_eq!(holds(folder.path(), CANARY), None);
    assert!(
        holds(folder.path(), b"bafk0").is_some(),
        "the search itself works"
    );
    assert_eq!(vault.keyset(subject(1)).await.unwrap().unwrap(), CANARY);
    assert_eq!(
        vault.application(subject(1)).await.unwrap().unwrap().body,
        CANARY
    );
    let text = format!("{vault:?} {:?} {:?}", row(1), keys(&folder));
    assert!(
        !text.contains("canary") && !text.contains("99, 97, 114"),
        "{text}"
    );
}

async fn erase_key_of_the_first(folder: &TempDir) -> Vec<u8> {
    let erase_db = format!("sqlite:{}", folder.path().join("keys/erase.db").display());
    let pool = sqlx::SqlitePool::connect(&erase_db).await.unwrap();
    let key = sqlx::query_scalar("SELECT key FROM keys WHERE subject = ?")
        .bind([1u8; 32].as_slice())
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    key
}

async fn assert_nothing_of_the_first(vault: &Vault) {
    let wanted: Vec<_> = rows(20).iter().map(|row| (row.record, 1)).collect();
    let released = vault.release_rows(subject(1), &wanted, true).await.unwrap();
    assert!(released.iter().all(Option::is_none));
    assert_eq!(vault.keyset(subject(1)).await.unwrap(), None);
    assert!(
        vault
            .wrap(GrantId(hash(1)), Epochs::default())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        vault
            .back_links(subject(1), LaneSet::ALL)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        vault
            .mail_after(subject(1), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(vault.application(subject(1)).await.unwrap().is_none());
    let kind = DocumentKind::KeyBundle;
    assert!(
        vault
            .document(subject(1), kind, hash(5))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(vault.uploaded_bytes(subject(1)).await.unwrap(), 0);
    assert_eq!(
        vault.cids_in_use("", 100).await.unwrap(),
        ["bafk700"],
        "others keep theirs"
    );
}

#[tokio::test]
async fn erasing_destroys_the_key_in_every_file_and_makes_a_backup_unreadable() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    fill(&vault).await;
    vault.stage(subject(2), &[row(700)], 100, 50).await.unwrap();
    vault.close().await;
    let backup = TempDir::new().unwrap();
    std::fs::copy(
        folder.path().join("vault.db"),
        backup.path().join("vault.db"),
    )
    .unwrap();
    let key = erase_key_of_the_first(&folder).await;
    assert!(
        holds(folder.path(), &key).is_some(),
        "the search itself works"
    );

    let vault = open(&folder).await;
    let erasure = vault.erase(subject(1), 70).await.unwrap();
    assert_eq!((erasure.records, erasure.cids.len()), (20, 20));
    assert_eq!(
        holds(folder.path(), &key),
        None,
        "the key lingers in a file"
    );
    assert!(vault.is_erased(subject(1)).await.unwrap());
    assert_nothing_of_the_first(&vault).await;
    let error = vault
        .stage(subject(1), &rows(1), 100, 50)
        .await
        .unwrap_err();
    assert!(
        matches!(error, VaultError::Erased(id) if id == subject(1)),
        "{error}"
    );
    let profile = DocumentKind::Profile;
    let staged = vault
        .stage_document(subject(1), profile, hash(5), b"x", 99)
        .await;
    assert!(matches!(staged.unwrap_err(), VaultError::Erased(_)));
    vault.publish(&[name(&row(700))]).await.unwrap();
    let other = vault
        .release_rows(subject(2), &[(row(700).record, 1)], true)
        .await
        .unwrap();
    assert_eq!(
        other[0].as_ref().unwrap().slot,
        row(700).slot,
        "others can still be read"
    );
    vault.close().await;

    let restored = Vault::open(backup.path().join("vault.db"), keys(&folder))
        .await
        .unwrap();
    assert_nothing_of_the_first(&restored).await;
}

#[tokio::test]
async fn a_sealed_row_moved_to_another_place_is_refused() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(2), 100, 50).await.unwrap();
    vault
        .publish(&[name(&row(0)), name(&row(1))])
        .await
        .unwrap();
    let path = format!("sqlite:{}", folder.path().join("vault.db").display());
    let pool = sqlx::SqlitePool::connect(&path).await.unwrap();
    sqlx::query(
        "UPDATE records SET sealed_slot = (SELECT sealed_slot FROM records WHERE record = ?)
         WHERE record = ?",
    )
    .bind(row(1).record.as_bytes().as_slice())
    .bind(row(0).record.as_bytes().as_slice())
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = vault
        .release_rows(subject(1), &[(row(0).record, 1)], false)
        .await
        .unwrap_err();
    assert!(
        matches!(error, VaultError::Unreadable { what: "slot" }),
        "{error}"
    );
    assert!(
        vault
            .release_rows(subject(1), &[(row(1).record, 1)], false)
            .await
            .is_ok()
    );
}
