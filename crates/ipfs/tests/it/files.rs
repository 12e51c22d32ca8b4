//! What is put is what is got, whole and in ranges.

use bytes::{Bytes, BytesMut};
use carechain_ipfs::dag::{CHUNK_BYTES, cid_of};
use carechain_ipfs::{Cid, IpfsError, Store, Which, limits};
use futures::{StreamExt as _, TryStreamExt as _};
use proptest::prelude::*;
use tokio::io::AsyncReadExt as _;

use crate::{content, open};

const EDGES: [usize; 10] = [
    0,
    1,
    limits::SMALL_MAX_BYTES - 1,
    limits::SMALL_MAX_BYTES,
    limits::SMALL_MAX_BYTES + 1,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    10 * CHUNK_BYTES + 3,
];

async fn collect(stream: impl futures::Stream<Item = Result<Bytes, IpfsError>>) -> Vec<u8> {
    let all = stream.try_fold(BytesMut::new(), |mut all, chunk| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    });
    all.await.unwrap().to_vec()
}

#[tokio::test]
async fn edges_of_blocks_and_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for len in EDGES {
        let bytes = content(len as u64, len);
        let cid = store.put(bytes.clone()).await.unwrap();
        assert_eq!(cid, cid_of(&bytes), "{len} bytes");
        assert_eq!(
            store.put_stream(&bytes[..], len as u64).await.unwrap(),
            (cid, len as u64)
        );
        assert_eq!(store.get(cid).await.unwrap(), bytes, "{len} bytes");
        assert_eq!(store.size(cid).await.unwrap(), len as u64);
        let mut read = Vec::new();
        let mut reader = store.open_reader(cid).await.unwrap().into_async_read();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, bytes);
        assert!(store.has(&cid) && store.has_block(&cid));
        let size = len as u64;
        let stream = store.get_range(cid, size..size + 9).await.unwrap();
        assert_eq!(collect(stream).await, b"");
        for range in [size + 1..size + 2, std::ops::Range { start: 2, end: 1 }] {
            let refused = store.get_range(cid, range).await.err();
            assert!(
                matches!(refused, Some(IpfsError::Range { size_bytes, .. }) if size_bytes == size)
            );
        }
    }
    assert_eq!(store.stats().roots, EDGES.len() as u64);
    drop(store);
    let store = open(dir.path()).await;
    for len in EDGES {
        let bytes = content(len as u64, len);
        assert_eq!(
            store.get(cid_of(&bytes)).await.unwrap(),
            bytes,
            "{len} bytes after a restart"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn ranges_equal_slices(
        seed in any::<u64>(),
        len in prop_oneof![0usize..5000, 0usize..5 * CHUNK_BYTES, proptest::sample::select(&EDGES[..])],
        ranges in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path()).await;
            let bytes = content(seed, len);
            let cid = store.put(bytes.clone()).await.unwrap();
            for (from, to) in ranges {
                let (a, b) = (from.index(len + 1), to.index(len + 1));
                let (from, to) = (a.min(b), a.max(b));
                let part = store.read_range(cid, from as u64, (to - from) as u64).await.unwrap();
                assert_eq!(part, bytes[from..to]);
                let stream = store.get_range(cid, from as u64..to as u64).await.unwrap();
                assert_eq!(collect(stream).await, &bytes[from..to]);
            }
        });
    }
}

#[tokio::test]
async fn many_at_once_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let sizes = [1500, 0, CHUNK_BYTES + 5, 300_000, 7, CHUNK_BYTES, 1500];
    let files: Vec<Bytes> = sizes
        .iter()
        .enumerate()
        .map(|(i, &len)| content(i as u64, len))
        .collect();
    let cids = store.put_many(files.clone()).await.unwrap();
    assert_eq!(
        cids,
        files.iter().map(|file| cid_of(file)).collect::<Vec<_>>()
    );
    let mut asked = cids.clone();
    asked.insert(2, cid_of(b"nowhere"));
    let mut got = store.get_many(asked).await.unwrap();
    assert!(matches!(got.remove(2), Err(IpfsError::Missing { cid }) if cid == cid_of(b"nowhere")));
    assert_eq!(
        got.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        files
    );
    // One sync for any number of short files.
    let before = store.stats().syncs;
    store
        .put_many((100..1100).map(|seed| content(seed, 1500)).collect())
        .await
        .unwrap();
    assert_eq!(store.stats().syncs - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_and_readers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let tasks = (0..200u64).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            // Every content is put by two tasks; every tenth is long.
            let len = if i % 10 < 2 {
                2 * CHUNK_BYTES + 9
            } else {
                2000
            };
            let bytes = content(i / 2, len);
            let cid = store.put(bytes.clone()).await.unwrap();
            assert_eq!(store.get(cid).await.unwrap(), bytes);
            cid
        })
    });
    let cids: Vec<Cid> = futures::stream::iter(tasks)
        .then(|task| async { task.await.unwrap() })
        .collect()
        .await;
    assert_eq!(store.stats().roots, 100);
    assert_eq!(store.list(Which::Orphans, None, 10).unwrap(), []);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.open_report().damage, []);
    for cid in cids {
        store.get(cid).await.unwrap();
    }
}

#[tokio::test]
async fn limits_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store: Store = open(dir.path()).await;
    let over = Bytes::from(vec![0; limits::WHOLE_MAX_BYTES as usize + 1]);
    assert!(matches!(
        store.put(over.clone()).await,
        Err(IpfsError::TooLarge { .. })
    ));
    let (cid, _) = store.put_stream(&over[..], u64::MAX).await.unwrap();
    assert!(matches!(
        store.get(cid).await,
        Err(IpfsError::TooLarge { .. })
    ));
    assert!(matches!(
        store.read_range(cid, 0, over.len() as u64).await,
        Err(IpfsError::TooLarge { .. })
    ));
    assert_eq!(
        store
            .read_range(cid, limits::WHOLE_MAX_BYTES, 9)
            .await
            .unwrap(),
        &[0][..]
    );
    // 65 equal chunks are one block.
    assert_eq!(store.stats().flat_blocks, 1);
    let many = vec![Bytes::new(); limits::ITEMS_MAX + 1];
    assert!(matches!(
        store.put_many(many).await,
        Err(IpfsError::TooMany { what: "files", .. })
    ));
    let many = vec![cid; limits::ITEMS_MAX + 1];
    assert!(matches!(
        store.get_many(many).await,
        Err(IpfsError::TooMany { what: "cids", .. })
    ));
}
