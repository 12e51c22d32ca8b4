//! CIDs of blobs, computed on the device: CIDv1, sha2-256, raw leaves of 1 MiB, balanced, width 1,024.
//!
//! A blob of at most 1 MiB is one raw leaf; a longer one a dag-pb file over leaves. The device never takes a CID
//! from the node: a commitment covers the CID that it computed itself.

use sha2::{Digest, Sha256};

use carechain_crypto::CID_BYTES;

/// Bytes of a leaf.
const LEAF_BYTES: usize = 1 << 20;
/// Children of a node.
const WIDTH: usize = 1_024;
const RAW: u8 = 0x55;
const DAG_PB: u8 = 0x70;

/// A binary CIDv1.
pub(crate) type BinaryCid = [u8; CID_BYTES];

/// A child of a node.
struct Link {
    cid: BinaryCid,
    /// Bytes of the file below it.
    file_bytes: u64,
    /// Bytes of its block and all below.
    total_bytes: u64,
}

/// The CID of a blob.
pub(crate) fn of_blob(blob: &[u8]) -> BinaryCid {
    if blob.len() <= LEAF_BYTES {
        return of_block(RAW, blob);
    }
    let mut level: Vec<Link> = blob
        .chunks(LEAF_BYTES)
        .map(|leaf| Link {
            cid: of_block(RAW, leaf),
            file_bytes: leaf.len() as u64,
            total_bytes: leaf.len() as u64,
        })
        .collect();
    while level.len() > 1 {
        level = level.chunks(WIDTH).map(node).collect();
    }
    level[0].cid
}

fn of_block(codec: u8, block: &[u8]) -> BinaryCid {
    let mut cid = [0; CID_BYTES];
    cid[..4].copy_from_slice(&[1, codec, 0x12, 32]);
    cid[4..].copy_from_slice(&Sha256::digest(block));
    cid
}

fn node(links: &[Link]) -> Link {
    let file_bytes = links.iter().map(|l| l.file_bytes).sum();
    let mut data = vec![0x08, 2, 0x18];
    varint(&mut data, file_bytes);
    for link in links {
        data.push(0x20);
        varint(&mut data, link.file_bytes);
    }
    let mut block = Vec::with_capacity(data.len() + links.len() * 52);
    for link in links {
        let mut one = vec![0x0a];
        varint(&mut one, CID_BYTES as u64);
        one.extend_from_slice(&link.cid);
        one.extend_from_slice(&[0x12, 0, 0x18]);
        varint(&mut one, link.total_bytes);
        block.push(0x12);
        varint(&mut block, one.len() as u64);
        block.extend_from_slice(&one);
    }
    block.push(0x0a);
    varint(&mut block, data.len() as u64);
    block.extend_from_slice(&data);
    let below: u64 = links.iter().map(|l| l.total_bytes).sum();
    Link {
        cid: of_block(DAG_PB, &block),
        file_bytes,
        total_bytes: below + block.len() as u64,
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Its text: multibase base32, lower case, without padding.
pub(crate) fn to_text(cid: &BinaryCid) -> String {
    let mut out = String::with_capacity(60);
    out.push('b');
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in cid {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(char::from(BASE32[(bits >> held) as usize & 31]));
        }
    }
    if held > 0 {
        out.push(char::from(BASE32[(bits << (5 - held)) as usize & 31]));
    }
    out
}

/// Reads the text of a CIDv1 with sha2-256, raw or dag-pb; `None` for any other.
pub(crate) fn parse(text: &str) -> Option<BinaryCid> {
    let digits = text.strip_prefix('b')?;
    let mut out = Vec::with_capacity(CID_BYTES);
    let (mut bits, mut held) = (0u32, 0u32);
    for digit in digits.bytes() {
        let value = BASE32.iter().position(|c| *c == digit)? as u32;
        bits = (bits << 5) | value;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    let cid: BinaryCid = out.try_into().ok()?;
    let known = cid[0] == 1 && [RAW, DAG_PB].contains(&cid[1]) && cid[2..4] == [0x12, 32];
    (known && to_text(&cid) == text).then_some(cid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts() {
        let cid = of_blob(b"x");
        assert_eq!(parse(&to_text(&cid)), Some(cid));
        assert_eq!(parse("bafk"), None);
        assert_eq!(parse(&to_text(&cid).to_uppercase()), None);
        // The raw CID of nothing, as every IPFS tool prints it.
        assert_eq!(
            to_text(&of_blob(b"")),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        );
    }

    /// First bytes of SHA-256(S ‖ u64 0) ‖ SHA-256(S ‖ u64 1) ‖ …, as the vectors of the profile have it.
    fn stream(length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length + 32);
        let mut counter = 0u64;
        while out.len() < length {
            let mut hash = Sha256::new();
            hash.update(b"ipfs-test-vector-v1");
            hash.update(counter.to_be_bytes());
            out.extend_from_slice(&hash.finalize());
            counter += 1;
        }
        out.truncate(length);
        out
    }

    #[test]
    fn longer_blobs_have_the_profiles_cids() {
        for (length, cid) in [
            (
                1_024,
                "bafkreifwn7shbffuaktvdjitk2yeqgkfqsq2r343hodtdykohnjj4bppw4",
            ),
            (
                1_048_576,
                "bafkreiewtl6drzbswjcbeyubwip3dky4q6nsbuvrwbzvu2yoofoq4ppcqa",
            ),
            (
                1_048_577,
                "bafybeifxrx5fnldeogxtvd2ak4z7onjpvzixf6pgr76i5giprscuurngr4",
            ),
            (
                10_485_767,
                "bafybeigupdlec3m4tgn2tcn7w6l5q7p4rqttdspgmbeptbwylp2jetyogu",
            ),
        ] {
            assert_eq!(to_text(&of_blob(&stream(length))), cid, "{length}");
        }
    }
}
