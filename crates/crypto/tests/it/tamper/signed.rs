//! Wraps, metadata, keysets and key bundles.

use alloy_primitives::{Address, B256, U256};
use carechain_crypto::{
    KemSecret, KeyBundle, Keyset, KeysetChain, KeysetContracts, KeysetHeader, KeysetKind,
    KeysetSecrets, Meta, PasswordCost, PersonTag, Seed, SignedWrap, SigningKey, Statement,
    WrapBody, WrapInfo,
};
use serde_json::{Value, json};

use super::{Count, b};
use crate::rng::Fixed;

/// A wrap with what opens it.
struct Made {
    device: SigningKey,
    secret: KemSecret,
    info: WrapInfo,
    body: WrapBody,
    wrap: SignedWrap,
}

impl Made {
    fn new(seed: &Seed) -> Self {
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
        Self {
            device,
            secret,
            info,
            body,
            wrap,
        }
    }

    fn opens(&self, wrap: &SignedWrap, info: &WrapInfo) -> bool {
        wrap.open(info, self.device.address(), &self.secret).is_ok()
    }
}

pub(super) fn wraps(count: &mut Count, seed: &Seed) {
    let made = Made::new(seed);
    let Made {
        device, info, wrap, ..
    } = &made;
    let info = *info;
    count.all_changes("wrap", &wrap.sealed, &[1], |x| {
        made.opens(
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
        count.refuse("a changed wrap signed again", made.opens(&resigned, &info));
    }
    for at in 0..wrap.signature.len() {
        let mut changed = wrap.clone();
        changed.signature[at] ^= 1;
        count.refuse("a wrap with another signature", made.opens(&changed, &info));
    }
    count.refuse(
        "a wrap of another time",
        made.opens(
            &SignedWrap {
                signed_at: 8,
                ..wrap.clone()
            },
            &info,
        ),
    );
}

pub(super) fn wraps_elsewhere(count: &mut Count, seed: &Seed) {
    let made = Made::new(seed);
    let Made {
        device, info, wrap, ..
    } = &made;
    let info = *info;
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
        count.refuse("a wrap of another grant or epoch", made.opens(wrap, &other));
        let signature = device.sign_digest(&other.signature_digest(9, &wrap.sealed));
        count.refuse(
            "the same signed again",
            made.opens(
                &SignedWrap {
                    signature,
                    ..wrap.clone()
                },
                &other,
            ),
        );
    }
}

pub(super) fn forged_wraps(count: &mut Count, seed: &Seed) {
    let rng = &mut Fixed::new("tamper forged wraps");
    let made = Made::new(seed);
    let (info, grantee) = (made.info, made.secret.public());
    let stranger = SigningKey::random(rng);
    let forged = SignedWrap::seal(&info, &made.body, &grantee, 9, &stranger, rng).unwrap();
    count.refuse("a wrap that a stranger made", made.opens(&forged, &info));
    let wider = WrapBody::of_grant(
        &seed.roots(0),
        &WrapInfo {
            read_lanes: 0xFF,
            ..info
        },
        None,
    );
    let wider = SignedWrap::seal(&info, &wider, &grantee, 9, &made.device, rng);
    count.refuse("a wrap of more lanes than the grant", wider.is_ok());
}

fn statement() -> Statement {
    Statement {
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
    }
}

pub(super) fn metas(count: &mut Count) {
    let (uid, tag) = (b(1), PersonTag::from_bytes([2; 32]));
    let device = SigningKey::from_bytes(&[3; 32]).unwrap();
    let bytes = Meta::sign(statement(), &uid, 1, &tag, &device)
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
}

pub(super) fn other_encodings(count: &mut Count) {
    let statement = statement();
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

pub(super) fn keysets(count: &mut Count, seed: &Seed) {
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

pub(super) fn bundles(count: &mut Count, seed: &Seed) {
    let bundle = KeyBundle::of(seed.roots(0).current());
    let hash = bundle.hash();
    count.all_changes("key bundle", &bundle.encode(), &[1, 0x80], |x| {
        KeyBundle::decode_checked(x, &hash).is_ok()
    });
}
