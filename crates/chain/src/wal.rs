//! The write-ahead log: the only file that holds the chain, and the only place that syncs it.
//!
//! # Format, byte by byte
//!
//! Numbers are little endian. A checksum is the first 8 bytes of keccak256 over what it covers.
//!
//! ```text
//! file header, 72 bytes
//!   0   8  magic "CARELOG\n"
//!   8   4  format version, 1
//!  12   4  reserved, 0
//!  16  32  genesis hash
//!  48  16  salt, random
//!  64   8  checksum of bytes 0..64
//!
//! record, repeated
//!   0   4  magic "CREC"
//!   4   4  length of the payload
//!   8   8  durable: the file's length at the last sync before this record was written
//!  16   8  checksum of the salt, bytes 0..16 of the record and the payload
//!  24   n  payload: RLP list of
//!            block         an Ethereum block: list of header, transactions, ommers, withdrawals
//!            senders       list of the transactions' senders, which saves recovering them again
//!            certificate   byte string, see `seal`
//! ```
//!
//! # A damaged tail and a damaged log
//!
//! A crash can tear the records after the last sync; nobody was told of them, so they are cut off.
//! Whether a bad record was ever durable is known exactly: some good record behind it says in
//! `durable` that the file had been synced beyond it. Then the log is damaged, and opening refuses.
//! Damage to the very last synced group cannot be told from a torn write; that is what copies are for.
//! The salt, which nobody outside knows, keeps call data that imitates a record from being read as one:
//! else a sender could make a torn end look like damage, and the node refuse to start.
//!
//! It refuses a log of another genesis and a log with a newer version.

mod replay;

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{
    block::{Block, ExecutedBlock},
    error::ChainError,
    seal::Certificate,
};

pub(crate) use replay::Replay;

/// Version of the log's format.
pub const LOG_VERSION: u32 = 1;
/// Largest payload of a record.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;
/// Name of the log inside the data folder.
pub const LOG_FILE: &str = "blocks.log";

const FILE_MAGIC: &[u8; 8] = b"CARELOG\n";
pub(crate) const FILE_HEADER_BYTES: usize = 72;
const SALT_AT: usize = 48;
const SUM_AT: usize = 64;
const RECORD_MAGIC: &[u8; 4] = b"CREC";
pub(crate) const RECORD_HEADER_BYTES: usize = 24;

/// What keeps a log's records from being imitated.
pub(crate) type Salt = [u8; SUM_AT - SALT_AT];

/// What the log writes to. The real one is a file; tests put a failing one in its place.
pub(crate) trait LogFile: Send {
    /// Writes all bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything appended is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl LogFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A record as it was read.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) block: Block,
    pub(crate) senders: Vec<Address>,
    pub(crate) certificate: Certificate,
    /// Length of the block's RLP.
    pub(crate) size: usize,
}

/// The log, open for writing.
pub(crate) struct Wal {
    file: Box<dyn LogFile>,
    salt: Salt,
    /// The file's length at the last sync.
    durable: u64,
    failed: bool,
    buffer: Vec<u8>,
}

impl Wal {
    /// Appends the blocks and returns the length of each block's RLP, **after** one sync for all.
    ///
    /// Nothing may be shown to anybody before this returns. An error is final: what the disk holds is
    /// unknown, so every later call fails too.
    pub(crate) fn append_group<'a>(
        &mut self,
        group: impl Iterator<Item = (&'a ExecutedBlock, &'a Certificate)>,
    ) -> io::Result<Vec<usize>> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.buffer.clear();
        let mut sizes = Vec::new();
        for (block, certificate) in group {
            let encoded = block.encode();
            sizes.push(encoded.len());
            put_record(
                &mut self.buffer,
                &self.salt,
                self.durable,
                &payload(&encoded, block, certificate),
            );
        }
        self.failed = true;
        self.file.append(&self.buffer)?;
        self.file.sync()?;
        self.failed = false;
        self.durable += self.buffer.len() as u64;
        Ok(sizes)
    }
}

fn payload(encoded: &[u8], block: &ExecutedBlock, certificate: &Certificate) -> Vec<u8> {
    let senders: Vec<Address> = block.txs.iter().map(|tx| tx.sender).collect();
    let payload_length = encoded.len() + senders.length() + certificate.as_bytes().length();
    let mut out = Vec::with_capacity(payload_length + 9);
    Header {
        list: true,
        payload_length,
    }
    .encode(&mut out);
    out.extend_from_slice(encoded);
    senders.encode(&mut out);
    certificate.as_bytes().encode(&mut out);
    out
}

fn put_record(out: &mut Vec<u8>, salt: &Salt, durable: u64, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(RECORD_MAGIC);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    let sum = record_checksum(salt, &out[start..], payload);
    out.extend_from_slice(&sum);
    out.extend_from_slice(payload);
}

fn record_checksum(salt: &Salt, head: &[u8], payload: &[u8]) -> [u8; 8] {
    let mut hasher = alloy_primitives::Keccak256::new();
    hasher.update(salt);
    hasher.update(&head[..16]);
    hasher.update(payload);
    first8(hasher.finalize())
}

fn first8(hash: B256) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&hash[..8]);
    sum
}

fn decode_payload(mut bytes: &[u8]) -> alloy_rlp::Result<Record> {
    let header = Header::decode(&mut bytes)?;
    if !header.list || header.payload_length != bytes.len() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    let before = bytes.len();
    let block = Block::decode(&mut bytes)?;
    let size = before - bytes.len();
    let senders = Vec::<Address>::decode(&mut bytes)?;
    let certificate = Certificate::from_bytes(Decodable::decode(&mut bytes)?);
    if !bytes.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(Record {
        block,
        senders,
        certificate,
        size,
    })
}

/// A log that is open: replay it to its end, then turn it into a [`Wal`].
pub(crate) fn open(dir: &Path, genesis_hash: B256) -> Result<Replay, ChainError> {
    let path = dir.join(LOG_FILE);
    if !path.exists() {
        create(&path, genesis_hash)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|e| ChainError::io("opening log", &path, &e))?;
    let salt = check_header(&mut file, &path, genesis_hash)?;
    Replay::new(file, path, salt)
}

/// Makes an empty log that is whole from the moment its name exists.
fn create(path: &Path, genesis_hash: B256) -> Result<(), ChainError> {
    let fail = |e: &io::Error| ChainError::io("creating log", path, e);
    let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
    header.extend_from_slice(FILE_MAGIC);
    header.extend_from_slice(&LOG_VERSION.to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(genesis_hash.as_slice());
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(|e| fail(&io::Error::other(e.to_string())))?;
    header.extend_from_slice(&salt);
    header.extend_from_slice(&first8(keccak256(&header)));
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary).map_err(|e| fail(&e))?;
    file.write_all(&header)
        .and_then(|()| file.sync_all())
        .map_err(|e| fail(&e))?;
    fs::rename(&temporary, path).map_err(|e| fail(&e))?;
    sync_parent(path).map_err(|e| fail(&e))
}

/// Makes the name of a file durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn check_header(file: &mut File, path: &Path, genesis_hash: B256) -> Result<Salt, ChainError> {
    let damaged = |reason: &str| ChainError::DamagedLog {
        path: path.into(),
        offset: 0,
        reason: reason.into(),
    };
    let mut header = [0u8; FILE_HEADER_BYTES];
    file.seek(SeekFrom::Start(0))
        .map_err(|e| ChainError::io("reading log", path, &e))?;
    file.read_exact(&mut header)
        .map_err(|_| damaged("its header is cut short"))?;
    if header[..8] != *FILE_MAGIC {
        return Err(damaged("it does not begin as a log of blocks"));
    }
    if header[SUM_AT..] != first8(keccak256(&header[..SUM_AT])) {
        return Err(damaged("the checksum of its header does not match"));
    }
    let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if found > LOG_VERSION {
        return Err(ChainError::NewerLog {
            path: path.into(),
            found,
            supported: LOG_VERSION,
        });
    }
    if found == 0 {
        return Err(damaged("format version 0 does not exist"));
    }
    let found = B256::from_slice(&header[16..SALT_AT]);
    if found != genesis_hash {
        return Err(ChainError::ForeignLog {
            path: path.into(),
            found,
            expected: genesis_hash,
        });
    }
    let mut salt = Salt::default();
    salt.copy_from_slice(&header[SALT_AT..SUM_AT]);
    Ok(salt)
}

/// Takes the data folder for this process alone; the lock goes with the returned file.
pub(crate) fn lock(dir: &Path) -> Result<File, ChainError> {
    let path: PathBuf = dir.join("chain.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| ChainError::io("opening lock", &path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ChainError::Locked(dir.into())),
        Err(fs::TryLockError::Error(e)) => Err(ChainError::io("locking", &path, &e)),
    }
}

#[cfg(test)]
mod tests;
