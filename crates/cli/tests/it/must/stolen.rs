//! A thief's view: every key that a doctor ever held, and attempts to open with them what was stolen from the server.

use carechain_api::{BackLinks, ReleaseItem, SignedWrap};
use carechain_crypto::{
    BackLink, KeySlot, Lane, LaneKey, RecordKey, SignedWrap as Sealed, WrapInfo, open_envelope,
};
use carechain_testkit::{Exchange, Somebody};

use super::world::header;

/// Keys that somebody got hold of.
pub(super) struct Held {
    lane_keys: Vec<LaneKey>,
    record_keys: Vec<RecordKey>,
}

impl Held {
    /// Every lane key in the wraps that `doctor` was ever served, and every key that back-links lead to from there.
    pub(super) fn by(doctor: &Somebody, heard: &[Exchange]) -> Held {
        let mut held = Held {
            lane_keys: Vec::new(),
            record_keys: Vec::new(),
        };
        for exchange in heard.iter().filter(|e| e.answer.status == 200) {
            if exchange.request.path.ends_with("/wrap") {
                let wrap: SignedWrap = serde_json::from_slice(&exchange.answer.body).unwrap();
                held.add(open_wrap(doctor, &wrap));
            }
        }
        for exchange in heard.iter().filter(|e| e.answer.status == 200) {
            if exchange.request.path.ends_with("/back-links") {
                held.follow(
                    &exchange.request.path,
                    &serde_json::from_slice(&exchange.answer.body).unwrap(),
                );
            }
        }
        held
    }

    /// Keeps what is new among lane keys.
    fn add(&mut self, keys: Vec<LaneKey>) {
        for key in keys {
            if self
                .lane_keys
                .iter()
                .all(|held| held.expose() != key.expose())
            {
                self.lane_keys.push(key);
            }
        }
    }

    /// How many lane keys there are.
    pub(super) fn lane_keys(&self) -> usize {
        self.lane_keys.len()
    }

    /// Opens back-links of the subject in `path` with every key, until no new key comes out.
    fn follow(&mut self, path: &str, links: &BackLinks) {
        let subject = path.split('/').nth(3).unwrap().parse().unwrap();
        loop {
            let before = self.lane_keys.len();
            for link in &links.links {
                let lane = Lane::new(link.lane.number()).unwrap();
                let of = BackLink {
                    subject,
                    lane,
                    epoch: link.epoch,
                };
                let opened: Vec<_> = self
                    .lane_keys
                    .iter()
                    .filter_map(|key| of.open(key, link.sealed.as_ref()).ok())
                    .collect();
                self.add(opened);
            }
            if self.lane_keys.len() == before {
                return;
            }
        }
    }

    /// Whether any key opens a stolen record: its key slot by a lane key, or its blob by a record key of another.
    pub(super) fn open(
        &mut self,
        patient: &Somebody,
        stolen: &(ReleaseItem, Option<Vec<u8>>),
    ) -> bool {
        let (item, blob) = stolen;
        let anchor = &item.anchor;
        let slot = KeySlot {
            subject: patient.subject.0,
            record: anchor.record.0,
            version: anchor.version,
            lane: Lane::new(anchor.lane.number()).unwrap(),
            epoch: item.slot_epoch,
        };
        let sealed = item.slot.as_ref().unwrap().as_ref();
        let opened: Vec<RecordKey> = self
            .lane_keys
            .iter()
            .filter_map(|key| slot.open(key, sealed).ok())
            .collect();
        let blob = blob.as_ref().unwrap();
        let uid = item.uid.unwrap().0;
        let keys = self.record_keys.iter().chain(&opened);
        let opens = keys
            .filter(|key| open_envelope(key, &uid, anchor.version, blob).is_ok())
            .count()
            > 0;
        self.record_keys.extend(opened);
        opens
    }
}

fn open_wrap(doctor: &Somebody, wrap: &SignedWrap) -> Vec<LaneKey> {
    let info = WrapInfo {
        chain_id: header(doctor).chain.id,
        subject: wrap.subject.0,
        grantee: wrap.grantee.0,
        grantee_key_version: wrap.key_version,
        grant: wrap.grant.0,
        read_lanes: wrap.read.0,
        write_lanes: wrap.write.0,
        epochs: wrap.epochs.0,
    };
    let sealed = Sealed {
        sealed: wrap.sealed.0.clone(),
        signed_at: wrap.signed_at,
        signature: wrap.signature.as_ref().try_into().unwrap(),
    };
    let kem = doctor.keys().secrets().roots.current().kem_secret();
    let body = sealed.open(&info, wrap.device, &kem).unwrap();
    body.read.into_iter().map(|lane| lane.key).collect()
}
