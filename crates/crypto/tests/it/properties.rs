//! What holds for all inputs: what was sealed opens, and nothing else is read.
#![allow(clippy::unwrap_used)]

use alloy_primitives::{B256, U256};
use carechain_crypto::{
    BackLink, CryptoError, KeySlot, Lane, LaneKey, Meta, PersonTag, RecordKey, Sealer, SignedWrap,
    SigningKey, Statement, Words, WrapBody, WrapInfo, open_envelope,
};
use proptest::prelude::*;

use crate::rng::Fixed;

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-zA-Zäß:/ -]{1,40}")
}

prop_compose! {
    fn statement()(
        media_type in "[a-z]{1,8}/[a-z+]{1,12}", category in 0u8..16, resource_type in text(),
        date in text(), full_url in text(), source in text(), resource_id in text(),
        hashes in any::<[[u8; 32]; 3]>(), amends in any::<bool>(), signed_at in any::<u64>(),
        outcome in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..400)),
    ) -> Statement {
        Statement {
            title: full_url.clone(),
            media_type, category, resource_type, date, full_url, source, resource_id,
            author: B256::from(hashes[0]), content_sha256: B256::from(hashes[1]),
            amends: amends.then_some(B256::from(hashes[2])), signed_at, outcome,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn envelopes_open_to_what_was_sealed(
        log2 in 12u8..15, meta in proptest::collection::vec(any::<u8>(), 0..600),
        len in 0usize..70_000, piece in 1usize..9000, version in any::<u32>(), key in any::<[u8; 32]>(),
    ) {
        let content: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
        let (key, uid) = (RecordKey::from_bytes(key), B256::repeat_byte(log2));
        let rng = &mut Fixed::new("properties");
        let mut sealer =
            Sealer::with_segments(log2, &key, &uid, version, &meta, len as u64, rng).unwrap();
        let mut blob = Vec::new();
        for part in content.chunks(piece) {
            sealer.update(part, &mut blob).unwrap();
        }
        let layout = *sealer.layout();
        sealer.finish(&mut blob).unwrap();
        prop_assert_eq!(blob.len() as u64, layout.blob_len());
        let opened = open_envelope(&key, &uid, version, &blob).unwrap();
        prop_assert_eq!(opened.meta(), &meta[..]);
        prop_assert_eq!(opened.content(), &content[..]);
        let other = open_envelope(&key, &uid, version.wrapping_add(1), &blob);
        prop_assert_eq!(other.unwrap_err(), CryptoError::KeyCommitment);
    }

    #[test]
    fn statements_survive_their_encoding(statement in statement()) {
        let bytes = statement.encode().unwrap();
        prop_assert_eq!(Statement::decode(&bytes).unwrap(), statement);
    }

    #[test]
    fn no_reader_of_untrusted_bytes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let found = [
            Statement::decode(&bytes).is_ok(),
            Meta::decode(&bytes).is_ok(),
            carechain_crypto::Application::decode(&bytes).is_ok(),
            carechain_crypto::KeyBundle::decode(&bytes).is_ok(),
            carechain_crypto::Keyset::parse(&bytes).is_ok(),
        ];
        prop_assert_eq!(found, [false; 5]);
    }

    #[test]
    fn meta_names_its_signer(statement in statement(), uid in any::<[u8; 32]>(), version in any::<u32>()) {
        let (uid, device) = (B256::from(uid), SigningKey::from_bytes(&[5; 32]).unwrap());
        let tag = PersonTag::from_bytes([6; 32]);
        let meta = Meta::sign(statement, &uid, version, &tag, &device).unwrap();
        let read = Meta::decode(&meta.encode()).unwrap();
        prop_assert_eq!(&read, &meta);
        prop_assert_eq!(read.signer(&uid, version, &tag).unwrap(), device.address());
        let other = PersonTag::from_bytes([7; 32]);
        prop_assert_ne!(read.signer(&uid, version, &other), Ok(device.address()));
    }

    #[test]
    fn slots_and_links_open_to_what_was_sealed(
        ids in any::<[[u8; 32]; 4]>(), version in any::<u32>(), lane in 0u8..16, epoch in 0u16..u16::MAX,
    ) {
        let rng = &mut Fixed::new("properties");
        let [subject, record] = [B256::from(ids[0]), B256::from(ids[1])];
        let (lane_key, key) = (LaneKey::from_bytes(ids[2]), RecordKey::from_bytes(ids[3]));
        let lane = Lane::new(lane).unwrap();
        let slot = KeySlot { subject, record, version, lane, epoch };
        prop_assert_eq!(slot.open(&lane_key, &slot.seal(&lane_key, &key, rng)).unwrap(), key);
        let newer = LaneKey::from_bytes(ids[3]);
        let link = BackLink { subject, lane, epoch };
        let sealed = link.seal(&newer, &lane_key, rng).unwrap();
        prop_assert_eq!(link.open(&newer, &sealed).unwrap(), lane_key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn wraps_give_exactly_the_lanes_granted(
        read_lanes in any::<u16>(), write_lanes in any::<u16>(), epochs in any::<[u8; 32]>(),
        name in text(),
    ) {
        let rng = &mut Fixed::new("wraps");
        let seed = Words::generate(rng).seed();
        let (patient, doctor) = (seed.roots(0), seed.roots(1));
        let device = SigningKey::random(rng);
        let info = WrapInfo {
            chain_id: 9, subject: seed.subject(0).unwrap(), grantee: B256::repeat_byte(1),
            grantee_key_version: 2, grant: B256::repeat_byte(3), read_lanes, write_lanes,
            epochs: U256::from_be_bytes(epochs),
        };
        let body = WrapBody::of_grant(&patient, &info, name);
        let secret = doctor.current().kem_secret();
        let wrap = SignedWrap::seal(&info, &body, &secret.public(), 5, &device, rng).unwrap();
        let opened = wrap.open(&info, device.address(), &secret).unwrap();
        prop_assert_eq!(&opened, &body);
        for lane in &opened.read {
            let key = patient.current().lane_key(&info.subject, lane.lane, info.epoch(lane.lane));
            prop_assert_eq!(&lane.key, &key);
            let at = 30 - 2 * usize::from(lane.lane.number());
            prop_assert_eq!(info.epoch(lane.lane).to_be_bytes(), [epochs[at], epochs[at + 1]]);
        }
        prop_assert_eq!(opened.read.len(), read_lanes.count_ones() as usize);
        // Epochs of lanes that may not be read do not count.
        let kept = Lane::of_mask(read_lanes)
            .fold(U256::ZERO, |w, l| w | (U256::from(info.epoch(l)) << (16 * usize::from(l.number()))));
        prop_assert_eq!(WrapInfo { epochs: kept, ..info }.to_bytes(), info.to_bytes());
    }
}
