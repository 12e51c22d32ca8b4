//! Looking for bytes in a process, in a folder, and in what was logged.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const WINDOW_BYTES: usize = 8 << 20;

/// Something to look for.
pub(super) struct Needle {
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Needle {
    pub(super) fn new(what: &'static str, bytes: impl Into<Vec<u8>>) -> Needle {
        Needle {
            what,
            bytes: bytes.into(),
        }
    }
}

/// Names of the needles that are in a stretch of bytes.
fn find_in(haystack: &[u8], needles: &[Needle], found: &mut Vec<&'static str>) {
    for needle in needles {
        let (first, bytes) = (needle.bytes[0], &needle.bytes[..]);
        let mut from = 0;
        while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
            from += at;
            if haystack[from..].starts_with(bytes) {
                found.push(needle.what);
                break;
            }
            from += 1;
        }
    }
}

/// Reads up to `length` bytes in windows that overlap by the longest needle.
fn scan(mut source: impl Read, needles: &[Needle], found: &mut Vec<&'static str>) -> u64 {
    let overlap = needles
        .iter()
        .map(|needle| needle.bytes.len())
        .max()
        .unwrap();
    let mut window = Vec::with_capacity(WINDOW_BYTES + overlap);
    let mut total = 0;
    loop {
        let taken = source
            .by_ref()
            .take(WINDOW_BYTES as u64)
            .read_to_end(&mut window)
            .unwrap_or(0);
        if taken == 0 {
            return total;
        }
        total += taken as u64;
        find_in(&window, needles, found);
        window.drain(..window.len().saturating_sub(overlap));
    }
}

/// Which needles are in some file under `dir`.
pub(super) fn in_files(dir: &Path, needles: &[Needle]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for path in files(dir) {
        scan(File::open(path).unwrap(), needles, &mut found);
    }
    tidy(found)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Which needles are in the readable memory of a child process.
pub(super) fn in_process(pid: u32, needles: &[Needle]) -> Vec<&'static str> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let (mut found, mut read) = (Vec::new(), 0);
    for line in maps
        .lines()
        .filter(|line| line.contains(" r") && !line.ends_with("[vvar]"))
    {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        if memory.seek(SeekFrom::Start(from)).is_ok() {
            read += scan((&mut memory).take(to - from), needles, &mut found);
        }
    }
    assert!(
        read > 1 << 20,
        "a running node has more than {read} readable bytes"
    );
    tidy(found)
}

fn tidy(mut found: Vec<&'static str>) -> Vec<&'static str> {
    found.sort_unstable();
    found.dedup();
    found
}
