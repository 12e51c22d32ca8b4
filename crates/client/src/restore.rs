//! From 24 words on an empty machine: find the subjects, add this machine as a device, make a keyset file.
//!
//! Subjects are found by proofs of `Directory.rootSubject` for the first indices, until twenty in a row are proven to
//! be absent. An empty machine has no pin: it trusts the node that it is given first, and the caller says so.

use alloy_primitives::Address;
use carechain_api::NodeInfo;
use carechain_crypto::{
    KeyBundle, Keyset, KeysetHeader, KeysetSecrets, PasswordCost, Seed, SigningKey, Words,
};
use carechain_domain::{Kind, SubjectId};

use crate::device::{keyset_kind, pins_of, send};
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, Facts};
use crate::http::Http;
use crate::keys::device_consent;
use crate::platform::{Platform, Random};
use crate::tx::Action;
use crate::view::ChainView;

/// Absent indices in a row after which the search ends.
pub const RESTORE_GAP: u32 = 20;
/// Subjects of one set of words that are looked for at most.
const MAX_INDICES: u32 = 1_000;

/// A subject that the words brought back.
#[derive(Debug)]
pub struct Restored {
    /// Which.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Its number under the words.
    pub index: u32,
    /// Address of this machine's new device key.
    pub address: Address,
    /// The keyset file for this machine.
    pub keyset: Vec<u8>,
}

/// Finds every subject of the words and adds this machine as a device of each.
pub async fn restore_keys<P: Platform>(
    platform: P,
    words: &Words,
    password: &str,
    cost: PasswordCost,
) -> Result<Vec<Restored>, ClientError> {
    let http = Http::new(platform);
    let info = http.node().await?;
    let view = ChainView::open(pins_of(&info), &http.platform).await?;
    let seed = words.seed();
    let found = scan(&http, &view, &seed).await?;
    let mut restored = Vec::with_capacity(found.len());
    for (index, subject) in found {
        let one = Restore {
            http: &http,
            view: &view,
            info: &info,
            seed: &seed,
        };
        restored.push(one.subject(index, subject, password, cost).await?);
    }
    Ok(restored)
}

/// Subjects under the words, with their indices.
async fn scan<P: Platform>(
    http: &Http<P>,
    view: &ChainView<P>,
    seed: &Seed,
) -> Result<Vec<(u32, SubjectId)>, ClientError> {
    let mut found = Vec::new();
    let mut next = 0;
    let mut end = RESTORE_GAP;
    while next < end.min(MAX_INDICES) {
        let mut roots = Vec::new();
        for index in next..end {
            let root = seed
                .root_key(index)
                .map_err(ClientError::crypto("derive a root key"))?;
            roots.push((index, root.address()));
        }
        let ask = roots
            .iter()
            .fold(Ask::default(), |ask, (_, root)| ask.root(*root));
        let facts = view.prove(http, &ask).await?;
        next = end;
        for (index, root) in roots {
            let subject = facts.root(root);
            if !subject.is_zero() {
                found.push((index, subject));
                end = index + 1 + RESTORE_GAP;
            }
        }
    }
    if found.is_empty() {
        Err(ClientError::NobodyFound { scanned: next })
    } else {
        Ok(found)
    }
}

struct Restore<'a, P: Platform> {
    http: &'a Http<P>,
    view: &'a ChainView<P>,
    info: &'a NodeInfo,
    seed: &'a Seed,
}

impl<P: Platform> Restore<'_, P> {
    /// Makes the keyset file first and keeps it in local storage, so that a crash leaves no device behind whose key
    /// is lost.
    async fn subject(
        &self,
        index: u32,
        subject: SubjectId,
        password: &str,
        cost: PasswordCost,
    ) -> Result<Restored, ClientError> {
        let failed = || ClientError::crypto("restore keys");
        if self.seed.subject(index).map_err(failed())? != subject.0 {
            return Err(Lie::RowChanged {
                what: "subject",
                id: subject.0,
            }
            .into());
        }
        let facts = self
            .view
            .prove(self.http, &Ask::default().subject(subject))
            .await?;
        let kind = self.check_bundle(&facts, index, subject)?;
        let name = format!("restore/{:x}", subject.0);
        let open = match self.kept(&name, password).await? {
            Some(open) => open,
            None => {
                let mut random = Random::new(&self.http.platform)?;
                let device = SigningKey::random(&mut random);
                let header = KeysetHeader {
                    chain: pins_of(self.info),
                    subject: subject.0,
                    kind: keyset_kind(kind),
                    index,
                    address: device.address(),
                };
                let secrets = KeysetSecrets {
                    roots: self.seed.roots(index),
                    device,
                    root: None,
                };
                let open = Keyset::create(header, secrets, password, cost, &mut random)
                    .map_err(failed())?;
                random.check()?;
                self.http
                    .platform
                    .save(&name, &open.keyset().to_json())
                    .await?;
                open
            }
        };
        let device = &open.secrets().device;
        let facts = self
            .view
            .prove(self.http, &Ask::default().device(device.address()))
            .await?;
        if !facts.device(device.address()).is_live_of(subject) {
            let signature = device_consent(&self.view.pins, subject.0, device);
            let action = Action::AddDevice {
                device: device.address(),
                signature,
            };
            let root = self.seed.root_key(index).map_err(failed())?;
            send(self.http, &self.view.pins, &action, &root).await?;
        }
        self.http.platform.remove(&name).await?;
        let keyset = open.keyset().to_json();
        Ok(Restored {
            subject,
            kind,
            index,
            address: device.address(),
            keyset,
        })
    }

    /// The key bundle on chain must be the one that the words give.
    fn check_bundle(
        &self,
        facts: &Facts,
        index: u32,
        subject: SubjectId,
    ) -> Result<Kind, ClientError> {
        let fact = facts.subject(subject).ok_or(ClientError::Unknown {
            what: "subject",
            id: subject.0,
        })?;
        let bundle = KeyBundle::of(&self.seed.encryption_root(index, fact.key_generation));
        if bundle.hash() == fact.key_bundle_hash {
            Ok(fact.kind)
        } else {
            let why = "these words are not of the subject's present key generation";
            Err(ClientError::field("words", why))
        }
    }

    /// A keyset file that an interrupted restore left; another password makes a new one.
    async fn kept(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<carechain_crypto::OpenKeyset>, ClientError> {
        let Some(bytes) = self.http.platform.load(name).await? else {
            return Ok(None);
        };
        let kept = Keyset::parse(&bytes)
            .and_then(|keyset| keyset.open(password))
            .ok();
        Ok(kept.filter(|open| open.header().chain == self.view.pins))
    }
}
