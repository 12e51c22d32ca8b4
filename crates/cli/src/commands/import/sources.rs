//! The files of an import: found in folders, read and unpacked within bounds.
//!
//! A compressed file may say little and mean much: unpacking stops at the size that a plain file may have.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::CliError;

/// Largest file, and largest content of a compressed one, in bytes: what a FHIR document may have.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;
/// Files in one import.
const MAX_FILES: usize = 1_000_000;
/// Folders within folders.
const MAX_DEPTH: usize = 64;

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One document.
    Json,
    /// A document a line.
    Ndjson,
}

/// A file to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) gzip: bool,
    /// Bytes on disk.
    pub(super) size_bytes: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sources: Vec<Source>,
    /// Files in folders whose ending is another.
    pub(super) skipped: usize,
}

impl Found {
    /// Bytes on disk of all of them.
    pub(super) fn size_bytes(&self) -> u64 {
        self.sources.iter().map(|s| s.size_bytes).sum()
    }
}

/// Finds the files of `paths`: each file that is named, and those of folders in the order of their names.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found, CliError> {
    let mut found = Found::default();
    for path in paths {
        let about = fs::metadata(path).map_err(CliError::file("looking at", path))?;
        if about.is_dir() {
            folder(path, 0, &mut found)?;
        } else if let Some(source) = source(path, about.len()) {
            found.sources.push(source);
        } else {
            let why = format!(
                "{} is no .json, .ndjson, .json.gz or .ndjson.gz",
                path.display()
            );
            return Err(CliError::usage("PATH", why));
        }
    }
    Ok(found)
}

fn folder(dir: &Path, depth: usize, found: &mut Found) -> Result<(), CliError> {
    if depth > MAX_DEPTH {
        return Err(CliError::usage(
            "PATH",
            format!("{} lies over {MAX_DEPTH} folders deep", dir.display()),
        ));
    }
    let failed = || CliError::file("reading", dir);
    let mut entries = fs::read_dir(dir)
        .map_err(failed())?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed())?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links to folders are not followed: they may lead in circles.
        if entry.file_type().map_err(failed())?.is_dir() {
            folder(&path, depth + 1, found)?;
            continue;
        }
        let about = fs::metadata(&path).map_err(CliError::file("looking at", &path))?;
        match source(&path, about.len()).filter(|_| about.is_file()) {
            Some(source) if found.sources.len() < MAX_FILES => found.sources.push(source),
            Some(_) => {
                return Err(CliError::usage(
                    "PATH",
                    format!("more than {MAX_FILES} files"),
                ));
            }
            None => found.skipped += 1,
        }
    }
    Ok(())
}

fn source(path: &Path, size_bytes: u64) -> Option<Source> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, gzip) = match name.strip_suffix(".gz") {
        Some(inner) => (inner, true),
        None => (name.as_str(), false),
    };
    let format = match name.rsplit_once('.')?.1 {
        "json" => Format::Json,
        "ndjson" | "jsonl" => Format::Ndjson,
        _ => return None,
    };
    Some(Source {
        path: path.to_owned(),
        format,
        gzip,
        size_bytes,
    })
}

/// Reads a file; the error is for the row that says why it was rejected.
pub(super) fn read(source: &Source) -> Result<Vec<u8>, String> {
    let file = File::open(&source.path).map_err(|e| format!("it cannot be read: {e}"))?;
    if source.gzip {
        bounded(MultiGzDecoder::new(file), MAX_FILE_BYTES)
    } else {
        bounded(file, MAX_FILE_BYTES)
    }
}

fn bounded(reader: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("it cannot be read: {e}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is over {} MiB unpacked", limit >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn folders_are_read_in_order_and_links_to_folders_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        for name in [
            "z.json",
            "b/c/x.NDJSON.gz",
            "b/notes.txt",
            "a.json.gz",
            "noending",
        ] {
            fs::write(root.join(name), b"{}").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
        let found = find(&[root.to_owned()]).unwrap();
        let names: Vec<_> = found
            .sources
            .iter()
            .map(|s| {
                (
                    s.path.strip_prefix(root).unwrap().to_str().unwrap(),
                    s.format,
                    s.gzip,
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                ("a.json.gz", Format::Json, true),
                ("b/c/x.NDJSON.gz", Format::Ndjson, true),
                ("z.json", Format::Json, false),
            ]
        );
        assert_eq!((found.skipped, found.size_bytes()), (3, 6));
    }

    #[test]
    fn what_is_named_must_be_there_and_be_of_a_known_ending() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing.json");
        assert!(matches!(find(&[missing]), Err(CliError::File { .. })));
        let text = dir.path().join("a.txt");
        fs::write(&text, b"").unwrap();
        assert_eq!(find(&[text]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn unpacking_is_bounded_and_damage_is_named() {
        let limit = 1 << 20;
        let zeros = vec![0; limit as usize];
        assert_eq!(
            bounded(MultiGzDecoder::new(&gzip(&zeros)[..]), limit).unwrap(),
            zeros
        );
        let bomb = gzip(&vec![0; limit as usize + 1]);
        assert!(bomb.len() < 2_000);
        assert!(
            bounded(MultiGzDecoder::new(&bomb[..]), limit)
                .unwrap_err()
                .contains("over 1 MiB")
        );
        let cut = &gzip(b"hello hello hello")[..15];
        assert!(
            bounded(MultiGzDecoder::new(cut), limit)
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
