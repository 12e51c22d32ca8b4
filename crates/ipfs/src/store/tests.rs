//! Faults on the way to the disk: what is acknowledged is durable, and what is not is refused.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc;
use std::task::Poll;

use futures::future::join_all;
use parking_lot::Mutex;

use bytes::Bytes;

use super::limits::SMALL_MAX_BYTES;
use super::*;
use crate::dag::CHUNK_BYTES;

/// A disk that writes down what it does, and fails for good from one operation on.
struct FaultyDisk {
    /// Operations that still succeed.
    healthy: AtomicUsize,
    log: Mutex<Vec<String>>,
}

impl FaultyDisk {
    fn new(healthy: usize) -> Arc<Self> {
        Arc::new(Self {
            healthy: AtomicUsize::new(healthy),
            log: Mutex::default(),
        })
    }

    fn step(&self, what: String) -> io::Result<()> {
        let left = self
            .healthy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map_err(|_| io::Error::from_raw_os_error(5))?;
        self.log.lock().push(what);
        Ok(())
    }
}

fn place(path: &Path) -> String {
    path.extension()
        .or(path.file_name())
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

/// What an open file is called, by its link in /proc.
fn name(file: &File) -> String {
    use std::os::fd::AsRawFd as _;
    place(&std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap())
}

impl Disk for FaultyDisk {
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        let done = self.step(format!("append {}", name(file)));
        // A failed write leaves half of its bytes.
        let written = if done.is_ok() {
            bytes
        } else {
            &bytes[..bytes.len() / 2]
        };
        SystemDisk.append(file, written)?;
        done
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.step(format!("sync {}", name(file)))?;
        SystemDisk.sync_data(file)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step(format!("sync {}/", place(dir)))?;
        SystemDisk.sync_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(format!("rename to {}", place(to)))?;
        SystemDisk.rename(from, to)
    }
}

fn content(seed: u32, len: usize) -> Bytes {
    let byte = |i: u32| ((i ^ seed << 24).wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed as u8;
    (0..len as u32).map(byte).collect::<Vec<_>>().into()
}

/// Small, large, long, several, and a deletion: every kind of write.
async fn every_kind_of_write(
    store: &Store,
    acknowledged: &mut Vec<(Cid, Bytes)>,
) -> Result<(), IpfsError> {
    let small = content(1, 900);
    acknowledged.push((store.put(small.clone()).await?, small));
    let large = content(2, SMALL_MAX_BYTES + 1);
    acknowledged.push((store.put(large.clone()).await?, large));
    let long = content(3, 2 * CHUNK_BYTES + 77);
    acknowledged.push((store.put_stream(&long[..], 1 << 30).await?.0, long));
    let many: Vec<Bytes> = (10..20).map(|seed| content(seed, 1500)).collect();
    let cids = store.put_many(many.clone()).await?;
    acknowledged.extend(cids.into_iter().zip(many));
    let doomed = store.put(content(4, CHUNK_BYTES)).await?;
    store.delete(vec![doomed]).await?;
    let last = content(5, 10);
    acknowledged.push((store.put(last.clone()).await?, last));
    Ok(())
}

#[tokio::test]
async fn the_disk_failing_at_any_operation_loses_nothing_acknowledged() {
    let mut complete = false;
    let mut points = 0;
    for healthy in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let mut acknowledged = Vec::new();
        let config = StoreConfig {
            segment_bytes: 6000,
            ..StoreConfig::default()
        };
        match Store::open_on(dir.path(), config, FaultyDisk::new(healthy)).await {
            Err(error) => assert!(matches!(error, IpfsError::Open { .. }), "{error:?}"),
            Ok(store) => match every_kind_of_write(&store, &mut acknowledged).await {
                Ok(()) => complete = true,
                Err(error) => {
                    assert!(matches!(error, IpfsError::Failed { .. }), "{error:?}");
                    // Whatever is written afterwards is refused with the same error.
                    for size in [5, SMALL_MAX_BYTES + 5, 3 * CHUNK_BYTES] {
                        let later = store.put(content(99, size)).await.unwrap_err();
                        assert_eq!(later.to_string(), error.to_string());
                    }
                    let deletion = store
                        .delete(vec![crate::dag::cid_of(b"x")])
                        .await
                        .unwrap_err();
                    assert_eq!(deletion.to_string(), error.to_string());
                    assert!(store.stats().failed);
                    // What was acknowledged before is still read.
                    for (cid, bytes) in &acknowledged {
                        assert_eq!(store.get(*cid).await.unwrap(), bytes);
                    }
                }
            },
        }
        let store = Store::open(dir.path(), StoreConfig::default())
            .await
            .unwrap();
        assert!(
            store.open_report().damage.is_empty(),
            "{:?}",
            store.open_report()
        );
        for (cid, bytes) in &acknowledged {
            assert_eq!(
                store.get(*cid).await.unwrap(),
                bytes,
                "after {healthy} operations"
            );
        }
        // No root without all of its leaves, acknowledged or not.
        for row in store.list(Which::Roots, None, PAGE_MAX).unwrap() {
            store.get(row.cid).await.unwrap();
        }
        points = healthy;
        if complete {
            break;
        }
    }
    assert!(points >= 38, "only {points} operations were made to fail");
}

#[tokio::test]
async fn syncs_come_before_acknowledgements_and_leaves_before_roots() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(usize::MAX);
    let store = Store::open_on(dir.path(), StoreConfig::default(), disk.clone())
        .await
        .unwrap();
    disk.log.lock().clear();
    store.put(content(1, 100)).await.unwrap();
    assert_eq!(
        std::mem::take(&mut *disk.log.lock()),
        ["append seg", "sync seg"]
    );
    store.put(content(2, CHUNK_BYTES)).await.unwrap();
    let large = [
        "append tmp",
        "sync tmp",
        "rename to blk",
        "sync flat/",
        "append seg",
        "sync seg",
    ];
    assert_eq!(std::mem::take(&mut *disk.log.lock()), large);
    store.put(content(3, CHUNK_BYTES + 1)).await.unwrap();
    // Both leaves (one large, one small) are durable before the root's frame is appended.
    let long = [&large[..], &["append seg", "sync seg"]].concat();
    assert_eq!(std::mem::take(&mut *disk.log.lock()), long);
    // The same again is verified, not written.
    store.put(content(1, 100)).await.unwrap();
    assert!(disk.log.lock().is_empty());
}

/// A disk whose segment syncs wait for a permit once it is armed.
struct GatedDisk {
    armed: AtomicBool,
    entered: Mutex<mpsc::Sender<()>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Disk for GatedDisk {
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        SystemDisk.append(file, bytes)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        if self.armed.load(Ordering::SeqCst) {
            self.entered.lock().send(()).unwrap();
            self.gate.lock().recv().unwrap();
        }
        SystemDisk.sync_data(file)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        SystemDisk.sync_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)
    }
}

#[tokio::test]
async fn writes_that_wait_together_share_one_sync_and_show_only_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (entered, is_in) = mpsc::channel();
    let (open, gate) = mpsc::channel();
    let disk = GatedDisk {
        armed: AtomicBool::new(false),
        entered: Mutex::new(entered),
        gate: Mutex::new(gate),
    };
    let disk = Arc::new(disk);
    let store = Store::open_on(dir.path(), StoreConfig::default(), disk.clone())
        .await
        .unwrap();
    disk.armed.store(true, Ordering::SeqCst);

    let mut first = Box::pin(store.put(content(0, 10)));
    assert!(poll_once(&mut first).await.is_pending());
    is_in.recv().unwrap();
    let mut others: Vec<_> = (1..50)
        .map(|seed| Box::pin(store.put(content(seed, 10))))
        .collect();
    for other in &mut others {
        assert!(poll_once(other).await.is_pending());
    }
    assert_eq!(
        store.stats().blocks,
        0,
        "nothing is visible before its sync"
    );
    open.send(()).unwrap();
    open.send(()).unwrap();
    first.await.unwrap();
    for cid in join_all(others).await {
        assert!(store.has(&cid.unwrap()));
    }
    assert_eq!((store.stats().blocks, store.stats().syncs), (50, 2));
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|ctx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(ctx))).await
}

#[tokio::test]
async fn a_write_given_up_half_way_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreConfig::default())
        .await
        .unwrap();
    // The reader ends with an error after ten leaves, past the first window.
    let body = content(1, 10 * CHUNK_BYTES);
    let broken = tokio_util::io::StreamReader::new(futures::stream::iter([
        Ok(body.clone()),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ]));
    assert!(matches!(
        store.put_stream(broken, u64::MAX).await,
        Err(IpfsError::Input(_))
    ));
    let too_long = store.put_stream(&body[..], body.len() as u64 - 1).await;
    assert!(
        matches!(too_long, Err(IpfsError::TooLarge { .. })),
        "{too_long:?}"
    );
    // A deletion queues behind the cleaning.
    store.delete(Vec::new()).await.unwrap();
    assert_eq!(store.list(Which::Blocks, None, 10).unwrap(), []);
    assert_eq!(
        std::fs::read_dir(dir.path().join("flat")).unwrap().count(),
        0
    );
    // Leaves that another file needs stay.
    let cid = store.put(body.clone()).await.unwrap();
    assert!(
        store
            .put_stream(&body[..], body.len() as u64 - 1)
            .await
            .is_err()
    );
    store.delete(Vec::new()).await.unwrap();
    assert_eq!(store.get(cid).await.unwrap(), body);
}
