//! The format, torn tails, damage.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    genesis::Genesis,
    seal::ValidatorKey,
    validate::validate,
    wallet::{CHAIN_ID, Wallet},
};
use std::sync::Arc;

const GENESIS: B256 = B256::repeat_byte(7);

fn block(number: u64) -> ExecutedBlock {
    let txs = (0..number % 3)
        .map(|nonce| {
            Arc::new(
                validate(
                    &Wallet::new("wal").call(nonce, Address::ZERO, b"x"),
                    CHAIN_ID,
                )
                .unwrap(),
            )
        })
        .collect();
    let genesis = Genesis::new(CHAIN_ID, "wal", number, Address::ZERO);
    let mut header = genesis.header();
    header.number = number;
    ExecutedBlock {
        hash: header.hash_slow(),
        header,
        txs,
        receipts: Vec::new(),
    }
}

fn certificate(block: &ExecutedBlock) -> Certificate {
    let key = ValidatorKey::from_bytes(&[1; 32]).unwrap();
    let genesis = Genesis::new(CHAIN_ID, "wal", 0, key.address());
    Certificate::sign(&key, &genesis, GENESIS, block.header.number, block.hash)
}

fn wal(dir: &Path) -> Result<(Vec<u64>, Wal), ChainError> {
    let mut replay = open(dir, GENESIS)?;
    let mut numbers = Vec::new();
    while let Some(record) = replay.next()? {
        assert_eq!(record.senders.len(), record.block.body.transactions.len());
        numbers.push(record.block.header.number);
    }
    Ok((numbers, replay.into_wal(|file| Box::new(file))?))
}

/// Writes blocks 0.. in groups of these sizes and returns where each record ends.
fn write(dir: &Path, groups: &[u64]) -> Vec<usize> {
    let (_, mut wal) = wal(dir).unwrap();
    let mut ends = vec![FILE_HEADER_BYTES];
    let mut number = 0;
    for group in groups {
        let blocks: Vec<_> = (number..number + group).map(block).collect();
        let certificates: Vec<_> = blocks.iter().map(certificate).collect();
        wal.append_group(blocks.iter().zip(&certificates)).unwrap();
        for (block, certificate) in blocks.iter().zip(&certificates) {
            let len = payload(&block.encode(), block, certificate).len();
            ends.push(ends.last().unwrap() + RECORD_HEADER_BYTES + len);
        }
        number += group;
    }
    assert_eq!(
        fs::metadata(dir.join(LOG_FILE)).unwrap().len(),
        *ends.last().unwrap() as u64
    );
    ends
}

#[test]
fn blocks_encode_as_ethereum_does() {
    for number in 0..3 {
        let block = block(number);
        let encoded = block.encode();
        assert_eq!(encoded, alloy_rlp::encode(block.block()));
        assert_eq!(
            Block::decode(&mut encoded.as_slice()).unwrap(),
            block.block()
        );
    }
}

#[test]
fn reads_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[1, 3, 2]);
    assert_eq!(wal(dir.path()).unwrap().0, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn every_cut_keeps_all_whole_records() {
    let dir = tempfile::tempdir().unwrap();
    let ends = write(dir.path(), &[1, 2, 1]);
    let path = dir.path().join(LOG_FILE);
    let whole = fs::read(&path).unwrap();
    // Around the ends of records and of their headers every byte, between them some.
    let near = |cut: &usize| {
        ends.iter()
            .any(|end| cut.abs_diff(*end) <= RECORD_HEADER_BYTES + 2)
    };
    let cuts = (FILE_HEADER_BYTES..=whole.len()).filter(|cut| near(cut) || cut.is_multiple_of(41));
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = ends.iter().filter(|end| **end <= cut).count() as u64 - 1;
        let (numbers, _) = wal(dir.path()).unwrap();
        assert_eq!(numbers, (0..kept).collect::<Vec<_>>(), "cut at {cut}");
        let len = fs::metadata(&path).unwrap().len();
        assert_eq!(
            len,
            ends[usize::try_from(kept).unwrap()] as u64,
            "the torn end is gone"
        );
    }
}

#[test]
fn damage_before_a_later_sync_is_refused_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let ends = write(dir.path(), &[1, 2, 1]);
    let path = dir.path().join(LOG_FILE);
    let whole = fs::read(&path).unwrap();
    // Everything before the last group was synced before the last group was written.
    let synced = ends[3];
    for at in FILE_HEADER_BYTES..synced {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        let error = wal(dir.path()).map(|_| ()).unwrap_err();
        assert!(
            matches!(error, ChainError::DamagedLog { .. }),
            "byte {at}: {error}"
        );
        assert_eq!(
            fs::read(&path).unwrap(),
            damaged,
            "nothing is cut from a damaged log"
        );
    }
}

#[test]
fn a_torn_group_is_cut_even_with_good_records_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let ends = write(dir.path(), &[1, 3]);
    let path = dir.path().join(LOG_FILE);
    let mut torn = fs::read(&path).unwrap();
    // The first record of a group that was never synced is bad, later ones of it are good.
    torn[ends[1] + RECORD_HEADER_BYTES + 5] ^= 1;
    fs::write(&path, &torn).unwrap();
    assert_eq!(wal(dir.path()).unwrap().0, [0]);
    assert_eq!(fs::metadata(&path).unwrap().len(), ends[1] as u64);
}

#[test]
fn goes_on_after_a_cut() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[1, 1]);
    let path = dir.path().join(LOG_FILE);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (numbers, mut log) = wal(dir.path()).unwrap();
    assert_eq!(numbers, [0]);
    let next = block(9);
    log.append_group(std::iter::once((&next, &certificate(&next))))
        .unwrap();
    drop(log);
    assert_eq!(wal(dir.path()).unwrap().0, [0, 9]);
}

#[test]
fn refuses_foreign_newer_and_broken_headers() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[1]);
    let path = dir.path().join(LOG_FILE);
    let whole = fs::read(&path).unwrap();
    assert!(matches!(
        open(dir.path(), B256::ZERO).map(|_| ()),
        Err(ChainError::ForeignLog { .. })
    ));
    let mut newer = whole.clone();
    newer[8] = 2;
    let sum = first8(keccak256(&newer[..SUM_AT]));
    newer[SUM_AT..FILE_HEADER_BYTES].copy_from_slice(&sum);
    fs::write(&path, &newer).unwrap();
    assert!(matches!(
        open(dir.path(), GENESIS).map(|_| ()),
        Err(ChainError::NewerLog {
            found: 2,
            supported: 1,
            ..
        })
    ));
    for at in 0..FILE_HEADER_BYTES {
        let mut broken = whole.clone();
        broken[at] ^= 1;
        fs::write(&path, &broken).unwrap();
        assert!(open(dir.path(), GENESIS).is_err(), "byte {at}");
    }
    fs::write(&path, &whole[..20]).unwrap();
    assert!(matches!(
        open(dir.path(), GENESIS).map(|_| ()),
        Err(ChainError::DamagedLog { .. })
    ));
}

#[test]
fn the_folder_is_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock(dir.path()).unwrap();
    assert!(matches!(lock(dir.path()), Err(ChainError::Locked(_))));
    drop(held);
    lock(dir.path()).unwrap();
}

/// What somebody who sends transactions can put into one: bytes that look like a record of a later sync.
fn imitation(salt: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend_from_slice(RECORD_MAGIC);
    record.extend_from_slice(&4u32.to_le_bytes());
    record.extend_from_slice(&u64::MAX.to_le_bytes());
    let sum = first8(keccak256([salt, &record, b"fake"].concat()));
    record.extend_from_slice(&sum);
    record.extend_from_slice(b"fake");
    record
}

#[test]
fn a_call_that_imitates_a_record_does_not_turn_a_torn_end_into_damage() {
    for salt in [&[][..], &[0; 16]] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[1]);
        let (_, mut log) = wal(dir.path()).unwrap();
        let call = Wallet::new("wal").call(0, Address::ZERO, &imitation(salt));
        let mut next = block(1);
        next.txs = vec![Arc::new(validate(&call, CHAIN_ID).unwrap())];
        log.append_group(std::iter::once((&next, &certificate(&next))))
            .unwrap();
        drop(log);
        let path = dir.path().join(LOG_FILE);
        let whole = fs::read(&path).unwrap();
        let fake = imitation(salt);
        assert!(whole.windows(fake.len()).any(|w| w == fake));
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(wal(dir.path()).unwrap().0, [0], "the torn block is cut");
    }
}
