//! The data folder: its format version, its lock, and where each engine keeps its part.
//!
//! ```text
//! DIR/FORMAT        version of the layout, decimal text
//! DIR/LOCK          held while a process runs
//! DIR/keys/         node.key, operator.key (0600)
//! DIR/claim-code    one-time code for the first administrator (0600), gone once used
//! DIR/contracts.json
//! DIR/chain/ DIR/ipfs/ DIR/vault/ DIR/index/
//! DIR/erase/        erase keys of the vault: keep it out of ordinary backups
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::NodeError;

/// Version of the data folder's layout that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// An open data folder; the lock lasts as long as the value.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder, takes its lock, checks its format.
    pub(crate) fn open(dir: &Path) -> Result<Folder, NodeError> {
        make_private_dir(dir)?;
        let lock_path = dir.join("LOCK");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(NodeError::file("opening", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NodeError::InUse(dir.to_owned())),
            Err(TryLockError::Error(e)) => return Err(NodeError::file("locking", &lock_path)(e)),
        }
        let folder = Folder {
            dir: dir.to_owned(),
            _lock: lock,
        };
        folder.check_format()?;
        Ok(folder)
    }

    fn check_format(&self) -> Result<(), NodeError> {
        let path = self.path("FORMAT");
        let Some(text) = self.read_text("FORMAT")? else {
            return self.write_durable("FORMAT", format!("{FORMAT_VERSION}\n").as_bytes());
        };
        let found: u32 = text
            .trim()
            .parse()
            .map_err(|_| NodeError::damaged(&path, "no version number"))?;
        if found > FORMAT_VERSION {
            return Err(NodeError::NewerFormat {
                path: self.dir.clone(),
                found,
                known: FORMAT_VERSION,
            });
        }
        Ok(())
    }

    /// A path inside the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A sub-folder, made if absent, readable by this user alone.
    pub(crate) fn sub(&self, name: &str) -> Result<PathBuf, NodeError> {
        let path = self.path(name);
        make_private_dir(&path)?;
        Ok(path)
    }

    /// The text of a file, or `None` where there is none.
    pub(crate) fn read_text(&self, name: &str) -> Result<Option<String>, NodeError> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(NodeError::file("reading", &path)(e)),
        }
    }

    /// Writes a file (0600) so that after a crash it is either whole or absent.
    pub(crate) fn write_durable(&self, name: &str, content: &[u8]) -> Result<(), NodeError> {
        let path = self.path(name);
        let temporary = self.path(&format!("{name}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(NodeError::file("creating", &temporary))?;
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(NodeError::file("writing", &temporary))?;
        fs::rename(&temporary, &path).map_err(NodeError::file("renaming", &temporary))?;
        let parent = path.parent().unwrap_or(&self.dir);
        File::open(parent)
            .and_then(|d| d.sync_all())
            .map_err(NodeError::file("syncing", parent))
    }

    /// Removes a file; absent is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), NodeError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(NodeError::file("removing", &path)(e)),
        }
    }
}

fn make_private_dir(path: &Path) -> Result<(), NodeError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(NodeError::file("making folder", path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_opener_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        assert!(matches!(Folder::open(dir.path()), Err(NodeError::InUse(_))));
        drop(first);
        Folder::open(dir.path()).unwrap();
    }

    #[test]
    fn a_newer_format_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("FORMAT"), "2\n").unwrap();
        assert!(matches!(
            Folder::open(dir.path()),
            Err(NodeError::NewerFormat { found: 2, .. })
        ));
        assert_eq!(
            fs::read_to_string(dir.path().join("FORMAT")).unwrap(),
            "2\n"
        );
    }

    #[test]
    fn a_format_that_is_no_number_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("FORMAT"), "one").unwrap();
        assert!(matches!(
            Folder::open(dir.path()),
            Err(NodeError::Damaged { .. })
        ));
    }
}
