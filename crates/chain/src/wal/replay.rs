//! Reading the log from its start: good records, then a clean end, a torn tail, or damage.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use super::{
    FILE_HEADER_BYTES, LogFile, MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RECORD_MAGIC, Record, Salt,
    Wal, decode_payload, record_checksum,
};
use crate::error::ChainError;

const SCAN_BYTES: usize = 1024 * 1024;

/// A log being replayed.
pub(crate) struct Replay {
    reader: BufReader<File>,
    path: PathBuf,
    salt: Salt,
    /// Where the next record begins.
    offset: u64,
    end: u64,
}

enum Next {
    Record(Box<Record>),
    End,
    Bad(&'static str),
}

impl Replay {
    pub(super) fn new(file: File, path: PathBuf, salt: Salt) -> Result<Self, ChainError> {
        let end = file
            .metadata()
            .map_err(|e| ChainError::io("reading log", &path, &e))?
            .len();
        let mut reader = BufReader::with_capacity(SCAN_BYTES, file);
        let offset = FILE_HEADER_BYTES as u64;
        reader
            .seek(SeekFrom::Start(offset))
            .map_err(|e| ChainError::io("reading log", &path, &e))?;
        Ok(Self {
            reader,
            path,
            salt,
            offset,
            end,
        })
    }

    /// The next block; none at the end of what was ever durable. A torn tail is cut off here.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ChainError> {
        match self
            .read()
            .map_err(|e| ChainError::io("reading log", &self.path, &e))?
        {
            Next::Record(record) => Ok(Some(*record)),
            Next::End => Ok(None),
            Next::Bad(reason) => {
                let later = self
                    .synced_beyond()
                    .map_err(|e| ChainError::io("reading log", &self.path, &e))?;
                if later {
                    return Err(
                        self.damaged(format!("{reason}, and later records were synced after it"))
                    );
                }
                self.cut().map_err(|e| {
                    ChainError::io("cutting the torn end of the log", &self.path, &e)
                })?;
                Ok(None)
            }
        }
    }

    /// What is wrong with the record that was read last.
    pub(crate) fn damaged(&self, reason: String) -> ChainError {
        ChainError::DamagedLog {
            path: self.path.clone(),
            offset: self.offset,
            reason,
        }
    }

    /// The log for writing, after [`Replay::next`] has returned none.
    pub(crate) fn into_wal(
        self,
        wrap: impl FnOnce(File) -> Box<dyn LogFile>,
    ) -> Result<Wal, ChainError> {
        let mut file = self.reader.into_inner();
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.sync_data())
            .map_err(|e| ChainError::io("opening log", &self.path, &e))?;
        Ok(Wal {
            file: wrap(file),
            salt: self.salt,
            durable: self.offset,
            failed: false,
            buffer: Vec::new(),
        })
    }

    fn read(&mut self) -> io::Result<Next> {
        let left = self.end - self.offset;
        if left == 0 {
            return Ok(Next::End);
        }
        if left < RECORD_HEADER_BYTES as u64 {
            return Ok(Next::Bad("its header is cut short"));
        }
        let mut head = [0u8; RECORD_HEADER_BYTES];
        self.reader.read_exact(&mut head)?;
        if head[..4] != *RECORD_MAGIC {
            return Ok(Next::Bad("no record begins here"));
        }
        let len = payload_len(&head);
        if len > MAX_PAYLOAD_BYTES || len as u64 > left - RECORD_HEADER_BYTES as u64 {
            return Ok(Next::Bad("its payload is cut short"));
        }
        let mut payload = vec![0u8; len];
        self.reader.read_exact(&mut payload)?;
        if head[16..24] != record_checksum(&self.salt, &head, &payload) {
            return Ok(Next::Bad("its checksum does not match"));
        }
        let Ok(record) = decode_payload(&payload) else {
            return Ok(Next::Bad("its payload cannot be decoded"));
        };
        self.offset += (RECORD_HEADER_BYTES + len) as u64;
        Ok(Next::Record(Box::new(record)))
    }

    /// True if a good record anywhere behind `offset` was written after a sync beyond `offset`.
    fn synced_beyond(&self) -> io::Result<bool> {
        let file = self.reader.get_ref();
        let mut window = vec![0u8; SCAN_BYTES];
        let mut at = self.offset + 1;
        while at + RECORD_HEADER_BYTES as u64 <= self.end {
            let want = SCAN_BYTES.min(usize::try_from(self.end - at).unwrap_or(SCAN_BYTES));
            file.read_exact_at(&mut window[..want], at)?;
            for start in memory_positions(&window[..want]) {
                if self.is_synced_record(file, at + start as u64)? {
                    return Ok(true);
                }
            }
            // Windows overlap, so that a magic across their border is seen.
            at += (want - (RECORD_MAGIC.len() - 1)).max(1) as u64;
        }
        Ok(false)
    }

    fn is_synced_record(&self, file: &File, at: u64) -> io::Result<bool> {
        let left = self.end - at;
        if left < RECORD_HEADER_BYTES as u64 {
            return Ok(false);
        }
        let mut head = [0u8; RECORD_HEADER_BYTES];
        file.read_exact_at(&mut head, at)?;
        let mut durable = [0u8; 8];
        durable.copy_from_slice(&head[8..16]);
        let len = payload_len(&head);
        if u64::from_le_bytes(durable) <= self.offset
            || len > MAX_PAYLOAD_BYTES
            || len as u64 > left - RECORD_HEADER_BYTES as u64
        {
            return Ok(false);
        }
        let mut payload = vec![0u8; len];
        file.read_exact_at(&mut payload, at + RECORD_HEADER_BYTES as u64)?;
        Ok(head[16..24] == record_checksum(&self.salt, &head, &payload))
    }

    /// Cuts the file at `offset`, durably.
    fn cut(&mut self) -> io::Result<()> {
        tracing::warn!(
            offset = self.offset,
            bytes = self.end - self.offset,
            "cutting the end of the log, which was never synced"
        );
        let file = self.reader.get_ref();
        file.set_len(self.offset)?;
        file.sync_all()?;
        self.end = self.offset;
        Ok(())
    }
}

fn payload_len(head: &[u8; RECORD_HEADER_BYTES]) -> usize {
    u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize
}

fn memory_positions(window: &[u8]) -> impl Iterator<Item = usize> {
    window
        .windows(RECORD_MAGIC.len())
        .enumerate()
        .filter(|(_, w)| *w == RECORD_MAGIC)
        .map(|(i, _)| i)
}
