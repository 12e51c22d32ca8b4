//! The dag-pb node of a UnixFS file: a list of links with their sizes.
//!
//! Bytes as Kubo writes them: every link (protobuf field 2: Hash 1, empty Name 2, Tsize 3), then the
//! data (field 1: Type 1 = 2, filesize 3, one blocksize 4 per link). The reader takes exactly these
//! fields, each number once in its message, and refuses the rest.

use cid::Cid;

use super::{BlockError, DAG_PB, digest_of};

/// UnixFS type number of a file.
const TYPE_FILE: u64 = 2;
/// Most links a read node may have. Ours have 1,024; other profiles may have more.
const READ_LINKS_MAX: usize = 8192;

/// One link of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The child.
    pub cid: Cid,
    /// Bytes of the file below the child.
    pub file_bytes: u64,
    /// Bytes of the child's block and of all blocks below it.
    pub total_bytes: u64,
}

/// A node that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its children, in file order.
    pub links: Vec<Link>,
    /// Bytes of the file below it: the sum over its links.
    pub file_bytes: u64,
}

impl Node {
    /// The block of a node with these links.
    #[must_use]
    pub fn encode(links: &[Link]) -> Vec<u8> {
        let mut data = Vec::with_capacity(16 + links.len() * 5);
        put_number(&mut data, 1, TYPE_FILE);
        put_number(&mut data, 3, links.iter().map(|link| link.file_bytes).sum());
        for link in links {
            put_number(&mut data, 4, link.file_bytes);
        }
        let mut out = Vec::with_capacity(data.len() + 8 + links.len() * 52);
        let mut one = Vec::with_capacity(64);
        for link in links {
            one.clear();
            put_bytes(&mut one, 1, &link.cid.to_bytes());
            put_bytes(&mut one, 2, &[]);
            put_number(&mut one, 3, link.total_bytes);
            put_bytes(&mut out, 2, &one);
        }
        put_bytes(&mut out, 1, &data);
        out
    }

    /// Reads the block `bytes` of the node `cid`. The hash is checked elsewhere.
    ///
    /// # Errors
    /// [`BlockError::BadNode`] with the reason.
    pub fn decode(cid: &Cid, bytes: &[u8]) -> Result<Self, BlockError> {
        if cid.codec() != DAG_PB {
            return Err(BlockError::BadNode {
                cid: *cid,
                reason: "its codec is not dag-pb",
            });
        }
        parse(bytes).map_err(|reason| BlockError::BadNode { cid: *cid, reason })
    }
}

fn parse(bytes: &[u8]) -> Result<Node, &'static str> {
    let mut links = Vec::new();
    let mut sizes = None;
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (2, Value::Bytes(link)) if links.len() < READ_LINKS_MAX => {
                links.push(parse_link(link)?)
            }
            (2, Value::Bytes(_)) => return Err("too many links"),
            (1, Value::Bytes(data)) if sizes.is_none() => sizes = Some(parse_data(data)?),
            (_, Value::Bytes(_) | Value::Number(_)) => return Err("unexpected field in the node"),
        }
    }
    let (file_bytes, sizes) = sizes.ok_or("no data")?;
    if sizes.len() != links.len() {
        return Err("as many block sizes as links are needed");
    }
    let mut sum = 0u64;
    for (link, size) in links.iter_mut().zip(sizes) {
        link.file_bytes = size;
        sum = sum.checked_add(size).ok_or("its sizes overflow")?;
    }
    if sum != file_bytes || links.is_empty() {
        return Err("its size is not the sum of its links");
    }
    Ok(Node { links, file_bytes })
}

fn parse_link(bytes: &[u8]) -> Result<Link, &'static str> {
    let (mut cid, mut name, mut total) = (None, false, None);
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(hash)) if cid.is_none() => {
                let read = Cid::try_from(hash).map_err(|_| "a link's hash is not a CID")?;
                digest_of(&read).map_err(|_| "a link's CID is outside the profile")?;
                cid = Some(read);
            }
            (2, Value::Bytes(b"")) if !name => name = true,
            (3, Value::Number(size)) if total.is_none() => total = Some(size),
            (_, Value::Bytes(_) | Value::Number(_)) => return Err("unexpected field in a link"),
        }
    }
    Ok(Link {
        cid: cid.ok_or("a link has no hash")?,
        file_bytes: 0,
        total_bytes: total.ok_or("a link has no size")?,
    })
}

fn parse_data(bytes: &[u8]) -> Result<(u64, Vec<u64>), &'static str> {
    let (mut kind, mut file_bytes, mut sizes) = (None, None, Vec::new());
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Number(n)) if kind.is_none() => kind = Some(n),
            (3, Value::Number(n)) if file_bytes.is_none() => file_bytes = Some(n),
            (4, Value::Number(n)) if sizes.len() < READ_LINKS_MAX => sizes.push(n),
            (_, Value::Bytes(_) | Value::Number(_)) => return Err("unexpected field in the data"),
        }
    }
    if kind != Some(TYPE_FILE) {
        return Err("it is not a file");
    }
    Ok((file_bytes.ok_or("no file size")?, sizes))
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn put_number(out: &mut Vec<u8>, field: u64, n: u64) {
    put_varint(out, field << 3);
    put_varint(out, n);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of one protobuf message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        match key & 7 {
            0 => Ok(Some((key >> 3, Value::Number(self.varint()?)))),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| "a length is too large")?;
                if len > self.0.len() {
                    return Err("it ends early");
                }
                let (bytes, rest) = self.0.split_at(len);
                self.0 = rest;
                Ok(Some((key >> 3, Value::Bytes(bytes))))
            }
            _ => Err("unexpected wire type"),
        }
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut n = 0u64;
        for (i, &byte) in self.0.iter().enumerate().take(10) {
            if i == 9 && byte > 1 {
                return Err("a number is too large");
            }
            n |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return Ok(n);
            }
        }
        Err("it ends early")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dag::{cid_from_digest, cid_of, sha256};
    use proptest::prelude::*;

    fn node_cid(bytes: &[u8]) -> Cid {
        cid_from_digest(DAG_PB, &sha256(bytes))
    }

    fn sample(sizes: &[u32]) -> Vec<Link> {
        sizes
            .iter()
            .map(|&n| Link {
                cid: cid_of(&n.to_be_bytes()),
                file_bytes: u64::from(n),
                total_bytes: u64::from(n) + 7,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(sizes in proptest::collection::vec(any::<u32>(), 1..40)) {
            let links = sample(&sizes);
            let bytes = Node::encode(&links);
            let node = Node::decode(&node_cid(&bytes), &bytes).unwrap();
            prop_assert_eq!(node.file_bytes, sizes.iter().map(|&n| u64::from(n)).sum::<u64>());
            prop_assert_eq!(node.links, links);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            // What is read must survive being written: no two readings of one node.
            if let Ok(node) = Node::decode(&node_cid(&bytes), &bytes) {
                let again = Node::encode(&node.links);
                prop_assert_eq!(Node::decode(&node_cid(&again), &again).unwrap(), node);
            }
        }

        #[test]
        fn changed_nodes_never_panic(at in 0usize..200, to in any::<u8>()) {
            let mut bytes = Node::encode(&sample(&[5, 6, 7]));
            let at = at % bytes.len();
            bytes[at] = to;
            if let Ok(node) = Node::decode(&node_cid(&bytes), &bytes) {
                prop_assert_eq!(node.links.len(), 3);
            }
        }
    }

    #[test]
    fn faults_have_reasons() {
        let good = Node::encode(&sample(&[1, 2]));
        let cid = node_cid(&good);
        let raw = cid_of(&good);
        let reason = |bytes: &[u8]| match Node::decode(&cid, bytes) {
            Err(BlockError::BadNode { reason, .. }) => reason,
            other => panic!("accepted: {other:?}"),
        };
        assert!(Node::decode(&raw, &good).is_err());
        assert_eq!(reason(b""), "no data");
        assert_eq!(reason(&good[..good.len() - 1]), "it ends early");
        // A directory: type 1 in the data, no links.
        assert_eq!(reason(&[0x0a, 2, 8, 1]), "it is not a file");
        // Inline data (field 2 of the UnixFS message).
        assert_eq!(
            reason(&[0x0a, 5, 8, 2, 0x12, 1, 0]),
            "unexpected field in the data"
        );
        assert_eq!(
            reason(&[0x0a, 4, 8, 2, 24, 0]),
            "its size is not the sum of its links"
        );
    }
}
