//! `<keyset>.state/`: what a device remembers between commands, one file a name, and a lock.
//!
//! It holds the outbox, the newest head seen and the like: nothing that the words and the node do not bring back.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use carechain_client::PlatformError;

use crate::error::CliError;
use crate::files;

/// Largest file that is read back.
const MAX_BYTES: u64 = 1 << 30;
/// How long a command waits for another one that works with the same keyset.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);
/// Between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Name of the lock; no name in storage begins with a dot.
const LOCK: &str = ".lock";

/// The folder of a keyset's state.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    dir: PathBuf,
}

/// Held while a command works with a keyset.
#[derive(Debug)]
pub(crate) struct StorageLock {
    _file: File,
}

impl Storage {
    /// The state of the keyset at `keyset`.
    pub(crate) fn beside(keyset: &Path) -> Self {
        let mut name = keyset.as_os_str().to_owned();
        name.push(".state");
        Storage { dir: name.into() }
    }

    /// Waits until no other command works with this keyset. The lock goes with the process, however it ends.
    pub(crate) fn lock(
        &self,
        keyset: &Path,
        waiting: impl FnOnce(),
    ) -> Result<StorageLock, CliError> {
        let path = self.dir.join(LOCK);
        let failed = || CliError::file("locking", &path);
        files::make_dir(&self.dir).map_err(failed())?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed())?;
        let mut waiting = Some(waiting);
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(StorageLock { _file: file }),
                Err(TryLockError::Error(e)) => return Err(failed()(e)),
                Err(TryLockError::WouldBlock) if since.elapsed() > LOCK_TIMEOUT => {
                    return Err(CliError::KeysetBusy(keyset.to_owned()));
                }
                Err(TryLockError::WouldBlock) => {
                    if let Some(tell) = waiting.take() {
                        tell();
                    }
                    thread::sleep(LOCK_PAUSE);
                }
            }
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, PlatformError> {
        let fits = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if name.split('/').all(fits) {
            Ok(self.dir.join(name))
        } else {
            Err(PlatformError::Storage(
                "a name that storage does not take".to_owned(),
            ))
        }
    }

    pub(super) fn load(&self, name: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        files::read(&self.path(name)?, MAX_BYTES).map_err(|e| PlatformError::Storage(e.message()))
    }

    pub(super) fn save(&self, name: &str, bytes: &[u8]) -> Result<(), PlatformError> {
        let path = self.path(name)?;
        files::write_durable(&path, bytes).map_err(|e| failed(&path, &e))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), PlatformError> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed(&path, &e)),
            Ok(()) => {
                let dir = path.parent().expect("a name in storage lies in its folder");
                File::open(dir)
                    .and_then(|d| d.sync_all())
                    .map_err(|e| failed(&path, &e))
            }
        }
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<String>, PlatformError> {
        let mut names = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = self.dir.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(failed(&path, &e)),
            };
            for entry in entries {
                let entry = entry.map_err(|e| failed(&path, &e))?;
                let Ok(part) = entry.file_name().into_string() else {
                    continue;
                };
                // The lock and unfinished files begin with a dot.
                if part.starts_with('.') {
                    continue;
                }
                let name = format!("{folder}{part}");
                if entry.file_type().map_err(|e| failed(&path, &e))?.is_dir() {
                    folders.push(format!("{name}/"));
                } else if name.starts_with(prefix) {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn failed(path: &Path, error: &io::Error) -> PlatformError {
    PlatformError::Storage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn storage(dir: &tempfile::TempDir) -> Storage {
        Storage::beside(&dir.path().join("keys"))
    }

    #[test]
    fn what_is_saved_is_loaded_listed_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(&dir);
        assert_eq!(storage.list("").unwrap(), Vec::<String>::new());
        assert_eq!(storage.load("a/b").unwrap(), None);
        storage.save("a/b", b"1").unwrap();
        storage.save("a/c-1.x_y", b"2").unwrap();
        storage.save("z", b"3").unwrap();
        let _lock = storage.lock(dir.path(), || {}).unwrap();
        assert_eq!(storage.list("").unwrap(), ["a/b", "a/c-1.x_y", "z"]);
        assert_eq!(storage.list("a/").unwrap(), ["a/b", "a/c-1.x_y"]);
        assert_eq!(storage.load("a/b").unwrap().unwrap(), b"1");
        storage.remove("a/b").unwrap();
        storage.remove("a/b").unwrap();
        assert_eq!(storage.list("a/b").unwrap(), Vec::<String>::new());
        assert!(dir.path().join("keys.state/z").exists());
    }

    #[test]
    fn names_stay_inside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        for bad in [
            "",
            "..",
            "../x",
            "/etc/passwd",
            "a//b",
            "a/../b",
            ".lock",
            "a b",
            "ü",
            "a/",
        ] {
            assert!(storage(&dir).save(bad, b"").is_err(), "{bad}");
        }
    }

    #[test]
    fn one_command_at_a_time_works_with_a_keyset() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(&dir);
        let first = storage.lock(dir.path(), || {}).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let second = thread::spawn({
            let (storage, path) = (storage.clone(), dir.path().to_owned());
            move || storage.lock(&path, || tell.send(()).unwrap()).map(drop)
        });
        told.recv().unwrap();
        drop(first);
        second.join().unwrap().unwrap();
    }
}
