//! New keys, and registering them.
//!
//! The root key leaves the keyset as soon as the first device is on chain: from then on only the 24 words bring it
//! back. Every step can be repeated after a crash.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use carechain_api::{ClaimRequest, VoucherRequest, VoucherView};
use carechain_bindings::directory::{IDirectory, registerCall};
use carechain_crypto::{
    KeyBundle, Keyset, KeysetChain, KeysetHeader, KeysetSecrets, PasswordCost, SigningKey, Words,
    profile_hash,
};
use carechain_domain::{Kind, SubjectId};

use crate::device::{Device, domain_kind, hash_of, keyset_kind, pins_of, send};
use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::http::Http;
use crate::platform::{Platform, Random};
use crate::tx::Action;

mod typed {
    #![allow(missing_docs, unreachable_pub)]
    alloy_sol_types::sol! {
        struct DeviceConsent {
            bytes32 subject;
            address device;
        }
    }
}

/// What new keys are to be.
#[derive(Clone, Copy)]
pub struct NewKeys<'a> {
    /// Kind of subject.
    pub kind: Kind,
    /// Number of the subject under the same words, from 0.
    pub index: u32,
    /// Words to use; new ones where none are given.
    pub words: Option<&'a Words>,
    /// Password of the keyset file.
    pub password: &'a str,
    /// What guessing it costs.
    pub cost: PasswordCost,
}

/// New keys, not registered yet.
#[derive(Debug)]
pub struct CreatedKeys {
    /// The 24 words, to be shown once and never stored.
    pub words: Words,
    /// The keyset file.
    pub keyset: Vec<u8>,
    /// The subject that it will be.
    pub subject: SubjectId,
    /// Address of the device.
    pub address: Address,
    /// The node and chain that the keyset trusts from now on.
    pub chain: KeysetChain,
}

/// Makes keys for a subject at the node behind `platform`, whose chain and key are pinned: this device trusts what it
/// is told at this moment.
pub async fn create_keys<P: Platform>(
    platform: P,
    new: NewKeys<'_>,
) -> Result<CreatedKeys, ClientError> {
    let http = Http::new(platform);
    let chain = pins_of(&http.node().await?);
    let mut random = Random::new(&http.platform)?;
    let words = match new.words {
        Some(words) => words.clone(),
        None => Words::generate(&mut random),
    };
    let failed = || ClientError::crypto("make keys");
    let seed = words.seed();
    let device = SigningKey::random(&mut random);
    let header = KeysetHeader {
        chain: chain.clone(),
        subject: seed.subject(new.index).map_err(failed())?,
        kind: keyset_kind(new.kind),
        index: new.index,
        address: device.address(),
    };
    let root = seed.root_key(new.index).map_err(failed())?;
    let secrets = KeysetSecrets {
        roots: seed.roots(new.index),
        device,
        root: Some(root),
    };
    let open = Keyset::create(header.clone(), secrets, new.password, new.cost, &mut random)
        .map_err(failed())?;
    random.check()?;
    let salt = seed.subject_salt(new.index);
    http.platform
        .save(&salt_name(header.subject.into()), salt.as_slice())
        .await?;
    Ok(CreatedKeys {
        words,
        keyset: open.keyset().to_json(),
        subject: header.subject.into(),
        address: header.address,
        chain,
    })
}

/// How registration gets its voucher, and what it publishes.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Invitation code, where the node asks for one.
    pub invitation: Option<String>,
    /// The node's one-time claim code: the first administrator.
    pub claim: Option<String>,
    /// Profile to publish; JSON text.
    pub profile: Option<Vec<u8>>,
}

impl<P: Platform> Device<P> {
    /// Changes what keys are for that are not registered yet; the file returned is to be written in the place of the
    /// old one.
    pub fn set_kind(&mut self, kind: Kind) -> Result<Vec<u8>, ClientError> {
        if !self.is_unregistered() {
            return Err(ClientError::Already("these keys are registered already"));
        }
        let header = KeysetHeader {
            kind: keyset_kind(kind),
            ..self.keyset.header().clone()
        };
        let secrets = self.keyset.secrets().clone();
        let mut random = Random::new(&self.http.platform)?;
        self.keyset
            .replace(header, secrets, &mut random)
            .map_err(ClientError::crypto("change what the keys are for"))?;
        random.check()?;
        Ok(self.keyset_file())
    }

    /// Registers the keyset's subject; the file returned, without the root key, is to be written in the place of the
    /// old one. Repeating it after it was done, or half done, finishes it.
    pub async fn register(&mut self, how: &Registration) -> Result<Vec<u8>, ClientError> {
        let Some(root) = self.keyset.secrets().root.clone() else {
            return Err(ClientError::Already("these keys are registered already"));
        };
        let subject = self.subject();
        let known = self
            .prove(Ask::default().root(root.address()))
            .await?
            .root(root.address());
        if known.is_zero() {
            self.spend_voucher(&root, how).await?;
        } else if known != subject {
            return Err(Lie::RowChanged {
                what: "root",
                id: known.0,
            }
            .into());
        }
        self.check_registered(root.address()).await?;
        let mut random = Random::new(&self.http.platform)?;
        self.keyset
            .drop_root_key(&mut random)
            .map_err(ClientError::crypto("drop the root key"))?;
        random.check()?;
        self.http.platform.remove(&salt_name(subject)).await?;
        Ok(self.keyset_file())
    }

    async fn spend_voucher(
        &self,
        root: &SigningKey,
        how: &Registration,
    ) -> Result<(), ClientError> {
        let header = self.keyset.header();
        let kind = domain_kind(header.kind);
        let bundle = KeyBundle::of(self.roots().current()).encode();
        let profile = how.profile.as_deref();
        let hash = match profile {
            Some(text) => profile_hash(text).map_err(ClientError::crypto("hash the profile"))?,
            None => B256::ZERO,
        };
        let voucher = match &how.claim {
            Some(code) => {
                let ask = ClaimRequest {
                    code: code.clone(),
                    root: root.address(),
                };
                self.http.claim(&ask).await?
            }
            None => {
                let invitation = how.invitation.clone();
                self.http
                    .voucher(&VoucherRequest {
                        kind,
                        root: root.address(),
                        invitation,
                    })
                    .await?
            }
        };
        self.http
            .put_key_bundle(self.subject(), bundle.clone())
            .await?;
        if let Some(text) = profile {
            self.http.put_profile(self.subject(), text.to_vec()).await?;
        }
        let name = salt_name(self.subject());
        let salt = self.http.platform.load(&name).await?;
        let salt = salt.and_then(|s| B256::try_from(s.as_slice()).ok()).ok_or_else(|| {
            let why = "the salt made with these keys is not on this machine; make the keys again from the words";
            ClientError::field("keyset", why)
        })?;
        let registration = IDirectory::Registration {
            salt,
            keyBundleHash: hash_of(&bundle),
            profileHash: hash,
            homeHash: B256::ZERO,
            device: header.address,
            deviceSignature: device_consent(self.pins(), header.subject, self.signer()).into(),
        };
        let call = register_call(kind, registration, &voucher);
        send(
            &self.http,
            self.pins(),
            &Action::Register(Box::new(call)),
            root,
        )
        .await
        .map(drop)
    }

    /// Proves that the subject is registered with this root and key bundle, and that this device is live.
    async fn check_registered(&self, root: Address) -> Result<(), ClientError> {
        let subject = self.subject();
        let facts = self
            .prove(Ask::default().subject(subject).device(self.address()))
            .await?;
        let fact = facts.subject(subject).ok_or(ClientError::NotRegistered)?;
        let bundle = KeyBundle::of(self.roots().current());
        if fact.root != root || fact.kind != self.kind() {
            return Err(Lie::RowChanged {
                what: "subject",
                id: subject.0,
            }
            .into());
        }
        if fact.key_bundle_hash != bundle.hash() {
            return Err(Lie::SubstitutedKey { subject }.into());
        }
        if !facts.device(self.address()).is_live_of(subject) {
            return Err(ClientError::DeviceRemoved { subject });
        }
        Ok(())
    }
}

/// Where the salt of a subject's id lies between making keys and registering them. It is public afterwards.
fn salt_name(subject: SubjectId) -> String {
    format!("registration/{:x}", subject.0)
}

fn register_call(
    kind: Kind,
    registration: IDirectory::Registration,
    voucher: &VoucherView,
) -> registerCall {
    registerCall {
        registration,
        voucher: IDirectory::Voucher {
            kind: kind.number(),
            root: voucher.root,
            organisation: voucher.organisation,
            nonce: U256::from_be_bytes(voucher.nonce.0),
            expiry: voucher.expiry,
        },
        voucherSignature: voucher.signature.0.clone().into(),
    }
}

/// The device's consent to act for a subject: EIP-712 `DeviceConsent(bytes32 subject,address device)`.
pub(crate) fn device_consent(pins: &KeysetChain, subject: B256, device: &SigningKey) -> Vec<u8> {
    let domain: Eip712Domain = alloy_sol_types::eip712_domain! {
        name: "Carechain Directory",
        version: "1",
        chain_id: pins.id,
        verifying_contract: pins.contracts.directory,
    };
    let consent = typed::DeviceConsent {
        subject,
        device: device.address(),
    };
    device
        .sign_digest(&consent.eip712_signing_hash(&domain))
        .to_vec()
}
