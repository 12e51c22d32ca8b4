//! Envelopes, slots, back-links and inbox slots.

use carechain_crypto::{
    BackLink, InboxSlot, KeySlot, Lane, LaneKey, RecordKey, Sealer, Seed, open_envelope,
    seal_envelope,
};

use super::{Count, b, every_way};
use crate::rng::Fixed;

pub(super) fn envelopes(count: &mut Count) {
    let rng = &mut Fixed::new("tamper envelopes");
    let (key, uid) = (RecordKey::random(rng), b(1));
    let blob = seal_envelope(&key, &uid, 1, b"meta", b"content", rng).unwrap();
    count.all_changes("envelope", &blob, &every_way(), |x| {
        open_envelope(&key, &uid, 1, x).is_ok()
    });

    let content = vec![7u8; 9000];
    let mut sealer = Sealer::with_segments(12, &key, &uid, 1, b"m", 9000, rng).unwrap();
    let mut large = Vec::new();
    sealer.update(&content, &mut large).unwrap();
    sealer.finish(&mut large).unwrap();
    assert!(open_envelope(&key, &uid, 1, &large).is_ok());
    let ends = [4096usize, 8192];
    for at in (0..large.len())
        .step_by(97)
        .chain(ends.iter().flat_map(|e| e - 20..e + 20))
    {
        let mut changed = large.clone();
        changed[at] ^= 0x10;
        let accepted = open_envelope(&key, &uid, 1, &changed).is_ok();
        count.refuse("a byte of a large envelope", accepted);
    }
    for end in ends {
        let accepted = open_envelope(&key, &uid, 1, &large[..end]).is_ok();
        count.refuse("an envelope cut at a segment", accepted);
        let without = [&large[..end - 4096], &large[end..]].concat();
        let accepted = open_envelope(&key, &uid, 1, &without).is_ok();
        count.refuse("an envelope without a segment", accepted);
        let twice = [&large[..end], &large[end - 4096..]].concat();
        let accepted = open_envelope(&key, &uid, 1, &twice).is_ok();
        count.refuse("an envelope with a segment twice", accepted);
    }

    // Swaps between records and versions, with one key or with each its own.
    let blobs: Vec<_> = (0..24u8)
        .map(|i| {
            let own = RecordKey::random(rng);
            let (uid, version) = (b(i / 4), u32::from(i % 4) + 1);
            let shared = seal_envelope(&key, &uid, version, b"", &[i], rng).unwrap();
            let separate = seal_envelope(&own, &uid, version, b"", &[i], rng).unwrap();
            (uid, version, own, shared, separate)
        })
        .collect();
    for (i, (uid, version, own, ..)) in blobs.iter().enumerate() {
        for (j, (.., shared, separate)) in blobs.iter().enumerate() {
            if i == j {
                continue;
            }
            let accepted = open_envelope(&key, uid, *version, shared).is_ok();
            count.refuse("an envelope of another record or version", accepted);
            let accepted = open_envelope(own, uid, *version, separate).is_ok();
            count.refuse("an envelope of another key", accepted);
        }
        // The header of one with the segments of another.
        let (.., mine, _) = &blobs[i];
        let (.., theirs, _) = &blobs[(i + 1) % blobs.len()];
        let mixed = [&mine[..72], &theirs[72..]].concat();
        let accepted = open_envelope(&key, uid, *version, &mixed).is_ok();
        count.refuse("a header with other segments", accepted);
    }
}

pub(super) fn slots(count: &mut Count) {
    let rng = &mut Fixed::new("tamper slots");
    let (lane_key, key) = (LaneKey::from_bytes([1; 32]), RecordKey::from_bytes([2; 32]));
    let lane = |n| Lane::new(n).unwrap();
    let slot = KeySlot {
        subject: b(1),
        record: b(2),
        version: 3,
        lane: lane(4),
        epoch: 5,
    };
    let sealed = slot.seal(&lane_key, &key, rng);
    count.all_changes("key slot", &sealed, &every_way(), |x| {
        slot.open(&lane_key, x).is_ok()
    });
    let others = [
        KeySlot {
            subject: b(9),
            ..slot
        },
        KeySlot {
            record: b(9),
            ..slot
        },
        KeySlot { version: 2, ..slot },
        KeySlot {
            lane: lane(5),
            ..slot
        },
        KeySlot { epoch: 4, ..slot },
        KeySlot { epoch: 6, ..slot },
    ];
    for other in others {
        count.refuse(
            "a key slot elsewhere",
            other.open(&lane_key, &sealed).is_ok(),
        );
    }
    count.refuse(
        "a key slot, other key",
        slot.open(&LaneKey::from_bytes([3; 32]), &sealed).is_ok(),
    );
}

pub(super) fn back_links(count: &mut Count) {
    let rng = &mut Fixed::new("tamper back-links");
    let lane_key = LaneKey::from_bytes([1; 32]);
    let lane = |n| Lane::new(n).unwrap();
    let link = BackLink {
        subject: b(1),
        lane: lane(4),
        epoch: 5,
    };
    let older = LaneKey::from_bytes([4; 32]);
    let sealed = link.seal(&lane_key, &older, rng).unwrap();
    count.all_changes("back-link", &sealed, &every_way(), |x| {
        link.open(&lane_key, x).is_ok()
    });
    let others = [
        BackLink {
            subject: b(9),
            ..link
        },
        BackLink {
            lane: lane(9),
            ..link
        },
        BackLink { epoch: 4, ..link },
        BackLink {
            epoch: u16::MAX,
            ..link
        },
    ];
    for other in others {
        count.refuse(
            "a back-link elsewhere",
            other.open(&lane_key, &sealed).is_ok(),
        );
    }
    // 64 bytes each: neither is the other.
    let as_slot = KeySlot {
        subject: b(1),
        record: b(2),
        version: 3,
        lane: lane(4),
        epoch: 5,
    };
    count.refuse(
        "a back-link as a slot",
        as_slot.open(&lane_key, &sealed).is_ok(),
    );
}

pub(super) fn inbox(count: &mut Count, seed: &Seed) {
    let rng = &mut Fixed::new("tamper inbox");
    let secret = seed.roots(0).current().kem_secret();
    let key = RecordKey::from_bytes([2; 32]);
    let slot = InboxSlot {
        subject: b(1),
        key_version: 2,
        record: b(3),
        version: 4,
    };
    let sealed = slot.seal(&secret.public(), &key, rng);
    count.all_changes("inbox slot", &sealed, &[1], |x| {
        slot.open(&secret, x).is_ok()
    });
    let others = [
        InboxSlot {
            subject: b(9),
            ..slot
        },
        InboxSlot {
            key_version: 1,
            ..slot
        },
        InboxSlot {
            record: b(9),
            ..slot
        },
        InboxSlot { version: 3, ..slot },
    ];
    for other in others {
        count.refuse(
            "an inbox slot elsewhere",
            other.open(&secret, &sealed).is_ok(),
        );
    }
    let other = seed.roots(1).current().kem_secret();
    count.refuse(
        "an inbox slot of another patient",
        slot.open(&other, &sealed).is_ok(),
    );
}
