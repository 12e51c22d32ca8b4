//! The committed vectors are made again and compared; `CARECHAIN_BLESS=1` rewrites them.
//!
//! `vectors/reader` opens the same files with other libraries.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};
use carechain_crypto::{
    Application, ApplicationDocument, ApplicationKeySlot, BackLink, CID_BYTES, Committed,
    InboxSlot, KeyBundle, KeySlot, Keyset, KeysetChain, KeysetContracts, KeysetHeader, KeysetKind,
    KeysetSecrets, Lane, MailInfo, Meta, PasswordCost, RecordKey, Release, Sealer, Seed,
    SignedWrap, SigningKey, Statement, Words, WrapBody, WrapInfo, application_uid, commitment,
    content_id, credential_hash, fold, head_digest, profile_hash, receipt_hash, record_id,
    release_root, seal_application, sealed_hash, tag, uid, word,
};
use serde_json::{Value, json};

use crate::rng::Fixed;

const CONTENT: &str = r#"{"resourceType":"Observation","id":"bp-1","status":"final"}"#;
const CHAIN_ID: u64 = 20_260;

fn x(bytes: impl AsRef<[u8]>) -> Value {
    json!(format!("0x{}", hex::encode(bytes)))
}

fn b(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn seed() -> Seed {
    Words::from_entropy(&core::array::from_fn(|i| i as u8)).seed()
}

fn device() -> SigningKey {
    SigningKey::from_bytes(&[0x31; 32]).unwrap()
}

fn lane(number: u8) -> Lane {
    Lane::new(number).unwrap()
}

fn keys() -> Value {
    let words = Words::from_entropy(&core::array::from_fn(|i| i as u8));
    let seed = words.seed();
    let subjects: Vec<Value> = [0u32, 1, 7]
        .into_iter()
        .map(|index| {
            let subject = seed.subject(index).unwrap();
            let roots = seed.roots(index);
            let lanes = roots.lanes(&subject);
            let later = seed.encryption_root(index, 3);
            json!({
                "index": index,
                "root_key": x(*seed.root_key(index).unwrap().expose()),
                "root_address": x(seed.root_key(index).unwrap().address()),
                "salt": x(seed.subject_salt(index)),
                "subject": x(subject),
                "encryption_root": x(roots.current().expose()),
                "kem_public": x(roots.current().kem_secret().public().to_bytes()),
                "kem_public_generation_3": x(later.kem_secret().public().to_bytes()),
                "lane_key_5_epoch_258": x(roots.current().lane_key(&subject, lane(5), 258).expose()),
                "lane_key_5_epoch_258_generation_3": x(later.lane_key(&subject, lane(5), 258).expose()),
                "uid_key": x(roots.uid_key().expose()),
                "person_tag": x(roots.person_tag(&subject).expose()),
                "lanes": (0..16).map(|c| lanes.lane(c).unwrap().number()).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "words": words.reveal().as_str(), "subjects": subjects })
}

fn names() -> Value {
    let subject = b(0x11);
    let author = b(0x12);
    let key = seed().roots(0).uid_key();
    let uid = uid(
        &key,
        &subject,
        "https://h.example/fhir",
        "Observation",
        "bp-1",
    )
    .unwrap();
    let tag = tag(&uid, &subject);
    let record = record_id(&subject, &author, &tag);
    let record_key = RecordKey::from_bytes([0x21; 32]);
    let cid: [u8; CID_BYTES] =
        core::array::from_fn(|i| [1, 0x55, 0x12, 0x20].get(i).copied().unwrap_or(i as u8));
    let committed = Committed {
        chain_id: CHAIN_ID,
        subject: &subject,
        record: &record,
        version: 2,
        lane: lane(9),
        previous: &b(0x13),
        cid: &cid,
    };
    let commitment = commitment(&record_key, &committed);
    let word = word(2, &author, lane(9), &commitment);
    let once = fold(&B256::ZERO, &record, &word);
    json!({
        "uid_key": x(key.expose()), "subject": x(subject), "author": x(author),
        "source": "https://h.example/fhir", "type": "Observation", "id": "bp-1",
        "content": CONTENT, "content_id": content_id(CONTENT.as_bytes()),
        "uid": x(uid), "tag": x(tag), "record": x(record),
        "record_key": x(record_key.expose()), "chain_id": CHAIN_ID, "version": 2, "lane": 9,
        "previous": x(b(0x13)), "cid": x(cid), "commitment": x(commitment), "word": x(word),
        "rolling_1": x(once), "rolling_2": x(fold(&once, &record, &word)),
    })
}

fn statement(full: bool) -> Statement {
    let some = |text: &str| full.then(|| text.to_owned());
    Statement {
        media_type: if full {
            "application/fhir+json"
        } else {
            "image/png"
        }
        .to_owned(),
        category: if full { 2 } else { 15 },
        resource_type: some("Observation"),
        date: some("2026-03-01T10:00:00+01:00"),
        full_url: some("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        source: some("https://h.example/fhir"),
        resource_id: some("bp-1"),
        author: b(0x12),
        content_sha256: Statement::hash_content(CONTENT.as_bytes()),
        amends: full.then(|| b(0x14)),
        signed_at: 1_772_355_600,
        outcome: full.then(|| br#"{"resourceType":"OperationOutcome"}"#.to_vec()),
        title: some("Größe"),
    }
}

fn envelopes() -> Value {
    let rng = &mut Fixed::new("envelopes");
    let uid = b(0x22);
    let person_tag = seed().roots(0).person_tag(&b(0x11));
    let long: Vec<u8> = (0..9000usize).map(|i| (i * 31 % 251) as u8).collect();
    let nearly = vec![0x5A; 4008 - 12];
    let cases: [(&str, u8, Option<bool>, &[u8]); 4] = [
        (
            "a resource with every field",
            20,
            Some(true),
            CONTENT.as_bytes(),
        ),
        (
            "an attachment with few",
            20,
            Some(false),
            CONTENT.as_bytes(),
        ),
        ("three small segments, no metadata", 12, None, &long),
        (
            "padding that begins a second small segment",
            12,
            None,
            &nearly,
        ),
    ];
    let cases: Vec<Value> = cases
        .into_iter()
        .map(|(name, log2, full, content)| {
            let key = RecordKey::random(rng);
            let meta = full.map(|full| {
                Meta::sign(statement(full), &uid, 3, &person_tag, &device())
                    .unwrap()
                    .encode()
            });
            let meta = meta.unwrap_or_default();
            let len = content.len() as u64;
            let mut sealer = Sealer::with_segments(log2, &key, &uid, 3, &meta, len, rng).unwrap();
            let mut blob = Vec::new();
            sealer.update(content, &mut blob).unwrap();
            sealer.finish(&mut blob).unwrap();
            json!({
                "name": name, "key": x(key.expose()), "uid": x(uid), "version": 3,
                "segment_log2": log2, "meta": x(&meta), "content": x(content),
                "blob": x(&blob),
            })
        })
        .collect();
    json!({
        "person_tag": x(person_tag.expose()), "author_device": x(device().address()),
        "author": x(b(0x12)), "cases": cases,
    })
}

fn slots() -> Value {
    let rng = &mut Fixed::new("slots");
    let roots = seed().roots(0);
    let (subject, record) = (b(0x11), b(0x15));
    let record_key = RecordKey::from_bytes([0x21; 32]);
    let lane_key = roots.current().lane_key(&subject, lane(9), 4);
    let newer = roots.current().lane_key(&subject, lane(9), 5);
    let slot = KeySlot {
        subject,
        record,
        version: 3,
        lane: lane(9),
        epoch: 4,
    };
    let inbox = InboxSlot {
        subject,
        key_version: 2,
        record,
        version: 3,
    };
    let link = BackLink {
        subject,
        lane: lane(9),
        epoch: 4,
    };
    json!({
        "encryption_root": x(roots.current().expose()), "generation": 0,
        "subject": x(subject), "record": x(record), "version": 3, "lane": 9, "epoch": 4,
        "key_version": 2, "record_key": x(record_key.expose()),
        "lane_key": x(lane_key.expose()), "newer_lane_key": x(newer.expose()),
        "key_slot": x(slot.seal(&lane_key, &record_key, rng)),
        "inbox_slot": x(inbox.seal(&roots.current().kem_secret().public(), &record_key, rng)),
        "back_link": x(link.seal(&newer, &lane_key, rng).unwrap()),
    })
}

fn wraps() -> Value {
    let rng = &mut Fixed::new("wraps");
    let patient = seed().roots(0);
    let grantee = seed().roots(1);
    let subject = seed().subject(0).unwrap();
    let epochs = (0..16u64).fold(U256::ZERO, |w, n| w | (U256::from(300 + n) << (16 * n)));
    let cases: Vec<Value> = [
        (0b0000_0010_0010_0001u16, 0b1000_0000_0000_0001u16, Some("Ana Müller".to_owned())),
        (0, 1 << 3, None),
        (u16::MAX, 0, None),
    ]
    .into_iter()
    .map(|(read_lanes, write_lanes, name)| {
        let info = WrapInfo {
            chain_id: CHAIN_ID,
            subject,
            grantee: b(0x16),
            grantee_key_version: 4,
            grant: b(0x17),
            read_lanes,
            write_lanes,
            epochs,
        };
        let body = WrapBody::of_grant(&patient, &info, name);
        let to = grantee.current().kem_secret().public();
        let wrap = SignedWrap::seal(&info, &body, &to, 1_772_355_600, &device(), rng).unwrap();
        json!({
            "read_lanes": read_lanes, "write_lanes": write_lanes, "name": body.name,
            "read": body.read.iter().map(|l| json!([l.lane.number(), l.category, x(l.key.expose())])).collect::<Vec<_>>(),
            "write": body.write.iter().map(|l| json!([l.lane.number(), l.category])).collect::<Vec<_>>(),
            "sealed": x(&wrap.sealed), "signature": x(wrap.signature),
        })
    })
    .collect();
    json!({
        "patient_encryption_root": x(patient.current().expose()),
        "grantee_encryption_root": x(grantee.current().expose()),
        "chain_id": CHAIN_ID, "subject": x(subject), "grantee": x(b(0x16)),
        "grantee_key_version": 4, "grant": x(b(0x17)),
        "epochs": x(epochs.to_be_bytes::<32>()),
        "signed_at": 1_772_355_600, "device": x(device().address()), "cases": cases,
    })
}

fn mail() -> Value {
    let rng = &mut Fixed::new("mail");
    let roots = seed().roots(0);
    let secret = roots.current();
    let to = secret.kem_secret().public();
    let info = MailInfo {
        recipient: b(1),
        recipient_key_version: 6,
        sender: b(2),
        topic: b(3),
    };
    let sealed = info.seal(&to, b"vitals, please", rng).unwrap();
    let documents = vec![ApplicationDocument {
        name: "licence.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        bytes: b"%PDF".to_vec(),
    }];
    let package = Application::new(documents, rng).encode().unwrap();
    let key = RecordKey::random(rng);
    let blob = seal_application(&b(4), &key, &package, rng).unwrap();
    let slot = ApplicationKeySlot {
        applicant: b(4),
        administrator: b(5),
        key_version: 1,
        credential_hash: credential_hash(&package),
    };
    json!({
        "encryption_root": x(secret.expose()), "generation": 0,
        "recipient": x(b(1)), "recipient_key_version": 6, "sender": x(b(2)), "topic": x(b(3)),
        "plaintext": "vitals, please", "sealed": x(&sealed), "sealed_hash": x(sealed_hash(&sealed)),
        "application": {
            "applicant": x(b(4)), "administrator": x(b(5)), "key_version": 1,
            "uid": x(application_uid(&b(4))), "package": x(&package),
            "credential_hash": x(slot.credential_hash), "key": x(key.expose()), "blob": x(&blob),
            "sealed_key": x(slot.seal(&to, &key, rng)),
        },
        "key_bundle": {
            "bytes": x(KeyBundle::of(secret).encode()), "hash": x(KeyBundle::of(secret).hash()),
        },
        "profile": { "text": "{\"name\":\"Dr. Ú\"}", "hash": x(profile_hash("{\"name\":\"Dr. Ú\"}".as_bytes()).unwrap()) },
    })
}

fn releases() -> Value {
    let contract = Address::repeat_byte(0x41);
    let records: Vec<(B256, u32)> = (0..11u8).map(|i| (b(i), u32::from(i) + 1)).collect();
    let roots: Vec<Value> = (0..=records.len())
        .map(|n| x(release_root(&records[..n])))
        .collect();
    let release = Release {
        origin: "http://localhost:8080".to_owned(),
        subject: b(0x11),
        reader: b(0x16),
        lanes: 0,
        root: release_root(&records),
        count: records.len() as u32,
        purpose: 1,
        nonce: b(0x18),
        expiry: 1_772_355_660,
    };
    let digest = release.digest(CHAIN_ID, contract);
    let signature = device().sign_digest(&digest);
    let first = receipt_hash(&B256::ZERO, &digest, &signature, 1_772_355_601);
    let head = head_digest(CHAIN_ID, &b(0x42), 12_345, &b(0x43), 1_772_355_602);
    json!({
        "chain_id": CHAIN_ID, "contract": x(contract),
        "records": records.iter().map(|(r, v)| json!([x(r), v])).collect::<Vec<_>>(),
        "roots": roots,
        "release": {
            "origin": release.origin, "subject": x(release.subject), "reader": x(release.reader),
            "lanes": release.lanes, "root": x(release.root), "count": release.count,
            "purpose": release.purpose, "nonce": x(release.nonce), "expiry": release.expiry,
        },
        "digest": x(digest), "device_key": x(*device().expose()),
        "device": x(device().address()), "signature": x(signature),
        "receipt": { "at": 1_772_355_601, "hash_1": x(first),
            "hash_2": x(receipt_hash(&first, &digest, &signature, 1_772_355_601)) },
        "head": { "genesis": x(b(0x42)), "number": 12_345, "block_hash": x(b(0x43)),
            "time": 1_772_355_602, "digest": x(head), "signature": x(device().sign_digest(&head)) },
    })
}

fn keysets() -> Value {
    let rng = &mut Fixed::new("keysets");
    let seed = seed();
    let header = KeysetHeader {
        chain: KeysetChain {
            id: CHAIN_ID,
            genesis: b(0x42),
            node_key: Address::repeat_byte(0x44),
            contracts: KeysetContracts {
                registry: Address::repeat_byte(0x45),
                directory: Address::repeat_byte(0x46),
                consent: Address::repeat_byte(0x47),
                records: Address::repeat_byte(0x48),
            },
        },
        subject: seed.subject(0).unwrap(),
        kind: KeysetKind::Patient,
        index: 0,
        address: device().address(),
    };
    let root = Some(seed.root_key(0).unwrap());
    let secrets = KeysetSecrets {
        roots: seed.roots(0),
        device: device(),
        root,
    };
    let cost = PasswordCost::new(64, 2, 1).unwrap();
    let mut open = Keyset::create(header, secrets, "gru\u{308}ße", cost, rng).unwrap();
    let before: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    open.drop_root_key(rng).unwrap();
    let after: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    json!({
        "password": "gru\u{308}ße", "before_registration": before, "after_registration": after,
        "generation": 0, "encryption_root": x(seed.roots(0).current().expose()),
        "device_key": x(*device().expose()),
        "root_key": x(*seed.root_key(0).unwrap().expose()),
    })
}

#[test]
fn committed_vectors_are_what_this_code_makes() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let bless = std::env::var_os("CARECHAIN_BLESS").is_some_and(|v| v == "1");
    let files: [(&str, Value); 8] = [
        ("keys", keys()),
        ("names", names()),
        ("envelopes", envelopes()),
        ("slots", slots()),
        ("wraps", wraps()),
        ("mail", mail()),
        ("releases", releases()),
        ("keysets", keysets()),
    ];
    for (name, value) in files {
        let path = folder.join(name).with_extension("json");
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        if bless {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(
            committed == text,
            "{name}.json differs; CARECHAIN_BLESS=1 rewrites it"
        );
    }
}
