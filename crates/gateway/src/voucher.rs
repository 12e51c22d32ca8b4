//! What the node says of itself, and how one gets in: vouchers by policy, the first claim, invitations.
//!
//! A voucher is EIP-712 under the operator's key and lets one root address register one subject, once. The operator
//! key signs nothing else.

use std::net::SocketAddr;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolStruct, eip712_domain};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use carechain_api::{
    ClaimRequest, Invitation, NodeInfo, VoucherPolicy, VoucherRequest, VoucherView,
};
use carechain_domain::{Kind, NodeAddress};
use carechain_vault::{Gate, StoredVoucher};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::Input;
use crate::guard::Caller;
use crate::state::{App, Settings, Shared};

/// How long a voucher holds.
const VOUCHER_SECS: u64 = 15 * 60;
/// How long an invitation holds when not told, and at most.
const INVITATION_SECS: u64 = 7 * 86_400;
const MAX_INVITATION_SECS: u64 = 30 * 86_400;
/// Longest code that is looked at.
const MAX_CODE_BYTES: usize = 256;

mod typed {
    #![allow(missing_docs, unreachable_pub)]
    alloy_sol_types::sol! {
        struct Voucher {
            uint8 kind;
            address root;
            bytes32 organisation;
            uint256 nonce;
            uint64 expiry;
        }
    }
}

#[utoipa::path(get, path = "/v1/node", tag = "node", responses((status = 200, body = NodeInfo)))]
/// What a client pins when it first meets a node.
pub(crate) async fn node(State(app): State<Shared>) -> Result<Json<NodeInfo>, GatewayError> {
    let settings = &app.settings;
    Ok(Json(NodeInfo {
        name: "carechain".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public_url: settings.origin.as_str().to_owned(),
        chain_id: settings.chain_id,
        genesis: settings.genesis,
        node_key: NodeAddress(settings.node_key.address()),
        contracts: settings.contracts.clone(),
        vouchers: settings.vouchers,
        claimed: app.chain.administrators().await? > 0,
        demo: settings.demo,
        time: unix_secs(),
    }))
}

#[utoipa::path(
    post, path = "/v1/vouchers", tag = "node", request_body = VoucherRequest,
    responses(
        (status = 200, body = VoucherView),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
    ),
)]
/// A voucher to register with, by the node's policy.
pub(crate) async fn voucher(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Input(request): Input<VoucherRequest>,
) -> Result<Json<VoucherView>, GatewayError> {
    app.rates.vouchers.take(peer.ip())?;
    let gate = match &request.invitation {
        Some(code) => Gate::Invitation(bounded_code("invitation", code)?),
        None if request.kind == Kind::Administrator => {
            return Err(GatewayError::Denied(
                "an administrator needs an invitation of another",
            ));
        }
        None if app.settings.vouchers == VoucherPolicy::Invitation => {
            return Err(GatewayError::Denied(
                "this node lets in by invitation: ask an administrator for a code",
            ));
        }
        None => Gate::Open,
    };
    app.issue(request.kind, request.root, gate).await.map(Json)
}

#[utoipa::path(
    post, path = "/v1/claim", tag = "node", request_body = ClaimRequest,
    responses(
        (status = 200, body = VoucherView),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
    ),
)]
/// The voucher of the first administrator, for the code that the node printed at its first start.
pub(crate) async fn claim(
    State(app): State<Shared>,
    Input(request): Input<ClaimRequest>,
) -> Result<Json<VoucherView>, GatewayError> {
    app.rates.claims.take(())?;
    if app.chain.administrators().await? > 0 {
        return Err(GatewayError::conflict(
            "this node has an administrator already",
        ));
    }
    let code = bounded_code("code", &request.code)?;
    let given: [u8; 32] = Sha256::digest(code.as_bytes()).into();
    let expected = app.settings.claim_code_hash.unwrap_or_default();
    let fits = app.settings.claim_code_hash.is_some() && bool::from(given.ct_eq(&expected));
    if !fits {
        return Err(GatewayError::Denied(
            "the code is not the one that the node printed at its first start",
        ));
    }
    app.vault.set_claim_code(code).await?;
    app.issue(Kind::Administrator, request.root, Gate::Claim(code))
        .await
        .map(Json)
}

#[utoipa::path(
    post, path = "/v1/invitations", tag = "node", request_body = Invitation,
    responses(
        (status = 200, body = Invitation),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// A code for one voucher.
pub(crate) async fn invitation(
    State(app): State<Shared>,
    caller: Caller,
    Input(request): Input<Invitation>,
) -> Result<Json<Invitation>, GatewayError> {
    caller.must_be_admin()?;
    let now = unix_secs();
    if !request.code.is_empty() {
        return Err(GatewayError::field(
            "code",
            "the node makes it: leave it empty",
        ));
    }
    let expiry = if request.expiry == 0 {
        now + INVITATION_SECS
    } else {
        request.expiry
    };
    if expiry <= now || expiry > now + MAX_INVITATION_SECS {
        return Err(GatewayError::field(
            "expiry",
            "it must lie within the next 30 days",
        ));
    }
    let code = app
        .vault
        .new_invitation(request.kind, caller.subject, expiry, now)
        .await?;
    Ok(Json(Invitation {
        kind: request.kind,
        code,
        expiry,
    }))
}

fn bounded_code<'a>(field: &'static str, code: &'a str) -> Result<&'a str, GatewayError> {
    if code.is_empty() || code.len() > MAX_CODE_BYTES {
        return Err(GatewayError::field(field, "it is empty or too long"));
    }
    Ok(code)
}

impl App {
    async fn issue(
        &self,
        kind: Kind,
        root: Address,
        gate: Gate<'_>,
    ) -> Result<VoucherView, GatewayError> {
        if root.is_zero() {
            return Err(GatewayError::field(
                "root",
                "it must be the address of the key that registers",
            ));
        }
        if self.chain.actor(root).await?.is_some() {
            return Err(GatewayError::conflict(
                "this key acts for a subject already",
            ));
        }
        let now = unix_secs();
        let mut nonce = B256::ZERO;
        getrandom::fill(nonce.as_mut_slice()).map_err(|_| GatewayError::Random)?;
        let voucher = signed(&self.settings, kind, root, nonce, now + VOUCHER_SECS);
        let voucher = self.vault.issue_voucher(&voucher, gate, now).await?;
        Ok(VoucherView {
            kind: voucher.kind,
            root: voucher.root,
            organisation: voucher.organisation,
            nonce: voucher.nonce,
            expiry: voucher.expiry,
            signature: voucher.signature.into(),
        })
    }
}

/// A voucher of the node's own organisation under the operator's key, as the Directory checks it.
fn signed(
    settings: &Settings,
    kind: Kind,
    root: Address,
    nonce: B256,
    expiry: u64,
) -> StoredVoucher {
    let organisation = B256::ZERO;
    let domain = eip712_domain! {
        name: "Carechain Directory",
        version: "1",
        chain_id: settings.chain_id,
        verifying_contract: settings.contracts.directory,
    };
    let digest = typed::Voucher {
        kind: kind.number(),
        root,
        organisation,
        nonce: U256::from_be_bytes(nonce.0),
        expiry,
    }
    .eip712_signing_hash(&domain);
    let signature = settings.operator_key.sign_digest(&digest).to_vec();
    StoredVoucher {
        kind,
        root,
        organisation,
        nonce,
        expiry,
        signature,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::keccak256;
    use alloy_sol_types::SolValue;
    use carechain_crypto::{SigningKey, recover};

    #[test]
    fn the_digest_is_the_one_that_the_directory_computes() {
        let directory = Address::repeat_byte(3);
        let settings = crate::testing::settings(directory);
        let (root, nonce) = (Address::repeat_byte(5), B256::repeat_byte(6));
        let voucher = signed(&settings, Kind::Doctor, root, nonce, 77);
        // EIP-712 by hand, from the strings of Directory.sol.
        let type_hash = keccak256(
            "Voucher(uint8 kind,address root,bytes32 organisation,uint256 nonce,uint64 expiry)",
        );
        let fields = (
            type_hash,
            U256::from(2),
            root,
            B256::ZERO,
            U256::from_be_bytes(nonce.0),
            U256::from(77),
        );
        let domain_type = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        );
        let domain = (
            domain_type,
            keccak256("Carechain Directory"),
            keccak256("1"),
            U256::from(settings.chain_id),
            directory,
        );
        let digest = keccak256(
            [
                &[0x19, 0x01],
                keccak256(domain.abi_encode()).as_slice(),
                keccak256(fields.abi_encode()).as_slice(),
            ]
            .concat(),
        );
        assert_eq!(
            recover(&digest, &voucher.signature).unwrap(),
            settings.operator_key.address()
        );
        let other = SigningKey::from_bytes(&[9; 32]).unwrap().address();
        assert_ne!(recover(&digest, &voucher.signature).unwrap(), other);
    }
}
