//! Opening, restarting, crashing, and files that do not fit.

use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use carechain_vault::{Vault, VaultError, VaultKeys};
use tempfile::TempDir;

use super::{keys, name, open, row, rows, subject};

/// Polls a future a number of times and then drops it, wherever it is.
struct Dropped<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(ctx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_vault_survives_restarts() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(10), 100, 50).await.unwrap();
    vault.set_setting("told-up-to", b"7").await.unwrap();
    vault.set_setting("told-up-to", b"8").await.unwrap();
    vault.close().await;
    let vault = open(&folder).await;
    assert_eq!(vault.setting("told-up-to").await.unwrap().unwrap(), b"8");
    assert_eq!(vault.setting("nothing").await.unwrap(), None);
    assert_eq!(vault.publish(&[name(&row(3))]).await.unwrap(), 1);
    let got = vault
        .release_rows(subject(1), &[(row(3).record, 1)], false)
        .await
        .unwrap();
    assert_eq!(got[0].as_ref().unwrap().slot, row(3).slot);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_point_leaves_all_or_nothing_and_keeps_what_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault
        .stage(subject(1), &[row(5_000)], 100, 50)
        .await
        .unwrap();
    let batch = rows(600);
    let mut finished = false;
    let mut polls = 1;
    while !finished {
        let stage = Dropped {
            future: Box::pin(vault.stage(subject(1), &batch, 100, 50)),
            polls,
        };
        finished = pin!(stage).await.is_some();
        // As kill -9 leaves them: the files at this moment, without a close.
        let crashed = TempDir::new().unwrap();
        copy(folder.path(), crashed.path());
        let after = open(&crashed).await;
        assert_eq!(
            after
                .stage(subject(1), &[row(5_000)], 100, 50)
                .await
                .unwrap(),
            0
        );
        let new = after.stage(subject(1), &batch, 100, 50).await.unwrap();
        assert!(new == 0 || new == 600, "{new} of 600 were staged");
        assert!(!finished || new == 0, "an acknowledged batch was lost");
        after.close().await;
        polls += 1 + polls / 8;
        assert!(polls < 10_000, "staging never finished");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    open(&folder).await.close().await;
    let path = folder.path().join("vault.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'of tomorrow', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = Vault::open(&path, keys(&folder)).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Newer { found: 9000, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("newer than this program"),
        "{error}"
    );
}

#[tokio::test]
async fn erase_keys_of_another_vault_or_lost_ones_are_refused() {
    let folder = TempDir::new().unwrap();
    open(&folder).await.close().await;
    let other = TempDir::new().unwrap();
    open(&other).await.close().await;
    let path = folder.path().join("vault.db");
    let error = Vault::open(&path, keys(&other)).await.unwrap_err();
    assert!(matches!(error, VaultError::KeysForeign { .. }), "{error}");
    let fresh = VaultKeys::at(folder.path().join("fresh.db"));
    let error = Vault::open(&path, fresh).await.unwrap_err();
    assert!(matches!(error, VaultError::KeysForeign { .. }), "{error}");
    Vault::open(&path, keys(&folder)).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(10), 100, 50).await.unwrap();
    for file in [
        "vault.db",
        "vault.db-wal",
        "keys/erase.db",
        "keys/erase.db-wal",
    ] {
        let mode = std::fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn no_file_is_for_others_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(1), 100, 50).await.unwrap();
    let mut seen = 0;
    for dir in [folder.path().to_owned(), folder.path().join("keys")] {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_file() {
                let mode = meta.permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{:?}", entry.file_name());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6, "two databases, their logs and shared memory");
}

#[tokio::test]
async fn an_erasure_that_a_reader_holds_up_says_so_and_is_completed_by_the_next() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    vault.stage(subject(1), &rows(1), 100, 50).await.unwrap();
    let file = folder.path().join("keys").join("erase.db");
    let url = format!("sqlite:{}", file.display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    let key: Vec<u8> = sqlx::query_scalar("SELECT key FROM keys")
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    let log = folder.path().join("keys").join("erase.db-wal");
    let lingers = || {
        let bytes = std::fs::read(&log).unwrap();
        bytes.windows(key.len()).any(|window| window == key)
    };
    let error = vault.erase(subject(1), 70).await.unwrap_err();
    assert!(matches!(error, VaultError::Sql { .. }), "{error}");
    assert!(lingers(), "the reader keeps the key in the log");
    assert!(vault.is_erased(subject(1)).await.unwrap());
    assert!(
        vault.cids_in_use("", 10).await.unwrap().is_empty(),
        "the rows are gone all the same"
    );
    reader.commit().await.unwrap();
    pool.close().await;
    vault.erase(subject(1), 71).await.unwrap();
    assert!(!lingers());
}
