//! The writes the store depends on, behind one trait, so that tests can make each of them fail.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Appending, syncing and renaming.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Writes all bytes at the end of a file opened for appending.
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's content durable.
    fn sync_data(&self, file: &File) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Moves a file over another within one file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// The operating system's disk.
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

/// Writes a whole file under a temporary name, syncs it, renames it and syncs the folder.
pub(crate) fn write_durably(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let temp = dir.join(format!("{name}.tmp"));
    let file = File::create(&temp)?;
    disk.append(&file, bytes)?;
    disk.sync_data(&file)?;
    drop(file);
    disk.rename(&temp, &dir.join(name))?;
    disk.sync_dir(dir)
}
