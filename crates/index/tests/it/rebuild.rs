//! An index built anew is the same, however its blocks were cut and whenever it was restarted.

use alloy_primitives::U256;
use carechain_domain::{Kind, Status};
use proptest::prelude::*;
use tempfile::TempDir;

use super::chain::Chain;
use super::open;

/// What a random history is made of. Numbers choose among what exists at that point.
#[derive(Clone, Debug)]
enum Step {
    Register(u8),
    Status(u8, u8),
    Device(u8),
    RemoveDevice(u8),
    KeyBundle(u8, u16),
    Vote(u8, u8),
    Request(u8, u8),
    Answer(u8, bool),
    Grant(u8, u8, u16, u64),
    End(u8, bool),
    Epochs(u8, u16, u64),
    Lower(u8, u64),
    Anchor(u8, u8, u8, bool),
    NextVersion(u8),
    Pointer(u8),
    Seal,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<u8>().prop_map(Step::Register),
        1 => (any::<u8>(), 1u8..=4).prop_map(|(s, status)| Step::Status(s, status)),
        1 => any::<u8>().prop_map(Step::Device),
        1 => any::<u8>().prop_map(Step::RemoveDevice),
        1 => (any::<u8>(), any::<u16>()).prop_map(|(s, v)| Step::KeyBundle(s, v)),
        1 => (any::<u8>(), 1u8..=4).prop_map(|(s, d)| Step::Vote(s, d)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(s, r)| Step::Request(s, r)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(r, yes)| Step::Answer(r, yes)),
        1 => (any::<u8>(), any::<u8>(), any::<u16>(), 0u64..1 << 40)
            .prop_map(|(s, g, lanes, until)| Step::Grant(s, g, lanes, until)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(g, revoked)| Step::End(g, revoked)),
        1 => (any::<u8>(), any::<u16>(), any::<u64>()).prop_map(|(s, l, f)| Step::Epochs(s, l, f)),
        1 => (any::<u8>(), any::<u64>()).prop_map(|(s, f)| Step::Lower(s, f)),
        6 => (any::<u8>(), any::<u8>(), 0u8..16, any::<bool>())
            .prop_map(|(s, a, lane, amends)| Step::Anchor(s, a, lane, amends)),
        2 => any::<u8>().prop_map(Step::NextVersion),
        1 => any::<u8>().prop_map(Step::Pointer),
        4 => Just(Step::Seal),
    ]
}

/// What exists so far.
#[derive(Default)]
struct World {
    chain: Chain,
    subjects: u64,
    devices: Vec<(u64, u64)>,
    added: u64,
    requests: Vec<(u64, u64, u64)>,
    grants: Vec<(u64, u64, u64)>,
    granted: u64,
    requested: u64,
    /// Subject, author, lane, version; the number is the place.
    records: Vec<(u64, u64, u8, u32)>,
}

impl World {
    fn pick(&self, n: u8) -> u64 {
        u64::from(n) % self.subjects + 1
    }

    fn take(&mut self, step: &Step) {
        if self.subjects == 0 {
            self.register(Kind::Doctor);
        }
        match *step {
            Step::Register(kind) => {
                self.register(Kind::try_from(kind % 5 + 1).unwrap());
            }
            Step::Device(s) => {
                self.added += 1;
                let (s, device) = (self.pick(s), 10_000 + self.added);
                self.devices.push((s, device));
                self.chain.device(s, device);
            }
            Step::RemoveDevice(d) => self.remove_device(d),
            Step::Status(s, status) => {
                let s = self.pick(s);
                self.chain.status(s, Status::try_from(status).unwrap(), 1);
            }
            Step::KeyBundle(s, version) => {
                let s = self.pick(s);
                self.chain.key_bundle(s, version);
            }
            Step::Vote(s, decision) => {
                let s = self.pick(s);
                self.chain.vote(s, 1, decision);
            }
            Step::Pointer(n) => {
                self.chain.pointer(u64::from(n % 4), u32::from(n));
            }
            Step::Seal => {
                self.chain.seal();
            }
            Step::Request(s, r) => {
                self.requested += 1;
                let (n, s, r) = (self.requested, self.pick(s), self.pick(r));
                self.requests.push((n, s, r));
                self.chain.request(n, s, r);
            }
            Step::Answer(r, yes) => self.answer(r, yes),
            Step::Grant(s, g, lanes, until) => {
                self.granted += 1;
                let (n, s, g) = (self.granted, self.pick(s), self.pick(g));
                self.grants.push((n, s, g));
                self.chain.grant(n, s, g, lanes, until);
            }
            Step::End(g, revoked) => self.end(g, revoked),
            Step::Epochs(s, lanes, fresh) => {
                let s = self.pick(s);
                self.chain.epochs(s, lanes, U256::from(fresh) << 100, fresh);
            }
            Step::Lower(s, fresh) => {
                let s = self.pick(s);
                self.chain.lower(s, fresh);
            }
            Step::Anchor(s, a, lane, amends) => {
                let (s, a) = (self.pick(s), self.pick(a));
                let n = self.records.len() as u64;
                let amended = (amends && n > 0).then_some(n / 2);
                self.records.push((s, a, lane, 1));
                self.chain.anchor((s, a), (n, 1), lane, amended);
            }
            Step::NextVersion(r) => self.next_version(r),
        }
    }

    fn remove_device(&mut self, d: u8) {
        if self.devices.is_empty() {
            return;
        }
        let (s, device) = self
            .devices
            .swap_remove(usize::from(d) % self.devices.len());
        self.chain.remove_device(s, device);
    }

    fn next_version(&mut self, r: u8) {
        if self.records.is_empty() {
            return;
        }
        let at = usize::from(r) % self.records.len();
        self.records[at].3 += 1;
        let (s, a, lane, version) = self.records[at];
        self.chain.anchor((s, a), (at as u64, version), lane, None);
    }

    fn answer(&mut self, r: u8, yes: bool) {
        if self.requests.is_empty() {
            return;
        }
        let (n, s, by) = self
            .requests
            .swap_remove(usize::from(r) % self.requests.len());
        if r.is_multiple_of(3) {
            self.chain.withdraw(n, s, by);
        } else {
            self.chain.answer(n, s, by, yes.then_some(n));
        }
    }

    fn end(&mut self, g: u8, revoked: bool) {
        if self.grants.is_empty() {
            return;
        }
        let (n, s, to) = self.grants.swap_remove(usize::from(g) % self.grants.len());
        self.chain.end(n, s, to, revoked);
    }

    fn register(&mut self, kind: Kind) {
        self.subjects += 1;
        let status = if kind == Kind::Patient {
            Status::Approved
        } else {
            Status::Pending
        };
        self.chain.register(self.subjects, kind, status);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rebuilt_from_genesis_it_is_identical(
        steps in prop::collection::vec(step(), 1..160),
        restart in 1usize..8,
    ) {
        let mut world = World::default();
        for step in &steps {
            world.take(step);
        }
        world.chain.seal();
        let blocks = world.chain.blocks;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (followed, rebuilt, changed) = runtime.block_on(async {
            let folder = TempDir::new().unwrap();
            let mut index = open(&folder).await;
            let mut told = Vec::new();
            for (n, block) in blocks.iter().enumerate() {
                told.extend(index.apply(block.clone()).await.unwrap());
                if n % restart == 0 {
                    index.close().await;
                    index = open(&folder).await;
                    index.acknowledge(n as u64 / 2).await.unwrap();
                }
            }
            let fresh = TempDir::new().unwrap();
            let again = open(&fresh).await;
            let retold = again.apply_many(&blocks).await.unwrap();
            assert_eq!(told, retold, "the same changes");
            let rebuilt = again.digest().await.unwrap();
            let mut longer = Chain::default();
            longer.blocks = blocks;
            again.apply(longer.key_bundle(1, 7_777).seal()).await.unwrap();
            (index.digest().await.unwrap(), rebuilt, again.digest().await.unwrap())
        });
        prop_assert_eq!(followed, rebuilt);
        prop_assert_ne!(rebuilt, changed, "the digest sees a change");
    }
}
