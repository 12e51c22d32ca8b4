//! Keyset files: they come back whole, and a wrong password or a changed byte is refused.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use super::*;
use crate::testing::TestRng;
use crate::{EncryptionRoot, Roots, SigningKey, Words};

const CHEAP: fn() -> PasswordCost = || PasswordCost::new(8, 1, 1).unwrap();

fn made(rng: &mut TestRng) -> OpenKeyset {
    let seed = Words::generate(rng).seed();
    let device = SigningKey::random(rng);
    let header = KeysetHeader {
        chain: KeysetChain {
            id: 7,
            genesis: B256::repeat_byte(1),
            node_key: Address::repeat_byte(2),
            contracts: KeysetContracts {
                registry: Address::repeat_byte(3),
                directory: Address::repeat_byte(4),
                consent: Address::repeat_byte(5),
                records: Address::repeat_byte(6),
            },
        },
        subject: seed.subject(0).unwrap(),
        kind: KeysetKind::Patient,
        index: 0,
        address: device.address(),
    };
    let root = Some(seed.root_key(0).unwrap());
    let secrets = KeysetSecrets {
        roots: seed.roots(0),
        device,
        root,
    };
    Keyset::create(header, secrets, "grüße", CHEAP(), rng).unwrap()
}

fn reread(open: &OpenKeyset) -> Keyset {
    let keyset = Keyset::parse(&open.keyset().to_json()).unwrap();
    assert_eq!(&keyset, open.keyset());
    keyset
}

#[test]
fn a_keyset_survives_its_file_and_any_form_of_the_same_password() {
    let open = made(&mut TestRng::new(1));
    let keyset = reread(&open);
    assert_eq!(keyset.open("grüße").unwrap().secrets(), open.secrets());
    assert_eq!(keyset.open("gru\u{308}ße").unwrap().header(), open.header());
    assert_eq!(
        keyset.open("grusse").unwrap_err(),
        CryptoError::WrongPassword
    );
    assert_eq!(keyset.open("").unwrap_err(), CryptoError::PasswordLength);
    let long = "x".repeat(PASSWORD_MAX_BYTES + 1);
    assert_eq!(keyset.open(&long).unwrap_err(), CryptoError::PasswordLength);
}

#[test]
fn the_root_key_is_dropped_and_passwords_change_one_by_one() {
    let rng = &mut TestRng::new(2);
    let mut open = made(rng);
    assert!(
        reread(&open)
            .open("grüße")
            .unwrap()
            .secrets()
            .root
            .is_some()
    );
    open.drop_root_key(rng).unwrap();
    assert!(
        reread(&open)
            .open("grüße")
            .unwrap()
            .secrets()
            .root
            .is_none()
    );
    open.add_password("second", CHEAP(), rng).unwrap();
    let mut by_second = reread(&open).open("second").unwrap();
    by_second.change_password("third", CHEAP(), rng).unwrap();
    let keyset = reread(&by_second);
    assert!(keyset.open("grüße").is_ok() && keyset.open("third").is_ok());
    assert_eq!(
        keyset.open("second").unwrap_err(),
        CryptoError::WrongPassword
    );
    for _ in 2..UNLOCKERS_MAX {
        open.add_password("more", CHEAP(), rng).unwrap();
    }
    let refused = open.add_password("more", CHEAP(), rng);
    assert!(matches!(refused, Err(CryptoError::TooLarge { .. })));
}

#[test]
fn secrets_of_a_later_generation_keep_their_origin() {
    let rng = &mut TestRng::new(3);
    let mut open = made(rng);
    let key = zeroize::Zeroizing::new([9; 32]);
    let origin = open.secrets().roots.origin().clone();
    let roots = Roots::new(EncryptionRoot::new(1, key), origin).unwrap();
    let secrets = KeysetSecrets {
        roots,
        ..open.secrets().clone()
    };
    open.replace(open.header().clone(), secrets.clone(), rng)
        .unwrap();
    assert_eq!(reread(&open).open("grüße").unwrap().secrets(), &secrets);
    let other = KeysetHeader {
        subject: B256::ZERO,
        ..open.header().clone()
    };
    assert!(open.replace(other, secrets.clone(), rng).is_err());
    let other = KeysetHeader {
        address: Address::ZERO,
        ..open.header().clone()
    };
    assert!(open.replace(other, secrets, rng).is_err());
}

/// Every field in the clear is bound to the body.
#[test]
fn no_field_can_be_changed_in_the_clear() {
    let open = made(&mut TestRng::new(4));
    let file: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    let hash = json!(format!("0x{}", "ab".repeat(32)));
    let address = json!(format!("0x{}", "ab".repeat(20)));
    let changes = [
        ("/chain/id", json!(8)),
        ("/chain/genesis", hash.clone()),
        ("/chain/node_key", address.clone()),
        ("/chain/contracts/registry", address.clone()),
        ("/chain/contracts/directory", address.clone()),
        ("/chain/contracts/consent", address.clone()),
        ("/chain/contracts/records", address.clone()),
        ("/subject", hash),
        ("/kind", json!("doctor")),
        ("/index", json!(1)),
        ("/address", address),
        ("/unlockers/0/passes", json!(2)),
        ("/unlockers/0/memory_kib", json!(16)),
    ];
    for (field, value) in changes {
        let mut changed = file.clone();
        *changed.pointer_mut(field).unwrap() = value;
        let keyset = Keyset::parse(&serde_json::to_vec(&changed).unwrap()).unwrap();
        assert!(keyset.open("grüße").is_err(), "{field}");
    }
}

#[test]
fn bounds_are_checked_before_memory_is_spent() {
    let open = made(&mut TestRng::new(5));
    let file: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    let parse = |field: &str, value: Value| {
        let mut changed = file.clone();
        *changed.pointer_mut(field).unwrap() = value;
        Keyset::parse(&serde_json::to_vec(&changed).unwrap())
    };
    let cost = |parameter| Err(CryptoError::PasswordCost { parameter });
    assert_eq!(
        parse("/unlockers/0/memory_kib", json!((1 << 20) + 1)),
        cost("memory_kib")
    );
    assert_eq!(
        parse("/unlockers/0/memory_kib", json!(7)),
        cost("memory_kib")
    );
    assert_eq!(parse("/unlockers/0/passes", json!(17)), cost("passes"));
    assert_eq!(parse("/unlockers/0/passes", json!(0)), cost("passes"));
    assert_eq!(parse("/unlockers/0/lanes", json!(5)), cost("lanes"));
    let keyset_fault = |field: &str, value: Value, named: &str| {
        let error = parse(field, value).unwrap_err();
        assert!(
            matches!(error, CryptoError::Keyset { field, .. } if field == named),
            "{error}"
        );
    };
    keyset_fault("/unlockers/0/salt", json!("AAAA"), "unlockers.salt");
    keyset_fault("/unlockers/0/sealed", json!("AAAA"), "unlockers.sealed");
    keyset_fault("/format", json!("other"), "format");
    keyset_fault("/version", json!(2), "version");
    keyset_fault("/unlockers", json!([]), "unlockers");
    keyset_fault("/sealed", json!("AAAA".repeat(400)), "sealed");
    for (field, value) in [
        ("/sealed", json!("*")),
        ("/kind", json!("nurse")),
        ("/unlockers/0/kind", json!("face")),
        ("/unlockers/0", json!({"kind": "password"})),
        ("/chain/contracts", json!({})),
    ] {
        let error = parse(field, value).unwrap_err();
        assert!(
            matches!(error, CryptoError::KeysetJson { .. }),
            "{field}: {error}"
        );
    }
    assert!(matches!(
        Keyset::parse(&[b' '; KEYSET_MAX_BYTES + 1]),
        Err(CryptoError::TooLarge { .. })
    ));
}

#[test]
fn reserved_unlockers_are_kept_but_do_not_open() {
    let open = made(&mut TestRng::new(6));
    let mut file: Value = serde_json::from_slice(&open.keyset().to_json()).unwrap();
    let passkey = json!({"kind": "passkey", "anything": [1, 2]});
    file["unlockers"]
        .as_array_mut()
        .unwrap()
        .push(passkey.clone());
    let keyset = Keyset::parse(&serde_json::to_vec(&file).unwrap()).unwrap();
    let again: Value = serde_json::from_slice(&keyset.to_json()).unwrap();
    assert_eq!(again["unlockers"][1], passkey);
    assert!(keyset.open("grüße").is_ok());
    file["unlockers"].as_array_mut().unwrap().remove(0);
    let alone = Keyset::parse(&serde_json::to_vec(&file).unwrap()).unwrap();
    assert_eq!(
        alone.open("grüße").unwrap_err(),
        CryptoError::NoPasswordUnlocker
    );
}

#[test]
fn nothing_secret_is_printed() {
    let open = made(&mut TestRng::new(7));
    let printed = format!("{open:?}");
    let secrets = [
        hex::encode(open.secrets().roots.current().expose()),
        hex::encode(*open.secrets().device.expose()),
        hex::encode(open.master.expose()),
    ];
    for secret in secrets {
        assert!(!printed.contains(&secret));
    }
    assert!(printed.contains("MasterKey(redacted)"));
}
