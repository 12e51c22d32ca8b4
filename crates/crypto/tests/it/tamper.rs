//! At least 100,000 changed inputs, each of them refused.
//!
//! Every byte of an envelope is changed in all 255 ways; slots, links, metadata and keyset bodies
//! too; what costs a key decapsulation in one way a byte. Every truncation, some extensions, and
//! every swap between records, versions, lanes, epochs and subjects.
// The test measures itself; the library has no clock.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod sealed;
mod signed;

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use carechain_crypto::Words;

use crate::rng::Fixed;

const AT_LEAST: u64 = 100_000;
const AT_MOST: Duration = Duration::from_secs(60);

/// Counts refusals, and fails at the first input that is accepted.
struct Count {
    refused: u64,
}

impl Count {
    fn refuse(&mut self, what: &str, accepted: bool) {
        assert!(!accepted, "accepted: {what}");
        self.refused += 1;
    }

    fn part(&mut self, name: &str, part: impl FnOnce(&mut Self)) {
        let (before, began) = (self.refused, Instant::now());
        part(self);
        println!(
            "{name}: {} refused in {:.1?}",
            self.refused - before,
            began.elapsed()
        );
    }

    /// Changes every byte in the given ways, cuts at every length, and adds bytes.
    fn all_changes(
        &mut self,
        what: &str,
        good: &[u8],
        ways: &[u8],
        mut accepts: impl FnMut(&[u8]) -> bool,
    ) {
        assert!(
            accepts(good),
            "{what}: the unchanged input must be accepted"
        );
        let mut changed = good.to_vec();
        for at in 0..good.len() {
            for way in ways {
                changed[at] ^= way;
                let accepted = accepts(&changed);
                self.refuse(&format!("{what}: byte {at} changed by {way:#x}"), accepted);
                changed[at] ^= way;
            }
        }
        for len in 0..good.len() {
            let accepted = accepts(&good[..len]);
            self.refuse(&format!("{what}: cut to {len}"), accepted);
        }
        for extra in [1usize, 15, 16, 17, 512, 4096] {
            for fill in [0u8, 0xFF] {
                let longer = [good, &vec![fill; extra]].concat();
                let accepted = accepts(&longer);
                self.refuse(&format!("{what}: {extra} bytes more"), accepted);
            }
        }
    }
}

fn b(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn every_way() -> Vec<u8> {
    (1..=255).collect()
}

#[test]
fn a_hundred_thousand_changed_inputs_are_refused() {
    let start = Instant::now();
    let seed = Words::generate(&mut Fixed::new("tamper")).seed();
    let mut count = Count { refused: 0 };
    count.part("envelopes", sealed::envelopes);
    count.part("key slots", sealed::slots);
    count.part("back-links", sealed::back_links);
    count.part("inbox slots", |c| sealed::inbox(c, &seed));
    count.part("wraps", |c| signed::wraps(c, &seed));
    count.part("wraps elsewhere", |c| signed::wraps_elsewhere(c, &seed));
    count.part("forged wraps", |c| signed::forged_wraps(c, &seed));
    count.part("metadata", signed::metas);
    count.part("other encodings", signed::other_encodings);
    count.part("keysets", |c| signed::keysets(c, &seed));
    count.part("key bundles", |c| signed::bundles(c, &seed));
    let took = start.elapsed();
    println!("tampered inputs refused: {} in {took:.1?}", count.refused);
    assert!(
        count.refused >= AT_LEAST,
        "only {} inputs were tried",
        count.refused
    );
    assert!(took < AT_MOST, "took {took:?}");
}
