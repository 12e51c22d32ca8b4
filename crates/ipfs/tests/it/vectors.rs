//! CIDs made by Kubo with the profile.

use carechain_ipfs::dag::{self, CidBuilder, cid_of, verify_file};
use sha2::{Digest as _, Sha256};

#[tokio::test]
async fn cids_equal_kubos_in_memory_and_on_disk() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/cid-vectors.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = crate::open(dir.path()).await;
    let files = vectors["files"].as_array().unwrap();
    assert_eq!(files.len(), 6);
    for file in files {
        let len = file["bytes"].as_u64().unwrap();
        let cid = dag::parse_cid(file["cid"].as_str().unwrap()).unwrap();
        let bytes = vector_content(len as usize);
        assert_eq!(cid_of(&bytes), cid, "{len} bytes");
        verify_file(&cid, &bytes).unwrap();
        let mut pieces = CidBuilder::new();
        bytes.chunks(700_001).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.finish(), cid, "{len} bytes in pieces");
        assert_eq!(store.put_stream(&bytes[..], len).await.unwrap(), (cid, len));
        assert_eq!(store.size(cid).await.unwrap(), len);
        let mut reader = store.open_reader(cid).await.unwrap();
        let mut read = CidBuilder::new();
        while let Some(chunk) = reader.next_chunk().await.unwrap() {
            read.update(&chunk);
        }
        assert_eq!(read.finish(), cid, "{len} bytes read back");
    }
}

/// The content rule of the vectors: SHA-256(S || be64(0)) || SHA-256(S || be64(1)) || ...
fn vector_content(len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + 32);
    for i in 0u64.. {
        if out.len() >= len {
            break;
        }
        let mut hash = Sha256::new_with_prefix(b"ipfs-test-vector-v1");
        hash.update(i.to_be_bytes());
        out.extend_from_slice(&hash.finalize());
    }
    out.truncate(len);
    out
}
