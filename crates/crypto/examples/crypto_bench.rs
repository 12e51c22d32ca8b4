//! Prints one JSON object with the speed of what Carechain does most.
//!
//! `cargo run --release -p carechain-crypto --example crypto_bench [--features native]`
// A benchmark needs a clock; the library has none.
#![allow(clippy::disallowed_methods)]

use core::convert::Infallible;
use core::hint::black_box;
use std::time::{Duration, Instant};

use alloy_primitives::{B256, U256};
use carechain_crypto::{
    KeySlot, Lane, LaneKey, RecordKey, SignedWrap, SigningKey, Words, WrapBody, WrapInfo,
    open_envelope, recover, seal_envelope,
};
use rand_core::{TryCryptoRng, TryRng};
use serde_json::json;

/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(400);

/// A counter: it stands in for randomness, whose cost is not measured.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0 += 1;
        Ok(self.0 as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            self.0 += 1;
            chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

/// Calls a second.
fn rate(mut f: impl FnMut()) -> f64 {
    f();
    let start = Instant::now();
    let mut calls = 0u32;
    while start.elapsed() < SPAN {
        f();
        calls += 1;
    }
    (f64::from(calls) / start.elapsed().as_secs_f64()).round()
}

fn main() {
    let rng = &mut Counter(1);
    let (key, uid) = (RecordKey::random(rng), B256::repeat_byte(1));
    let mut envelope = |len: usize| {
        let content = vec![7u8; len];
        let blob = seal_envelope(&key, &uid, 1, b"meta", &content, rng).expect("within bounds");
        let seal = rate(|| {
            black_box(seal_envelope(&key, &uid, 1, b"meta", &content, rng).expect("as above"));
        });
        let open = rate(|| {
            black_box(open_envelope(&key, &uid, 1, &blob).expect("just sealed"));
        });
        (seal, open)
    };
    let large = envelope(8 << 20);
    let small = envelope(1024);

    let lane = Lane::new(3).expect("a lane");
    let slot = KeySlot {
        subject: uid,
        record: uid,
        version: 1,
        lane,
        epoch: 0,
    };
    let lane_key = LaneKey::from_bytes([3; 32]);
    let sealed = slot.seal(&lane_key, &key, rng);
    let slot_seal = rate(|| {
        black_box(slot.seal(&lane_key, &key, rng));
    });
    let slot_open = rate(|| {
        black_box(slot.open(&lane_key, &sealed).expect("just sealed"));
    });

    let device = SigningKey::random(rng);
    let (wrap_seal, wrap_open) = wraps(&device, uid, rng);
    let signature = device.sign_digest(&uid);
    let sign = rate(|| {
        black_box(device.sign_digest(&uid));
    });
    let recovered = rate(|| {
        black_box(recover(&uid, &signature).expect("just signed"));
    });

    let report = json!({
        "native": cfg!(feature = "native"),
        "seal_mb_per_s": (large.0 * 8.388_608).round(),
        "open_mb_per_s": (large.1 * 8.388_608).round(),
        "seal_1kib_per_s": small.0, "open_1kib_per_s": small.1,
        "slot_seal_per_s": slot_seal, "slot_open_per_s": slot_open,
        "wrap_seal_per_s": wrap_seal, "wrap_open_per_s": wrap_open,
        "sign_per_s": sign, "recover_per_s": recovered,
    });
    println!("{report}");
}

/// Seals and opens a second, for a grant of all lanes.
fn wraps(device: &SigningKey, id: B256, rng: &mut Counter) -> (f64, f64) {
    let seed = Words::from_entropy(&[5; 32]).seed();
    let roots = seed.roots(0);
    let secret = seed.roots(1).current().kem_secret();
    let info = WrapInfo {
        chain_id: 1,
        subject: id,
        grantee: id,
        grantee_key_version: 1,
        grant: id,
        read_lanes: 0xFFFF,
        write_lanes: 0,
        epochs: U256::ZERO,
    };
    let body = WrapBody::of_grant(&roots, &info, None);
    let mut make = || {
        SignedWrap::seal(&info, &body, &secret.public(), 1, device, rng).expect("matching lanes")
    };
    let wrap = make();
    let wrap_seal = rate(|| {
        black_box(make());
    });
    let wrap_open = rate(|| {
        black_box(
            wrap.open(&info, device.address(), &secret)
                .expect("just sealed"),
        );
    });
    (wrap_seal, wrap_open)
}
