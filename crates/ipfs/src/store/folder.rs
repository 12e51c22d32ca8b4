//! The folder of a store before its blocks are looked at: modes, lock, format, leftovers of a crash.
//!
//! A folder that another process holds, of a newer format, or with segments and no format is refused
//! and left as it is.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::disk::{Disk, write_durably};
use super::limits::FORMAT_VERSION;
use crate::error::IpfsError;

pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

pub(super) fn lock(dir: &Path) -> Result<File, IpfsError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(dir.join("LOCK"));
    let file = file.map_err(IpfsError::open("opening the lock file"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IpfsError::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(IpfsError::open("locking the folder")(error)),
    }
}

pub(super) fn check_format(dir: &Path, disk: &dyn Disk) -> Result<(), IpfsError> {
    const NAME: &str = "FORMAT";
    let text = match fs::read_to_string(dir.join(NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if dir.join("segments").exists() {
                return Err(IpfsError::BadFormat {
                    what: "segments without a FORMAT file".to_owned(),
                });
            }
            let text = format!("carechain-ipfs {FORMAT_VERSION}\n");
            return write_durably(disk, dir, NAME, text.as_bytes())
                .map_err(IpfsError::open("writing FORMAT"));
        }
        Err(error) => return Err(IpfsError::open("reading FORMAT")(error)),
    };
    let version = text
        .strip_prefix("carechain-ipfs ")
        .and_then(|rest| rest.strip_suffix('\n')?.parse::<u32>().ok());
    match version {
        Some(found) if found > FORMAT_VERSION => Err(IpfsError::NewerFormat {
            found,
            supported: FORMAT_VERSION,
        }),
        Some(FORMAT_VERSION) => Ok(()),
        Some(_) | None => Err(IpfsError::BadFormat {
            what: "the FORMAT file names no known version".to_owned(),
        }),
    }
}

pub(super) fn remove_temps(dir: &Path) -> io::Result<()> {
    for item in fs::read_dir(dir)? {
        let path = item?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
