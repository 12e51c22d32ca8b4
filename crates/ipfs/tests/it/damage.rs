//! Damage on the disk is found, named, kept apart and healed by putting again.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use carechain_ipfs::dag::{CHUNK_BYTES, cid_of};
use carechain_ipfs::{BlockError, Cid, IpfsError};

use crate::{content, open, segment};

fn flip(path: &Path, at: u64) {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn is_corrupt<T>(result: Result<T, IpfsError>, cid: Cid) -> bool {
    matches!(result, Err(IpfsError::Block(BlockError::Corrupt { cid: named })) if named == cid)
}

fn flat(dir: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(dir.join("flat")).unwrap();
    files.next().unwrap().unwrap().path()
}

#[tokio::test]
async fn a_flipped_byte_in_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let files = [content(1, 500), content(2, 500), content(3, 500)];
    let cids = store.put_many(files.to_vec()).await.unwrap();
    // The payload of the second frame: header 80, frame headers 72.
    flip(&segment(dir.path()), 80 + 72 + 500 + 72 + 123);
    assert!(store.has(&cids[1]), "not noticed before it is read");
    assert!(is_corrupt(store.get(cids[1]).await, cids[1]));
    assert!(is_corrupt(store.read_range(cids[1], 3, 1).await, cids[1]));
    assert!(!store.has(&cids[1]));
    store.close().await.unwrap();

    let store = open(dir.path()).await;
    let damage = &store.open_report().damage;
    assert_eq!(damage.len(), 1);
    assert_eq!((damage[0].segment, damage[0].block), (1, Some(cids[1])));
    assert!(is_corrupt(store.get(cids[1]).await, cids[1]));
    assert_eq!(store.get(cids[0]).await.unwrap(), files[0]);
    assert_eq!(store.get(cids[2]).await.unwrap(), files[2]);
    assert_eq!(store.stats().damaged_blocks, 1);
    // Putting it again heals it, for good.
    store.put(files[1].clone()).await.unwrap();
    assert_eq!(store.get(cids[1]).await.unwrap(), files[1]);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    assert_eq!(store.open_report().damage, []);
    assert_eq!(store.get(cids[1]).await.unwrap(), files[1]);
}

#[tokio::test]
async fn damage_that_nobody_has_read_is_healed_by_a_put() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (small, large) = (content(1, 500), content(2, 400_000));
    store
        .put_many(vec![small.clone(), large.clone()])
        .await
        .unwrap();
    flip(&segment(dir.path()), 80 + 72 + 5);
    flip(&flat(dir.path()), 77);
    // The acknowledgement of the second put must be true.
    let cids = store
        .put_many(vec![small.clone(), large.clone()])
        .await
        .unwrap();
    assert_eq!(store.get(cids[0]).await.unwrap(), small);
    assert_eq!(store.get(cids[1]).await.unwrap(), large);
}

#[tokio::test]
async fn a_broken_frame_header_hurts_its_own_block_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let files = [content(1, 500), content(2, 500), content(3, 500)];
    let cids = store.put_many(files.to_vec()).await.unwrap();
    drop(store);
    flip(&segment(dir.path()), 80 + 72 + 500 + 40);
    let store = open(dir.path()).await;
    let damage = &store.open_report().damage;
    assert_eq!(
        (damage.len(), damage[0].bytes, damage[0].block),
        (1, 572, None)
    );
    assert!(matches!(store.get(cids[1]).await, Err(IpfsError::Missing { cid }) if cid == cids[1]));
    assert_eq!(store.get(cids[0]).await.unwrap(), files[0]);
    assert_eq!(store.get(cids[2]).await.unwrap(), files[2]);
}

#[tokio::test]
async fn a_flipped_byte_in_a_large_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let file = content(1, CHUNK_BYTES);
    let cid = store.put(file.clone()).await.unwrap();
    flip(&flat(dir.path()), 500_000);
    assert!(is_corrupt(store.get(cid).await, cid));
    store.put(file.clone()).await.unwrap();
    assert_eq!(store.get(cid).await.unwrap(), file);
    // A file that is too short or gone is noticed at the start already.
    for cut in [Some(9), None] {
        store.put(file.clone()).await.unwrap();
        match cut {
            Some(len) => fs::File::options()
                .write(true)
                .open(flat(dir.path()))
                .unwrap()
                .set_len(len)
                .unwrap(),
            None => fs::remove_file(flat(dir.path())).unwrap(),
        }
        let other = tempfile::tempdir().unwrap();
        copy(dir.path(), other.path());
        let copy = open(other.path()).await;
        assert_eq!(copy.open_report().damage[0].block, Some(cid));
        assert!(!copy.has(&cid));
        assert!(is_corrupt(copy.get(cid).await, cid));
        assert!(is_corrupt(store.get(cid).await, cid));
    }
}

#[tokio::test]
async fn one_bad_leaf_of_a_long_file_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let file = content(1, 3 * CHUNK_BYTES);
    let cid = store.put(file.clone()).await.unwrap();
    let leaf = cid_of(&file[CHUNK_BYTES..2 * CHUNK_BYTES]);
    let name = hex::encode(leaf.hash().digest());
    flip(&dir.path().join("flat").join(format!("{name}.blk")), 0);
    assert!(is_corrupt(store.get(cid).await, leaf));
    let chunk = CHUNK_BYTES as u64;
    assert_eq!(
        store.read_range(cid, 0, chunk).await.unwrap(),
        file[..CHUNK_BYTES]
    );
    assert_eq!(
        store.read_range(cid, 2 * chunk, chunk).await.unwrap(),
        file[2 * CHUNK_BYTES..]
    );
    assert!(is_corrupt(store.read_range(cid, chunk, 1).await, leaf));
}

#[tokio::test]
async fn the_last_frame_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let files = [content(1, 300), content(2, 64)];
    let first = store.put(files[0].clone()).await.unwrap();
    let whole = fs::metadata(segment(dir.path())).unwrap().len();
    let second = store.put(files[1].clone()).await.unwrap();
    drop(store);
    let bytes = fs::read(segment(dir.path())).unwrap();
    assert_eq!(bytes.len() as u64, whole + 72 + 64);
    for len in whole..bytes.len() as u64 {
        fs::write(segment(dir.path()), &bytes[..len as usize]).unwrap();
        let store = open(dir.path()).await;
        assert_eq!(store.open_report().cut_bytes, len - whole);
        assert_eq!(store.open_report().damage, []);
        assert_eq!(store.get(first).await.unwrap(), files[0], "cut at {len}");
        assert!(
            matches!(store.get(second).await, Err(IpfsError::Missing { .. })),
            "cut at {len}"
        );
        // It goes on from there.
        assert_eq!(store.put(files[1].clone()).await.unwrap(), second);
        drop(store);
        let store = open(dir.path()).await;
        assert_eq!(
            (store.open_report().cut_bytes, store.open_report().frames),
            (0, 2)
        );
        assert_eq!(store.get(second).await.unwrap(), files[1]);
    }
}

#[tokio::test]
async fn a_large_block_whose_frame_is_lost_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let file = content(1, 400_000);
    let cid = store.put(file.clone()).await.unwrap();
    let gone = store.put(content(2, 400_000)).await.unwrap();
    let removed = flat_of(dir.path(), gone);
    let bytes = fs::read(&removed).unwrap();
    store.delete(vec![gone]).await.unwrap();
    drop(store);
    // As if a crash had come between the removal's frame and its unlink.
    fs::write(&removed, bytes).unwrap();
    flip(&segment(dir.path()), 80 + 20);
    for adopted in [1, 0] {
        let store = open(dir.path()).await;
        assert_eq!(store.open_report().adopted, adopted);
        assert!(store.has(&cid));
        assert_eq!(store.get(cid).await.unwrap(), file);
        assert!(!store.has_block(&gone));
        assert!(!removed.exists());
    }
}

fn flat_of(dir: &Path, cid: Cid) -> std::path::PathBuf {
    dir.join("flat")
        .join(format!("{}.blk", hex::encode(cid.hash().digest())))
}

fn copy(from: &Path, to: &Path) {
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}
