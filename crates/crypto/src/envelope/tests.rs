//! Envelopes open for the right key and context alone; every changed byte is refused.

#![allow(clippy::unwrap_used)]

use alloy_primitives::B256;

use super::*;
use crate::testing::TestRng;
use crate::{CryptoError, RecordKey};

const KEY: [u8; 32] = [7; 32];

fn seal(log2: u8, meta: &[u8], content: &[u8], step: usize) -> Vec<u8> {
    let (key, uid) = (RecordKey::from_bytes(KEY), B256::repeat_byte(1));
    let mut rng = TestRng::new(1);
    let len = content.len() as u64;
    let mut sealer = Sealer::with_segments(log2, &key, &uid, 3, meta, len, &mut rng).unwrap();
    let mut out = Vec::new();
    for piece in content.chunks(step) {
        sealer.update(piece, &mut out).unwrap();
    }
    let expected = sealer.layout().blob_len();
    sealer.finish(&mut out).unwrap();
    assert_eq!(out.len() as u64, expected);
    out
}

fn open(blob: &[u8]) -> Result<Opened, CryptoError> {
    open_envelope(&RecordKey::from_bytes(KEY), &B256::repeat_byte(1), 3, blob)
}

fn opener(blob: &[u8]) -> Opener {
    Opener::new(&RecordKey::from_bytes(KEY), &B256::repeat_byte(1), 3, blob).unwrap()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn padme_is_what_its_paper_says() {
    let cases = [
        (1, 1),
        (2, 2),
        (9, 10),
        (512, 512),
        (513, 544),
        (1000, 1024),
        (65537, 67584),
    ];
    for (length, padded) in cases {
        assert_eq!(padme(length), padded, "{length}");
    }
    for length in 512..5000 {
        let padded = padme(length);
        assert!(padded >= length && padded * 100 <= length * 112, "{length}");
        assert_eq!(padme(padded), padded, "a padded length stays");
    }
    assert_eq!(padme(u64::MAX), u64::MAX);
}

#[test]
fn every_size_around_the_boundaries_survives_whole_in_order_and_by_range() {
    let first = 4096 - 88;
    let other = 4096 - 16;
    let mut sizes: Vec<usize> = vec![0, 1, 499, 500, 501, 1000];
    for edge in [first, first + other, first + 2 * other] {
        sizes.extend((edge - 40)..(edge + 10));
    }
    sizes.extend([first * 9, 131_072, 131_073]);
    for size in sizes {
        let (meta, content) = (bytes(17), bytes(size));
        let blob = seal(12, &meta, &content, 1 + size / 3);
        let opened = open(&blob).unwrap();
        assert_eq!(
            (opened.meta(), opened.content()),
            (&meta[..], &content[..]),
            "{size}"
        );

        let mut stream = StreamOpener::new(opener(&blob));
        let mut read = Vec::new();
        let mut start = HEADER_BYTES;
        for end in (4096..blob.len()).step_by(4096).chain([blob.len()]) {
            read.extend_from_slice(&stream.segment(&blob[start..end]).unwrap());
            start = end;
        }
        let layout = *stream.layout().unwrap();
        assert_eq!(read, content);
        assert_eq!(stream.finish().unwrap().as_slice(), meta);

        let size = size as u64;
        for range in [
            0..size,
            0..size.min(1),
            size / 2..size,
            size / 3..size / 2,
            size..size,
        ] {
            let opener = opener(&blob);
            let mut got = Vec::new();
            for index in layout.segments_of_content(range.clone()).unwrap() {
                let place = layout.segment_in_blob(index);
                let sealed = &blob[place.start as usize..place.end as usize];
                let plain = opener
                    .open_segment(index, layout.is_last(index), sealed)
                    .unwrap();
                got.extend_from_slice(&plain[layout.content_in_segment(index, range.clone())]);
            }
            assert_eq!(got, content[range.start as usize..range.end as usize]);
        }
    }
}

#[test]
fn metadata_may_be_longer_than_a_segment_but_not_than_its_bound() {
    let meta = bytes(META_MAX_BYTES);
    for content in [bytes(0), bytes(9000)] {
        let blob = seal(12, &meta, &content, 100);
        let opened = open(&blob).unwrap();
        assert_eq!((opened.meta(), opened.content()), (&meta[..], &content[..]));
    }
    let (key, uid) = (RecordKey::from_bytes(KEY), B256::ZERO);
    let long = bytes(META_MAX_BYTES + 1);
    let refused = seal_envelope(&key, &uid, 1, &long, b"", &mut TestRng::new(1));
    assert!(matches!(
        refused,
        Err(CryptoError::TooLarge {
            what: "metadata",
            ..
        })
    ));
}

#[test]
fn the_default_segment_is_one_mebibyte() {
    let (key, uid) = (RecordKey::from_bytes(KEY), B256::repeat_byte(1));
    let content = bytes(3 << 20);
    let blob = seal_envelope(&key, &uid, 3, b"m", &content, &mut TestRng::new(2)).unwrap();
    assert_eq!(blob[5], 20);
    let layout = *Sealer::new(
        &key,
        &uid,
        3,
        b"m",
        content.len() as u64,
        &mut TestRng::new(2),
    )
    .unwrap()
    .layout();
    assert_eq!(layout.segment_in_blob(0), 72..1 << 20);
    assert_eq!(layout.segment_in_blob(1), 1 << 20..2 << 20);
    assert_eq!(open(&blob).unwrap().content(), content);
}

#[test]
fn each_fault_has_its_name() {
    let blob = seal(12, b"meta", &bytes(9000), 9000);
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = blob.clone();
        change(&mut changed);
        open(&changed).unwrap_err()
    };
    assert_eq!(fault(&|b| b[0] = b'X'), CryptoError::EnvelopeMagic);
    assert_eq!(
        fault(&|b| b[4] = 2),
        CryptoError::EnvelopeSuite { found: 2 }
    );
    assert_eq!(
        fault(&|b| b[5] = 25),
        CryptoError::EnvelopeSegmentSize { found: 25 }
    );
    assert_eq!(
        fault(&|b| b[5] = 11),
        CryptoError::EnvelopeSegmentSize { found: 11 }
    );
    assert_eq!(fault(&|b| b[5] = 13), CryptoError::KeyCommitment);
    assert_eq!(fault(&|b| b[7] = 1), CryptoError::EnvelopeReserved);
    assert_eq!(fault(&|b| b[8] ^= 1), CryptoError::KeyCommitment);
    assert_eq!(fault(&|b| b[71] ^= 1), CryptoError::KeyCommitment);
    assert_eq!(fault(&|b| b[72] ^= 1), CryptoError::Segment { index: 0 });
    assert_eq!(fault(&|b| b[4096] ^= 1), CryptoError::Segment { index: 1 });
    assert_eq!(
        fault(&|b| b.truncate(8192)),
        CryptoError::Segment { index: 1 }
    );
    assert_eq!(
        fault(&|b| b.truncate(8200)),
        CryptoError::SegmentLength { index: 2 }
    );
    assert_eq!(
        fault(&|b| b.truncate(72)),
        CryptoError::SegmentLength { index: 0 }
    );
    assert!(matches!(
        fault(&|b| b.truncate(71)),
        CryptoError::Length { .. }
    ));
    assert_eq!(
        fault(&|b| {
            let (a, c) = b.split_at_mut(8192);
            let n = c.len().min(4096);
            a[4096..4096 + n].swap_with_slice(&mut c[..n]);
        }),
        CryptoError::Segment { index: 1 }
    );
}

/// Somebody who has the key may seal anything; lengths and padding are checked all the same.
#[test]
fn a_key_holder_cannot_make_two_readings_of_one_plaintext() {
    use super::header::make;
    let (key, uid) = (RecordKey::from_bytes(KEY), B256::repeat_byte(1));
    let forge = |plaintext: &[u8]| {
        let (header, keys) = make(&key, &uid, 3, 12, &[9; 32]).unwrap();
        let mut blob = header.to_vec();
        blob.extend(keys.cipher.seal(&keys.nonce(0, true), b"", plaintext));
        let streamed = StreamOpener::new(opener(&blob))
            .segment(&blob[72..])
            .map(|_| ());
        (open(&blob).map(|_| ()), streamed)
    };
    let lengths =
        |meta: u32, content: u64| [&meta.to_be_bytes()[..], &content.to_be_bytes()[..]].concat();
    let with = |head: Vec<u8>, len: usize| {
        let mut plaintext = head;
        plaintext.resize(len, 0);
        plaintext
    };
    assert_eq!(forge(&with(lengths(0, 500), 512)), (Ok(()), Ok(())));
    let refused = [
        with(lengths(0, 501), 512),
        with(lengths(0, 100), 513),
        with(lengths(0, 100), 511),
        with(lengths(1, u64::MAX), 512),
        with(lengths(u32::MAX, 0), 512),
        with(lengths(0, 1 << 40), 512),
        vec![0; 11],
        [with(lengths(0, 100), 511), vec![1]].concat(),
    ];
    for plaintext in &refused {
        let (whole, streamed) = forge(plaintext);
        assert!(
            whole.is_err() && streamed.is_err(),
            "{:?}",
            &plaintext[..11]
        );
    }
}

#[test]
fn a_sealer_insists_on_the_announced_length() {
    let (key, uid) = (RecordKey::from_bytes(KEY), B256::ZERO);
    let sealer = || Sealer::new(&key, &uid, 1, b"", 10, &mut TestRng::new(1)).unwrap();
    let mut out = Vec::new();
    let mut long = sealer();
    let fault = CryptoError::ContentLength {
        announced: 10,
        given: 11,
    };
    assert_eq!(long.update(&[0; 11], &mut out), Err(fault));
    let mut short = sealer();
    short.update(&[0; 9], &mut out).unwrap();
    let fault = CryptoError::ContentLength {
        announced: 10,
        given: 9,
    };
    assert_eq!(short.finish(&mut out), Err(fault));
    let huge = Sealer::new(&key, &uid, 1, b"", u64::MAX - 3, &mut TestRng::new(1));
    assert!(matches!(huge, Err(CryptoError::SegmentCount)));
}

#[test]
fn a_stream_that_stops_early_is_noticed() {
    let blob = seal(12, b"m", &bytes(9000), 9000);
    let mut stream = StreamOpener::new(opener(&blob));
    assert!(stream.meta().is_none());
    stream.segment(&blob[72..4096]).unwrap();
    assert_eq!(stream.meta(), Some(&b"m"[..]));
    assert_eq!(
        stream.finish().unwrap_err(),
        CryptoError::SegmentLength { index: 1 }
    );
}
