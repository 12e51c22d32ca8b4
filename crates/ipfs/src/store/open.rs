//! Opening a folder: lock, format version, scan of the segments, reconciliation with the flat files.
//!
//! ```text
//! DIR/LOCK        held by the process that has the store open
//! DIR/FORMAT      "carechain-ipfs 1\n"
//! DIR/segments/   see `segment`
//! DIR/flat/       DIGEST.blk: one large block each
//! ```
//!
//! A flat file without a frame is either what a crash left before its acknowledgement or one whose frame
//! was lost to damage. They cannot be told apart, so it is kept and recorded as a file put now; a sweep
//! of files that nothing refers to removes it later. A file whose removal is on record is unlinked.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::disk::Disk;
use super::folder::{check_format, lock, make_dir, remove_temps};
use super::index::{Entry, Place};
use super::segment::{
    Frame, Kind, NODE, ROOT_RAW, SEGMENT_HEADER_BYTES, Scan, Step, decode_header, file_name,
    number_of,
};
use super::shared::{Shared, flat_digest};
use super::types::{Damage, OpenReport, StoreConfig};
use super::writer::{Tail, Writer, new_segment};
use crate::dag::{CHUNK_BYTES, DAG_PB, Node, RAW, Sha256Digest, cid_from_digest, digest_of};
use crate::error::IpfsError;

/// An opened folder.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) lock: File,
    pub(crate) report: OpenReport,
}

pub(crate) fn open(
    dir: &Path,
    config: StoreConfig,
    disk: Arc<dyn Disk>,
) -> Result<Opened, IpfsError> {
    make_dir(dir).map_err(IpfsError::open("making the folder"))?;
    let lock = lock(dir)?;
    check_format(dir, &*disk)?;
    let shared = Arc::new(Shared::new(
        dir,
        disk,
        config.clock_ms,
        config.segment_bytes,
    ));
    for sub in [shared.segments_dir(), shared.flat_dir()] {
        make_dir(&sub).map_err(IpfsError::open("making a folder"))?;
        remove_temps(&sub).map_err(IpfsError::open("removing temporary files"))?;
    }
    shared
        .disk
        .sync_dir(dir)
        .map_err(IpfsError::open("sync of the folder"))?;

    let mut replay = Replay {
        shared: &shared,
        report: OpenReport::default(),
        suspects: HashMap::new(),
        removed: HashSet::new(),
    };
    let tail = replay.segments()?;
    replay.nodes();
    let strays = replay
        .flat_files()
        .map_err(IpfsError::open("listing the flat files"))?;
    let report = replay.finish();
    let mut writer = Writer::new(shared.clone(), tail);
    adopt(&mut writer, &strays)?;
    Ok(Opened {
        shared,
        writer,
        lock,
        report: OpenReport {
            adopted: strays.len() as u64,
            ..report
        },
    })
}

/// Records flat files that have no frame as files put now.
fn adopt(writer: &mut Writer, strays: &[(Sha256Digest, u64)]) -> Result<(), IpfsError> {
    let put_at_ms = (writer.shared.clock_ms)();
    for (digest, size) in strays {
        writer.frame(Kind::Flat, ROOT_RAW, put_at_ms, *size, *digest, &[]);
    }
    writer.flush()?;
    let mut index = writer.shared.index.write();
    for (digest, size) in strays {
        let entry = Entry {
            place: Place::Flat,
            size: *size,
            put_at_ms,
            flags: ROOT_RAW,
            damaged: false,
        };
        index.set(*digest, entry, None);
    }
    Ok(())
}

/// Rebuilds the index.
struct Replay<'a> {
    shared: &'a Shared,
    report: OpenReport,
    /// Damaged frames, by block: reported unless a later frame heals or removes the block.
    suspects: HashMap<Sha256Digest, (u64, u64)>,
    /// Blocks with a removal on record.
    removed: HashSet<Sha256Digest>,
}

impl Replay<'_> {
    /// Scans all segments and returns the one to go on with.
    fn segments(&mut self) -> Result<Tail, IpfsError> {
        let dir = self.shared.segments_dir();
        let mut numbers = Vec::new();
        for item in fs::read_dir(&dir).map_err(IpfsError::open("listing the segments"))? {
            let name = item
                .map_err(IpfsError::open("listing the segments"))?
                .file_name();
            numbers.extend(name.to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        let Some(last) = numbers.last().copied() else {
            return new_segment(self.shared, 1)
                .map_err(IpfsError::open("beginning the first segment"));
        };
        let mut tail = None;
        for number in numbers {
            let file = File::options()
                .read(true)
                .append(true)
                .open(dir.join(file_name(number)));
            let file = Arc::new(file.map_err(IpfsError::open("opening a segment"))?);
            let salt = read_salt(&file, number)?;
            let scan = Scan::new(&file, salt, number == last)
                .map_err(IpfsError::open("reading a segment"))?;
            self.scan(number, scan, &file)?;
            let len = file
                .metadata()
                .map_err(IpfsError::open("reading a segment"))?
                .len();
            self.shared.segment_total.fetch_add(len, Ordering::Relaxed);
            self.shared.segments.write().insert(number, file.clone());
            tail = Some(Tail {
                number,
                salt,
                file,
                len,
            });
        }
        Ok(tail.expect("there is at least one segment"))
    }

    fn scan(&mut self, number: u64, mut scan: Scan<'_>, file: &File) -> Result<(), IpfsError> {
        self.report.segments += 1;
        while let Some(step) = scan.next().map_err(IpfsError::open("reading a segment"))? {
            match step {
                Step::Frame {
                    frame,
                    payload_at,
                    payload,
                } => {
                    self.report.frames += 1;
                    self.apply(number, &frame, payload_at, payload);
                }
                Step::Lost { offset, bytes } => {
                    self.report.damage.push(Damage {
                        segment: number,
                        offset,
                        bytes,
                        block: None,
                    });
                }
                Step::TornTail { offset, bytes } => {
                    file.set_len(offset)
                        .map_err(IpfsError::open("cutting a torn tail"))?;
                    self.shared
                        .disk
                        .sync_data(file)
                        .map_err(IpfsError::open("cutting a torn tail"))?;
                    self.report.cut_bytes = bytes;
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, number: u64, frame: &Frame, payload_at: u64, payload: Option<&[u8]>) {
        let mut index = self.shared.index.write();
        let Frame {
            digest,
            flags,
            size,
            time_ms: put_at_ms,
            ..
        } = *frame;
        match frame.kind {
            Kind::Block | Kind::Flat => {
                let damaged = payload.is_none();
                let place = match frame.kind {
                    Kind::Flat => Place::Flat,
                    Kind::Block | Kind::Mark | Kind::Remove => Place::Segment {
                        number,
                        offset: payload_at,
                    },
                };
                let children = payload
                    .filter(|_| flags & NODE != 0)
                    .and_then(|bytes| children(&digest, bytes));
                index.set(
                    digest,
                    Entry {
                        place,
                        size,
                        put_at_ms,
                        flags,
                        damaged,
                    },
                    children,
                );
                self.removed.remove(&digest);
                if damaged {
                    self.suspects.insert(digest, (number, payload_at));
                }
            }
            Kind::Mark => {
                if let Some(old) = index.get(&digest).copied() {
                    index.set(
                        digest,
                        Entry {
                            flags,
                            put_at_ms,
                            ..old
                        },
                        None,
                    );
                }
            }
            Kind::Remove => {
                index.remove(&digest);
                self.removed.insert(digest);
            }
        }
    }

    /// Reads the children of blocks that became nodes by a later mark.
    fn nodes(&mut self) {
        let mut index = self.shared.index.write();
        let unread: Vec<_> = index
            .after(None)
            .filter(|(digest, entry)| {
                entry.flags & NODE != 0 && !entry.damaged && !index.knows_children(digest)
            })
            .map(|(digest, entry)| (*digest, *entry))
            .collect();
        drop(index);
        for (digest, entry) in unread {
            let bytes = self.shared.read_block(&cid_from_digest(DAG_PB, &digest));
            index = self.shared.index.write();
            if let Some(children) = bytes.ok().and_then(|bytes| children(&digest, &bytes)) {
                index.set(digest, entry, Some(children));
            }
        }
    }

    /// Compares the index with the flat files; returns files that no frame mentions.
    fn flat_files(&mut self) -> io::Result<Vec<(Sha256Digest, u64)>> {
        let mut strays = Vec::new();
        let mut sizes = HashMap::new();
        for item in fs::read_dir(self.shared.flat_dir())? {
            let item = item?;
            let Some(digest) = item.file_name().to_str().and_then(flat_digest) else {
                continue;
            };
            let size = item.metadata()?.len();
            let known = self
                .shared
                .index
                .read()
                .get(&digest)
                .is_some_and(|entry| entry.place == Place::Flat);
            if known {
                sizes.insert(digest, size);
            } else if self.removed.contains(&digest) || size > CHUNK_BYTES as u64 {
                fs::remove_file(item.path())?;
            } else {
                strays.push((digest, size));
            }
        }
        let mut index = self.shared.index.write();
        let bad: Vec<_> = index
            .after(None)
            .filter(|(digest, entry)| {
                entry.place == Place::Flat && sizes.get(*digest) != Some(&entry.size)
            })
            .map(|(digest, _)| *digest)
            .collect();
        for digest in bad {
            index.set_damaged(&digest);
            self.suspects.insert(digest, (0, 0));
        }
        Ok(strays)
    }

    fn finish(mut self) -> OpenReport {
        let index = self.shared.index.read();
        for (digest, (segment, offset)) in self.suspects {
            if let Some(entry) = index.get(&digest).filter(|entry| entry.damaged) {
                let codec = if entry.flags & NODE != 0 { DAG_PB } else { RAW };
                let block = Some(cid_from_digest(codec, &digest));
                self.report.damage.push(Damage {
                    segment,
                    offset,
                    bytes: entry.size,
                    block,
                });
            }
        }
        self.report
            .damage
            .sort_unstable_by_key(|damage| (damage.segment, damage.offset));
        if self.report.cut_bytes > 0 || !self.report.damage.is_empty() {
            tracing::warn!(
                cut_bytes = self.report.cut_bytes,
                damaged = self.report.damage.len(),
                "the content store opened with a cut tail or with damage"
            );
        }
        self.report
    }
}

fn read_salt(file: &File, number: u64) -> Result<[u8; 16], IpfsError> {
    use std::os::unix::fs::FileExt as _;
    let mut header = [0; SEGMENT_HEADER_BYTES];
    let bad = || IpfsError::BadFormat {
        what: format!("both headers of segment {} are damaged", file_name(number)),
    };
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => decode_header(&header, number).ok_or_else(bad),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(bad()),
        Err(error) => Err(IpfsError::open("reading a segment's header")(error)),
    }
}

fn children(digest: &Sha256Digest, bytes: &[u8]) -> Option<Box<[Sha256Digest]>> {
    let node = Node::decode(&cid_from_digest(DAG_PB, digest), bytes).ok()?;
    node.links
        .iter()
        .map(|link| digest_of(&link.cid).ok())
        .collect()
}
