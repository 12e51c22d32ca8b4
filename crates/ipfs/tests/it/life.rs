//! Deletion, sweeping, listing, restarts, and what opening refuses.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use carechain_ipfs::dag::{CHUNK_BYTES, Node, cid_of};
use carechain_ipfs::{BlockError, Cid, IpfsError, Removed, Store, StoreConfig, Which, limits};

use crate::{content, open, segment};

#[tokio::test]
async fn a_missing_block_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let cid = cid_of(b"never put");
    assert!(matches!(store.get(cid).await, Err(IpfsError::Missing { cid: named }) if named == cid));
    assert!(matches!(
        store.size(cid).await,
        Err(IpfsError::Missing { .. })
    ));
    assert!(!store.has(&cid) && !store.has_block(&cid));
    let foreign = Cid::new_v1(0x71, *cid.hash());
    assert!(matches!(
        store.get(foreign).await,
        Err(IpfsError::Block(BlockError::Unsupported { cid: named })) if named == foreign
    ));
    assert!(!store.has(&foreign));
}

#[tokio::test]
async fn a_leaf_asked_for_as_a_node_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let leaf = store.put(content(1, 40)).await.unwrap();
    let as_node = Cid::new_v1(0x70, *leaf.hash());
    let refused = store.get(as_node).await;
    assert!(
        matches!(refused, Err(IpfsError::Block(BlockError::BadNode { .. }))),
        "{refused:?}"
    );
    assert!(!store.has(&as_node));
}

#[tokio::test]
async fn deleted_files_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (small, large, long) = (
        content(1, 99),
        content(2, CHUNK_BYTES),
        content(3, 2 * CHUNK_BYTES + 9),
    );
    let kept = store.put(content(4, 50)).await.unwrap();
    let cids = store
        .put_many(vec![small, large, long.clone()])
        .await
        .unwrap();
    let absent = cid_of(b"absent");
    let removed = store.delete([&cids[..], &[absent]].concat()).await.unwrap();
    // One small, one large, and a root with three leaves.
    assert_eq!((removed.blocks, removed.missing, removed.kept), (6, 1, 0));
    assert_eq!(fs::read_dir(dir.path().join("flat")).unwrap().count(), 0);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    for cid in &cids {
        assert!(matches!(
            store.get(*cid).await,
            Err(IpfsError::Missing { .. })
        ));
    }
    assert_eq!(store.list(Which::Blocks, None, 10).unwrap().len(), 1);
    assert!(store.has(&kept));
    // And may come back.
    assert_eq!(store.put(long.clone()).await.unwrap(), cids[2]);
    drop(store);
    assert_eq!(open(dir.path()).await.get(cids[2]).await.unwrap(), long);
}

#[tokio::test]
async fn shared_leaves_stay_as_long_as_a_file_needs_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    let long = content(1, 2 * CHUNK_BYTES);
    let other = [&long[..CHUNK_BYTES], b"another end"].concat();
    let alone = long.slice(CHUNK_BYTES..);
    let cids = store
        .put_many(vec![long.clone(), other.clone().into(), alone.clone()])
        .await
        .unwrap();
    // A leaf of a file cannot be deleted alone; one that was put too is then no file of its own.
    let leaf = cid_of(&long[..CHUNK_BYTES]);
    assert_eq!(
        store.delete(vec![leaf]).await.unwrap(),
        Removed {
            kept: 1,
            ..Removed::default()
        }
    );
    assert_eq!(store.delete(vec![cids[2]]).await.unwrap().kept, 1);
    assert!(!store.has(&cids[2]) && store.has_block(&cids[2]));
    store.put(alone.clone()).await.unwrap();
    for restart in [false, true] {
        if restart {
            drop(store);
            store = open(dir.path()).await;
        }
        assert_eq!(store.get(cids[0]).await.unwrap(), long);
        assert!(store.has(&cids[2]));
    }
    assert_eq!(
        store.delete(vec![cids[0]]).await.unwrap().blocks,
        1,
        "the root alone"
    );
    assert_eq!(store.get(cids[1]).await.unwrap(), other);
    assert_eq!(store.get(cids[2]).await.unwrap(), alone);
    assert_eq!(store.delete(cids[1..].to_vec()).await.unwrap().blocks, 4);
    assert_eq!(store.stats().blocks, 0);
}

#[tokio::test]
async fn a_raw_file_that_equals_a_node_does_not_confuse_either() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let long = content(1, CHUNK_BYTES + 1);
    let links =
        [&long[..CHUNK_BYTES], &long[CHUNK_BYTES..]].map(|leaf| carechain_ipfs::dag::Link {
            cid: cid_of(leaf),
            file_bytes: leaf.len() as u64,
            total_bytes: leaf.len() as u64,
        });
    // First the node's bytes as a file of their own, then the file that has it as root.
    let raw = store.put(Node::encode(&links).into()).await.unwrap();
    let root = store.put(long.clone()).await.unwrap();
    assert_eq!(raw.hash(), root.hash());
    drop(store);
    let store = open(dir.path()).await;
    assert!(store.has(&raw) && store.has(&root));
    store.delete(vec![raw]).await.unwrap();
    assert!(!store.has(&raw));
    assert_eq!(store.get(root).await.unwrap(), long);
    assert_eq!(store.delete(vec![root]).await.unwrap().blocks, 3);
}

static NOW_MS: AtomicU64 = AtomicU64::new(1_000_000);

#[tokio::test]
async fn a_sweep_spares_what_was_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        clock_ms: || NOW_MS.load(Ordering::SeqCst),
        ..StoreConfig::default()
    };
    let store = Store::open(dir.path(), config).await.unwrap();
    let files = [content(1, 10), content(2, CHUNK_BYTES)];
    let cids = store.put_many(files.to_vec()).await.unwrap();
    let rows = store.list(Which::Roots, None, 10).unwrap();
    assert!(
        rows.iter()
            .all(|row| row.put_at_ms == 1_000_000 && row.root && !row.referenced)
    );
    assert_eq!(store.sweep(cids.clone(), 1_000_000).await.unwrap().kept, 2);
    NOW_MS.fetch_add(limits::RENEW_AFTER_MS, Ordering::SeqCst);
    store.put_many(vec![files[1].clone()]).await.unwrap();
    drop(store);
    // The renewed time is durable.
    let store = Store::open(dir.path(), config).await.unwrap();
    let removed = store.sweep(cids.clone(), 1_000_001).await.unwrap();
    assert_eq!((removed.blocks, removed.kept), (1, 1));
    assert!(!store.has(&cids[0]) && store.has(&cids[1]));
}

#[tokio::test]
async fn pages_list_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut cids = store
        .put_many((0..25).map(|seed| content(seed, 20)).collect())
        .await
        .unwrap();
    let mut seen: Vec<Cid> = Vec::new();
    loop {
        let page = store.list(Which::Roots, seen.last(), 10).unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|row| row.cid));
    }
    cids.sort_by_key(|cid| cid.hash().digest().to_vec());
    assert_eq!(seen, cids);
}

#[tokio::test]
async fn segments_roll_and_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        segment_bytes: 10_000,
        ..StoreConfig::default()
    };
    let store = Store::open(dir.path(), config).await.unwrap();
    let files: Vec<_> = (0..40).map(|seed| content(seed, 1500)).collect();
    for file in &files {
        store.put(file.clone()).await.unwrap();
    }
    assert!(store.stats().segments >= 5, "{:?}", store.stats());
    drop(store);
    // A tail that is cut from a closed segment is damage, not a torn write.
    let middle = fs::File::options()
        .write(true)
        .open(segment(dir.path()))
        .unwrap();
    middle
        .set_len(middle.metadata().unwrap().len() - 1)
        .unwrap();
    let store = Store::open(dir.path(), config).await.unwrap();
    assert_eq!(
        (
            store.open_report().cut_bytes,
            store.open_report().damage.len()
        ),
        (0, 1)
    );
    let mut missing = 0;
    for file in &files {
        match store.get(cid_of(file)).await {
            Ok(bytes) => assert_eq!(bytes, file),
            Err(_) => missing += 1,
        }
    }
    assert_eq!(missing, 1);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let second = Store::open(dir.path(), StoreConfig::default()).await;
    assert!(
        matches!(second, Err(IpfsError::Locked { .. })),
        "{second:?}"
    );
    let clone = store.clone();
    drop(store);
    assert!(
        Store::open(dir.path(), StoreConfig::default())
            .await
            .is_err(),
        "a clone still has it"
    );
    clone.close().await.unwrap();
    open(dir.path()).await;
}

#[tokio::test]
async fn foreign_and_newer_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    let format = dir.path().join("FORMAT");
    assert_eq!(fs::read_to_string(&format).unwrap(), "carechain-ipfs 1\n");
    fs::write(&format, "carechain-ipfs 2\n").unwrap();
    let newer = Store::open(dir.path(), StoreConfig::default()).await;
    assert!(
        matches!(
            newer,
            Err(IpfsError::NewerFormat {
                found: 2,
                supported: 1
            })
        ),
        "{newer:?}"
    );
    for text in [
        "",
        "carechain-ipfs",
        "carechain-ipfs 0\n",
        "something else 1\n",
    ] {
        fs::write(&format, text).unwrap();
        let bad = Store::open(dir.path(), StoreConfig::default()).await;
        assert!(
            matches!(bad, Err(IpfsError::BadFormat { .. })),
            "{text:?}: {bad:?}"
        );
    }
    fs::remove_file(&format).unwrap();
    let bad = Store::open(dir.path(), StoreConfig::default()).await;
    assert!(matches!(bad, Err(IpfsError::BadFormat { .. })), "{bad:?}");
    fs::write(&format, "carechain-ipfs 1\n").unwrap();
    // A segment without any header that checks out.
    fs::write(segment(dir.path()), [0; 200]).unwrap();
    let bad = Store::open(dir.path(), StoreConfig::default()).await;
    assert!(matches!(bad, Err(IpfsError::BadFormat { .. })), "{bad:?}");
}
