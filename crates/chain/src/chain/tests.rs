//! The order of durability and visibility, on a disk that waits or fails.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    admission::{AdmitAll, Ingress},
    wal::LogFile,
    wallet::{CHAIN_ID, Wallet},
};
use parking_lot::Mutex;
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

const WAIT: Duration = Duration::from_secs(30);

fn config(dir: &std::path::Path) -> ChainConfig {
    let key = ValidatorKey::from_bytes(&[9; 32]).unwrap();
    let genesis = Genesis::new(CHAIN_ID, "test", 1, key.address());
    ChainConfig::new(dir, genesis, Some(key), Arc::new(AdmitAll))
}

fn open_on(dir: &std::path::Path, wrap: impl FnOnce(File) -> Box<dyn LogFile>) -> Chain {
    let config = config(dir);
    let key = config.validator_key.clone().unwrap();
    Chain::open_on(config, Some(Box::new(LoneSealer::new(key))), wrap).unwrap()
}

/// Says when a sync begins and waits to be let through.
struct SlowFile {
    file: File,
    begun: Sender<()>,
    proceed: Receiver<()>,
}

impl LogFile for SlowFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.begun.send(()).map_err(io::Error::other)?;
        self.proceed.recv().map_err(io::Error::other)?;
        self.file.sync()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_visible_before_the_sync_returns() {
    let dir = tempfile::tempdir().unwrap();
    let (begun, has_begun) = channel();
    let (let_through, proceed) = channel();
    let chain = open_on(dir.path(), move |file| {
        Box::new(SlowFile {
            file,
            begun,
            proceed,
        })
    });
    let mut heads = chain.subscribe();
    let raw = Wallet::new("slow").deploy(0);
    let sender = chain.clone();
    let sent = tokio::spawn(async move { sender.send_sync(&raw, Ingress::Listener, WAIT).await });
    let has_begun = tokio::task::spawn_blocking(move || {
        has_begun.recv().unwrap();
        has_begun
    })
    .await
    .unwrap();
    // Executed, sealed, written, not synced: nobody may know.
    assert_eq!(chain.engine().tip().number, 1);
    assert_eq!(chain.head().number, 0);
    assert!(chain.receipts(1).is_none() && chain.block(1).is_none() && chain.logs(1).is_none());
    assert!(heads.try_recv().is_err());
    assert!(!sent.is_finished());
    assert_eq!(
        chain
            .nonce(Wallet::new("slow").address, BlockId::latest())
            .unwrap(),
        0
    );
    assert_eq!(chain.pending_nonce(Wallet::new("slow").address), 1);

    let_through.send(()).unwrap();
    let receipt = sent.await.unwrap().unwrap();
    assert_eq!(receipt.block_number, Some(1));
    assert_eq!(chain.head().number, 1);
    assert_eq!(heads.recv().await.unwrap().number, 1);
    drop((let_through, has_begun));
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Append,
    Sync,
}

/// Fails once its budget of good syncs is used up; like a real disk, it may have written.
struct FailingFile {
    file: File,
    good: usize,
    fault: Fault,
    asked: Arc<Mutex<usize>>,
}

impl LogFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        *self.asked.lock() += 1;
        if self.fault == Fault::Append && self.good == 0 {
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::other("injected append failure"));
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fault == Fault::Sync && self.good == 0 {
            return Err(io::Error::other("injected sync failure"));
        }
        self.good -= 1;
        self.file.sync()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_acknowledges_nothing_and_stops_the_chain() {
    for fault in [Fault::Append, Fault::Sync] {
        let dir = tempfile::tempdir().unwrap();
        let asked = Arc::new(Mutex::new(0));
        let counter = asked.clone();
        let chain = open_on(dir.path(), move |file| {
            Box::new(FailingFile {
                file,
                good: 2,
                fault,
                asked: counter,
            })
        });
        let wallet = Wallet::new("disk");
        for nonce in 0..2 {
            let raw = wallet.call(nonce, Address::ZERO, b"");
            chain
                .send_sync(&raw, Ingress::Listener, WAIT)
                .await
                .unwrap();
        }
        let raw = wallet.call(2, Address::ZERO, b"");
        let error = chain
            .send_sync(&raw, Ingress::Listener, WAIT)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ChainError::Disk(why) if why.contains("injected")),
            "{error}"
        );
        assert_eq!(chain.head().number, 2, "what is not durable is not shown");
        assert!(chain.receipts(3).is_none());
        // Refused from here on, by every door, without touching the disk again.
        let again = wallet.call(3, Address::ZERO, b"");
        assert!(matches!(
            chain.send(&again, Ingress::Gateway),
            Err(ChainError::Disk(_))
        ));
        assert!(matches!(chain.health(), Err(ChainError::Disk(_))));
        assert!(matches!(chain.wait_for(3).await, Err(ChainError::Disk(_))));
        assert_eq!(*asked.lock(), 3);
        drop(chain);
        // The folder opens again; what was acknowledged is there.
        let chain = Chain::open(config(dir.path())).unwrap();
        assert!(chain.head().number >= 2);
        assert!(chain.nonce(wallet.address, BlockId::latest()).unwrap() >= 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_refuses_and_releases() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(config(dir.path())).unwrap();
    let wallet = Wallet::new("stop");
    // It waits for nonce 0, which never comes.
    let raw = wallet.call(1, Address::ZERO, b"");
    let waiting = chain.clone();
    let waiting =
        tokio::spawn(async move { waiting.send_sync(&raw, Ingress::Listener, WAIT).await });
    let watcher = chain.clone();
    let watcher = tokio::spawn(async move { watcher.wait_for(100).await });
    while chain.pending_count() == 0 {
        tokio::task::yield_now().await;
    }
    let ending = chain.clone();
    tokio::task::spawn_blocking(move || ending.shutdown())
        .await
        .unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(ChainError::Stopped)));
    assert!(matches!(watcher.await.unwrap(), Err(ChainError::Stopped)));
    let late = wallet.call(0, Address::ZERO, b"");
    assert!(matches!(
        chain.send(&late, Ingress::Listener),
        Err(ChainError::Stopped)
    ));
    drop(chain);
    Chain::open(config(dir.path())).unwrap();
}

#[test]
fn only_the_named_validator_seals() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.validator_key = Some(ValidatorKey::from_bytes(&[8; 32]).unwrap());
    assert!(matches!(
        Chain::open(config),
        Err(ChainError::NotValidator { .. })
    ));
}
