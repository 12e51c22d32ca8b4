//! At least 100,000 changed inputs, each of them refused.
//!
//! Every byte of an envelope is changed in all 255 ways; slots, links, metadata and keyset bodies
//! too; what costs a key decapsulation in one way a byte. Every truncation, some extensions, and
//! every swap between records, versions, lanes, epochs and subjects.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use carechain_crypto::{
    BackLink, InboxSlot, KeyBundle, KeySlot, Keyset, KeysetChain, KeysetContracts, KeysetHeader,
    KeysetKind, KeysetSecrets, Lane, LaneKey, Meta, PasswordCost, PersonTag, RecordKey, Sealer,
    Seed, SignedWrap, SigningKey, Statement, Words, WrapBody, WrapInfo, open_envelope,
    seal_envelope,
};
use serde_json::{Value, json};

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

fn envelopes(count: &mut Count) {
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

fn slots(count: &mut Count) {
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

fn inbox(count: &mut Count, seed: &Seed) {
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

fn wraps(count: &mut Count, seed: &Seed) {
    let rng = &mut Fixed::new("tamper wraps");
    let device = SigningKey::random(rng);
    let secret = seed.roots(1).current().kem_secret();
    let info = WrapInfo {
        chain_id: 1,
        subject: b(1),
        grantee: b(2),
        grantee_key_version: 3,
        grant: b(4),
        read_lanes: 0b101,
        write_lanes: 0b110,
        epochs: U256::from(0x0003_0002_0001u64),
    };
    let body = WrapBody::of_grant(&seed.roots(0), &info, Some("Ana".to_owned()));
    let wrap = SignedWrap::seal(&info, &body, &secret.public(), 9, &device, rng).unwrap();
    let opens = |w: &SignedWrap, i: &WrapInfo| w.open(i, device.address(), &secret).is_ok();
    count.all_changes("wrap", &wrap.sealed, &[1], |x| {
        opens(
            &SignedWrap {
                sealed: x.to_vec(),
                ..wrap.clone()
            },
            &info,
        )
    });
    // A signature over what was changed, by the right device: HPKE alone refuses.
    for at in (0..wrap.sealed.len()).step_by(7) {
        let mut sealed = wrap.sealed.clone();
        sealed[at] ^= 1;
        let signature = device.sign_digest(&info.signature_digest(9, &sealed));
        let resigned = SignedWrap {
            sealed,
            signed_at: 9,
            signature,
        };
        count.refuse("a changed wrap signed again", opens(&resigned, &info));
    }
    for at in 0..wrap.signature.len() {
        let mut changed = wrap.clone();
        changed.signature[at] ^= 1;
        count.refuse("a wrap with another signature", opens(&changed, &info));
    }
    count.refuse(
        "a wrap of another time",
        opens(
            &SignedWrap {
                signed_at: 8,
                ..wrap.clone()
            },
            &info,
        ),
    );
    let others = [
        WrapInfo {
            chain_id: 2,
            ..info
        },
        WrapInfo {
            subject: b(9),
            ..info
        },
        WrapInfo {
            grantee: b(9),
            ..info
        },
        WrapInfo {
            grantee_key_version: 2,
            ..info
        },
        WrapInfo {
            grant: b(9),
            ..info
        },
        WrapInfo {
            read_lanes: 0b111,
            ..info
        },
        WrapInfo {
            read_lanes: 0b001,
            ..info
        },
        WrapInfo {
            write_lanes: 0b111,
            ..info
        },
        WrapInfo {
            epochs: U256::from(0x0003_0002_0002u64),
            ..info
        },
    ];
    for other in others {
        count.refuse("a wrap of another grant or epoch", opens(&wrap, &other));
        let signature = device.sign_digest(&other.signature_digest(9, &wrap.sealed));
        count.refuse(
            "the same signed again",
            opens(
                &SignedWrap {
                    signature,
                    ..wrap.clone()
                },
                &other,
            ),
        );
    }
    let stranger = SigningKey::random(rng);
    let forged = SignedWrap::seal(&info, &body, &secret.public(), 9, &stranger, rng).unwrap();
    count.refuse("a wrap that a stranger made", opens(&forged, &info));
    let wider = WrapBody::of_grant(
        &seed.roots(0),
        &WrapInfo {
            read_lanes: 0xFF,
            ..info
        },
        None,
    );
    let wider = SignedWrap::seal(&info, &wider, &secret.public(), 9, &device, rng);
    count.refuse("a wrap of more lanes than the grant", wider.is_ok());
}

fn metas(count: &mut Count) {
    let (uid, tag) = (b(1), PersonTag::from_bytes([2; 32]));
    let device = SigningKey::from_bytes(&[3; 32]).unwrap();
    let statement = Statement {
        media_type: "application/fhir+json".to_owned(),
        category: 2,
        resource_type: Some("Observation".to_owned()),
        date: Some("2026-01-01".to_owned()),
        full_url: None,
        source: None,
        resource_id: Some("1".to_owned()),
        author: b(4),
        content_sha256: Statement::hash_content(b"content"),
        amends: None,
        signed_at: 5,
        outcome: None,
        title: None,
    };
    let bytes = Meta::sign(statement.clone(), &uid, 1, &tag, &device)
        .unwrap()
        .encode();
    let accepts = |x: &[u8], uid: &B256, version: u32, tag: &PersonTag| {
        Meta::decode(x).is_ok_and(|meta| {
            meta.signer(uid, version, tag) == Ok(device.address())
                && meta.check_content(b"content").is_ok()
        })
    };
    count.all_changes("metadata", &bytes, &[1, 2, 4, 8, 16, 32, 64, 128], |x| {
        accepts(x, &uid, 1, &tag)
    });
    count.refuse("metadata of another uid", accepts(&bytes, &b(9), 1, &tag));
    count.refuse(
        "metadata of another version",
        accepts(&bytes, &uid, 2, &tag),
    );
    count.refuse(
        "metadata of another person",
        accepts(&bytes, &uid, 1, &PersonTag::from_bytes([9; 32])),
    );
    let content = Meta::decode(&bytes).unwrap().check_content(b"other");
    count.refuse("other content", content.is_ok());

    // Other encodings of the same statement, and keys that do not exist.
    let good = statement.encode().unwrap();
    let head = usize::from(good[0]);
    let mut unknown = good.clone();
    unknown[0] = (head + 1) as u8;
    unknown.extend_from_slice(&[14, 0]);
    let indefinite = [&[0xBF][..], &good[1..], &[0xFF]].concat();
    let long_number = [&good[..1], &[0x18, 0x00], &good[2..]].concat();
    let long_head = [&[0xB8, good[0] & 0x1F][..], &good[1..]].concat();
    let mut swapped = vec![good[0]];
    swapped.extend_from_slice(&good[3..26]);
    swapped.extend_from_slice(&good[1..3]);
    swapped.extend_from_slice(&good[26..]);
    for other in [unknown, indefinite, long_number, long_head, swapped] {
        count.refuse(
            "another encoding of a statement",
            Statement::decode(&other).is_ok(),
        );
    }
    for empty in [
        Statement {
            title: Some(String::new()),
            ..statement.clone()
        },
        Statement {
            media_type: String::new(),
            ..statement.clone()
        },
        Statement {
            outcome: Some(Vec::new()),
            ..statement.clone()
        },
        Statement {
            category: 16,
            ..statement
        },
    ] {
        count.refuse("an impossible statement", empty.encode().is_ok());
    }
}

fn keysets(count: &mut Count, seed: &Seed) {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let rng = &mut Fixed::new("tamper keysets");
    let device = SigningKey::random(rng);
    let contracts = KeysetContracts {
        registry: Address::repeat_byte(1),
        directory: Address::repeat_byte(2),
        consent: Address::repeat_byte(3),
        records: Address::repeat_byte(4),
    };
    let header = KeysetHeader {
        chain: KeysetChain {
            id: 1,
            genesis: b(1),
            node_key: Address::repeat_byte(5),
            contracts,
        },
        subject: seed.subject(0).unwrap(),
        kind: KeysetKind::Patient,
        index: 0,
        address: device.address(),
    };
    let secrets = KeysetSecrets {
        roots: seed.roots(0),
        device,
        root: None,
    };
    let cost = PasswordCost::new(8, 1, 1).unwrap();
    let open = Keyset::create(header, secrets, "password", cost, rng).unwrap();
    let mut file: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    for field in ["/sealed", "/unlockers/0/sealed", "/unlockers/0/salt"] {
        let good = STANDARD
            .decode(file.pointer(field).unwrap().as_str().unwrap())
            .unwrap();
        count.all_changes(field, &good, &[1, 2, 4, 8, 16, 32, 64, 128], |x| {
            *file.pointer_mut(field).unwrap() = json!(STANDARD.encode(x));
            let parsed = Keyset::parse(&serde_json::to_vec(&file).unwrap());
            parsed.is_ok_and(|keyset| keyset.open("password").is_ok())
        });
        *file.pointer_mut(field).unwrap() = json!(STANDARD.encode(&good));
    }
}

fn bundles(count: &mut Count, seed: &Seed) {
    let bundle = KeyBundle::of(seed.roots(0).current());
    let hash = bundle.hash();
    count.all_changes("key bundle", &bundle.encode(), &[1, 0x80], |x| {
        KeyBundle::decode_checked(x, &hash).is_ok()
    });
}

#[test]
fn a_hundred_thousand_changed_inputs_are_refused() {
    let start = Instant::now();
    let seed = Words::generate(&mut Fixed::new("tamper")).seed();
    let mut count = Count { refused: 0 };
    let parts: [(&str, &dyn Fn(&mut Count)); 7] = [
        ("envelopes", &envelopes),
        ("slots and back-links", &slots),
        ("inbox slots", &|c| inbox(c, &seed)),
        ("wraps", &|c| wraps(c, &seed)),
        ("metadata", &metas),
        ("keysets", &|c| keysets(c, &seed)),
        ("key bundles", &|c| bundles(c, &seed)),
    ];
    for (name, part) in parts {
        let (before, began) = (count.refused, Instant::now());
        part(&mut count);
        println!(
            "{name}: {} refused in {:.1?}",
            count.refused - before,
            began.elapsed()
        );
    }
    let took = start.elapsed();
    println!("tampered inputs refused: {} in {took:.1?}", count.refused);
    assert!(
        count.refused >= AT_LEAST,
        "only {} inputs were tried",
        count.refused
    );
    assert!(took < AT_MOST, "took {took:?}");
}
