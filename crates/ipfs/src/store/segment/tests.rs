//! The format as documented, and scans over damage.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::dag::sha256;
use std::io::Write as _;

fn segment(payloads: &[&[u8]], salt: Salt) -> Vec<u8> {
    let mut out = encode_header(1, &salt);
    for payload in payloads {
        let frame = Frame {
            kind: Kind::Block,
            flags: ROOT_RAW,
            time_ms: 7,
            size: payload.len() as u64,
            digest: sha256(payload),
        };
        let offset = out.len() as u64;
        encode_frame(&mut out, &salt, offset, &frame, payload);
    }
    out
}

fn scan(bytes: &[u8], salt: Salt, last: bool) -> Vec<String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut scan = Scan::new(&file, salt, last).unwrap();
    let mut seen = Vec::new();
    while let Some(step) = scan.next().unwrap() {
        seen.push(match step {
            Step::Frame {
                payload: Some(payload),
                ..
            } => String::from_utf8_lossy(payload).into_owned(),
            Step::Frame { payload: None, .. } => "damaged".to_owned(),
            Step::Lost { bytes, .. } => format!("lost {bytes}"),
            Step::TornTail { bytes, .. } => format!("torn {bytes}"),
        });
    }
    seen
}

#[test]
fn frame_layout_is_as_documented() {
    let salt = [3; 16];
    let bytes = segment(&[b"abc"], salt);
    assert_eq!(&bytes[..8], b"CCSG\x01\0\0\0");
    assert_eq!(&bytes[8..16], &1u64.to_le_bytes());
    assert_eq!(&bytes[16..32], &salt);
    assert_eq!(bytes[..40], bytes[40..80]);
    let frame = &bytes[80..];
    assert_eq!(&frame[..8], b"CCFR\x01\x01\0\0");
    assert_eq!(&frame[8..12], &3u32.to_le_bytes());
    assert_eq!(&frame[12..16], &crc32fast::hash(b"abc").to_le_bytes());
    assert_eq!(&frame[16..24], &7u64.to_le_bytes());
    assert_eq!(&frame[24..32], &3u64.to_le_bytes());
    assert_eq!(&frame[32..34], &[0x12, 0x20]);
    assert_eq!(frame[34..66], sha256(b"abc"));
    assert_eq!(&frame[72..], b"abc");
}

#[test]
fn either_header_copy_is_enough() {
    let salt = [9; 16];
    let good = encode_header(4, &salt);
    for at in 0..SEGMENT_HEADER_BYTES {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(decode_header(&bad, 4), Some(salt), "byte {at}");
    }
    let mut both = good.clone();
    both[9] ^= 1;
    both[49] ^= 1;
    assert_eq!(decode_header(&both, 4), None);
    assert_eq!(
        decode_header(&good, 5),
        None,
        "a segment under another's name"
    );
}

#[test]
fn any_flipped_byte_hurts_its_own_frame_alone() {
    let salt = [1; 16];
    let good = segment(&[b"first", b"second", b"third"], salt);
    let second = 80 + 72 + 5;
    for at in second..second + 72 + 6 {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        let seen = scan(&bad, salt, true);
        let middle = if at < second + 72 {
            "lost 78"
        } else {
            "damaged"
        };
        assert_eq!(seen, ["first", middle, "third"], "byte {at}");
    }
}

#[test]
fn a_tail_is_torn_only_in_the_last_segment() {
    let salt = [2; 16];
    let good = segment(&[b"first", b"second"], salt);
    let cut = &good[..good.len() - 1];
    assert_eq!(scan(cut, salt, true), ["first", "torn 77"]);
    assert_eq!(scan(cut, salt, false), ["first", "lost 77"]);
}

#[test]
fn a_payload_that_imitates_a_frame_is_not_read_as_one() {
    let salt = [5; 16];
    // The attacker knows everything but the salt.
    let forged = segment(&[b"forged"], [0; 16])[80..].to_vec();
    let moved = {
        // Even with the salt, a copied frame carries another offset.
        segment(&[b"copied"], salt)[80..].to_vec()
    };
    let mut bytes = segment(&[b"first", &forged, &moved, b"last"], salt);
    bytes[80 + 72 + 5] ^= 1;
    let damaged = scan(&bytes, salt, true);
    assert_eq!(damaged[0], "first");
    assert!(damaged[1].starts_with("lost"));
    assert_eq!(damaged.last().map(String::as_str), Some("last"));
    assert!(
        !damaged
            .iter()
            .any(|step| step == "forged" || step == "copied")
    );
}
