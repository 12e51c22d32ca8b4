//! Files of one's own: read within a bound, written so that after a crash they are whole or absent.
//!
//! Everything written here is for its owner alone (0600, folders 0700).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::CliError;

/// Reads a file of at most `limit` bytes; `None` where there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, CliError> {
    let failed = || CliError::file("reading", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed()(e)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed())?;
    if bytes.len() as u64 > limit {
        return Err(CliError::FileTooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}

/// Reads a file that must be there.
pub(crate) fn read_existing(path: &Path, limit: u64) -> Result<Vec<u8>, CliError> {
    read(path, limit)?
        .ok_or_else(|| CliError::file("reading", path)(io::ErrorKind::NotFound.into()))
}

/// Reads a short secret text from a file, or from stdin for `-`. It is wiped when dropped.
pub(crate) fn read_secret(path: &Path, limit: usize) -> Result<Zeroizing<String>, CliError> {
    if path == Path::new("-") {
        return read_secret_from(io::stdin().lock(), path, limit);
    }
    read_secret_from(
        File::open(path).map_err(CliError::file("reading", path))?,
        path,
        limit,
    )
}

fn read_secret_from(
    source: impl Read,
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<String>, CliError> {
    let failed = || CliError::file("reading", path);
    // Room for all of it at once, so that no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(limit + 1));
    source
        .take(limit as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed())?;
    if text.len() > limit {
        return Err(CliError::FileTooLarge {
            path: path.to_owned(),
            limit: limit as u64,
        });
    }
    Ok(text)
}

/// Makes a folder and those above it, for its owner alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The folder that a file is in.
fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Writes a file in one step: whole and durable when it returns.
pub(crate) fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path);
    make_dir(dir)?;
    let temporary = temporary_beside(path)?;
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one that counts; a file left behind has a name nobody reads.
        return Err(match fs::remove_file(&temporary) {
            Ok(()) | Err(_) => error,
        });
    }
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Beginning of the names of unfinished files.
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-";

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(parent(path).join(format!("{TEMPORARY_PREFIX}{}", hex::encode(random))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_whole_private_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        write_durable(&path, b"one").unwrap();
        write_durable(&path, b"two").unwrap();
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(path.parent().unwrap())
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_durable(&path, b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn reading_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(read(&path, 3).unwrap(), None);
        fs::write(&path, b"four").unwrap();
        assert!(matches!(
            read(&path, 3),
            Err(CliError::FileTooLarge { limit: 3, .. })
        ));
        assert!(matches!(
            read_secret(&path, 3),
            Err(CliError::FileTooLarge { .. })
        ));
        assert_eq!(read_secret(&path, 4).unwrap().as_str(), "four");
    }
}
