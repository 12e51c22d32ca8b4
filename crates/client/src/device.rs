//! A person's device: an open keyset, the node it talks to, and what it holds true of the chain.

use core::cell::Cell;

use alloy_primitives::{Address, B256};
use carechain_api::{ErrorCode, NodeInfo, Sent};
use carechain_crypto::{
    KemSecret, Keyset, KeysetChain, KeysetContracts, KeysetKind, Lane as CryptoLane, OpenKeyset,
    PasswordCost, Roots, SigningKey,
};
use carechain_domain::{Kind, Lane, SubjectId};

use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::http::Http;
use crate::platform::{Platform, Random};
use crate::proof::Head;
use crate::tx::Action;
use crate::view::ChainView;

/// A device with its keys open.
pub struct Device<P: Platform> {
    pub(crate) http: Http<P>,
    pub(crate) view: ChainView<P>,
    pub(crate) keyset: OpenKeyset,
    pub(crate) info: NodeInfo,
    /// Number of the newest outbox entry, so that names rise.
    pub(crate) outbox_last: Cell<u64>,
}

impl<P: Platform> Device<P> {
    /// Opens a keyset file with its password, and checks that the node is the one it was made for.
    pub async fn open(platform: P, keyset: &[u8], password: &str) -> Result<Self, ClientError> {
        let keyset = Keyset::parse(keyset).map_err(ClientError::crypto("read the keyset file"))?;
        let keyset = keyset
            .open(password)
            .map_err(ClientError::crypto("open the keyset file"))?;
        Self::with_keyset(platform, keyset).await
    }

    pub(crate) async fn with_keyset(platform: P, keyset: OpenKeyset) -> Result<Self, ClientError> {
        let http = Http::new(platform);
        let info = http.node().await?;
        check_pins(&keyset.header().chain, &info)?;
        let view = ChainView::open(keyset.header().chain.clone(), &http.platform).await?;
        Ok(Self {
            http,
            view,
            keyset,
            info,
            outbox_last: Cell::new(0),
        })
    }

    /// Sets a second node of the same chain, whose heads must agree with the first's.
    pub fn set_second_node(&mut self, platform: P, node_key: Address) {
        self.view.set_second(platform, node_key);
    }

    /// Whose device it is.
    pub fn subject(&self) -> SubjectId {
        self.keyset.header().subject.into()
    }

    /// What the subject is.
    pub fn kind(&self) -> Kind {
        domain_kind(self.keyset.header().kind)
    }

    /// Address of this device's signing key.
    pub fn address(&self) -> Address {
        self.keyset.header().address
    }

    /// Whether the keyset still holds the root key: registration has not finished.
    pub fn is_unregistered(&self) -> bool {
        self.keyset.secrets().root.is_some()
    }

    /// What the node said of itself when the device was opened.
    pub fn node(&self) -> &NodeInfo {
        &self.info
    }

    /// The platform that it was opened with.
    pub fn platform(&self) -> &P {
        &self.http.platform
    }

    /// The keyset file as it is now, to be written again after a change.
    pub fn keyset_file(&self) -> Vec<u8> {
        self.keyset.keyset().to_json()
    }

    /// Replaces the password; the file returned is to be written in the place of the old one. Copies of the old file
    /// still open with the old password.
    pub fn change_password(
        &mut self,
        password: &str,
        cost: PasswordCost,
    ) -> Result<Vec<u8>, ClientError> {
        let mut random = Random::new(&self.http.platform)?;
        self.keyset
            .change_password(password, cost, &mut random)
            .map_err(ClientError::crypto("change the password"))?;
        random.check()?;
        Ok(self.keyset_file())
    }

    /// Stores a copy of the keyset file, encrypted as it is, in the node's vault.
    pub async fn upload_keyset(&self) -> Result<(), ClientError> {
        let file = self.keyset_file();
        self.authed(async || self.http.put_keyset(self.subject(), file.clone()).await)
            .await
    }

    /// The copy of the keyset file in the node's vault.
    pub async fn download_keyset(&self) -> Result<Vec<u8>, ClientError> {
        let copy = self
            .authed(async || self.http.keyset(self.subject()).await)
            .await?;
        Ok(copy.keyset.0)
    }

    /// The newest block, checked.
    pub async fn head(&self) -> Result<Head, ClientError> {
        self.view.head(&self.http).await
    }

    pub(crate) fn pins(&self) -> &KeysetChain {
        &self.view.pins
    }

    pub(crate) fn signer(&self) -> &SigningKey {
        &self.keyset.secrets().device
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.keyset.secrets().roots
    }

    pub(crate) fn kem(&self) -> KemSecret {
        self.roots().current().kem_secret()
    }

    pub(crate) fn now(&self) -> u64 {
        self.http.platform.now_secs()
    }

    pub(crate) fn random(&self) -> Result<Random<'_, P>, ClientError> {
        Ok(Random::new(&self.http.platform)?)
    }

    pub(crate) async fn prove(&self, ask: Ask) -> Result<crate::facts::Facts, ClientError> {
        self.view.prove(&self.http, &ask).await
    }

    /// Explains, signs by the device key and sends.
    pub(crate) async fn act(&self, action: &Action) -> Result<Sent, ClientError> {
        send(&self.http, self.pins(), action, self.signer()).await
    }
}

/// Explains, signs and sends a transaction; gives its receipt once it is durable and did what it should.
pub(crate) async fn send<P: Platform>(
    http: &Http<P>,
    pins: &KeysetChain,
    action: &Action,
    key: &SigningKey,
) -> Result<Sent, ClientError> {
    if !http.platform.agrees(&action.explain()) {
        return Err(ClientError::Declined(action.what().to_owned()));
    }
    let nonce = http.nonce(key.address()).await?;
    let (raw, hash) = action.sign(pins.id, &pins.contracts, nonce, key);
    let sent = match http.send_transaction(raw).await {
        Err(ClientError::Refused {
            code: ErrorCode::Timeout,
            ..
        }) => http.receipt(hash).await?,
        Err(ClientError::Refused {
            code: ErrorCode::Reverted,
            revert,
            message,
            ..
        }) => {
            let error = revert.unwrap_or(message);
            return Err(ClientError::Reverted {
                what: action.what(),
                error,
            });
        }
        other => other?,
    };
    if sent.transaction != hash {
        return Err(Lie::RowChanged {
            what: "transaction",
            id: sent.transaction,
        }
        .into());
    }
    if sent.success {
        return Ok(sent);
    }
    let error = sent.revert.unwrap_or_else(|| "without a reason".to_owned());
    Err(ClientError::Reverted {
        what: action.what(),
        error,
    })
}

/// Compares what the node says of itself with what the keyset was made for.
fn check_pins(pins: &KeysetChain, info: &NodeInfo) -> Result<(), Lie> {
    let own = pins_of(info);
    let differs = |what| Err(Lie::AnotherNode { what });
    if own.id != pins.id {
        differs("chain id")
    } else if own.genesis != pins.genesis {
        differs("genesis")
    } else if own.node_key != pins.node_key {
        differs("node key")
    } else if own.contracts != pins.contracts {
        differs("set of contracts")
    } else {
        Ok(())
    }
}

/// What a keyset pins of a node.
pub(crate) fn pins_of(info: &NodeInfo) -> KeysetChain {
    KeysetChain {
        id: info.chain_id,
        genesis: info.genesis,
        node_key: info.node_key.0,
        contracts: KeysetContracts {
            registry: info.contracts.registry,
            directory: info.contracts.directory,
            consent: info.contracts.consent,
            records: info.contracts.records,
        },
    }
}

pub(crate) fn keyset_kind(kind: Kind) -> KeysetKind {
    match kind {
        Kind::Patient => KeysetKind::Patient,
        Kind::Doctor => KeysetKind::Doctor,
        Kind::Pharmacy => KeysetKind::Pharmacy,
        Kind::Organisation => KeysetKind::Organisation,
        Kind::Administrator => KeysetKind::Administrator,
    }
}

pub(crate) fn domain_kind(kind: KeysetKind) -> Kind {
    match kind {
        KeysetKind::Patient => Kind::Patient,
        KeysetKind::Doctor => Kind::Doctor,
        KeysetKind::Pharmacy => Kind::Pharmacy,
        KeysetKind::Organisation => Kind::Organisation,
        KeysetKind::Administrator => Kind::Administrator,
    }
}

/// The same lane, as the cryptography names it.
pub(crate) fn crypto_lane(lane: Lane) -> CryptoLane {
    CryptoLane::new(lane.number()).expect("both count lanes from 0 to 15")
}

/// The same lane, as the domain names it.
pub(crate) fn domain_lane(lane: CryptoLane) -> Lane {
    Lane::try_from(lane.number()).expect("both count lanes from 0 to 15")
}

/// Keccak of a public document.
pub(crate) fn hash_of(document: &[u8]) -> B256 {
    alloy_primitives::keccak256(document)
}
