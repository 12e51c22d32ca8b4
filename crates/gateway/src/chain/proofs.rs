//! Proofs of Carechain's contracts, all against one signed head.

use std::net::SocketAddr;

use alloy_provider::Provider;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use carechain_api::{
    MAX_PROOF_SLOTS, ProofAccount, ProofRequest, ProvenAccount, ProvenSlot, StateProof,
};
use futures::future::try_join_all;

use super::Chain;
use crate::GatewayError;
use crate::extract::Input;
use crate::state::Shared;

/// Accounts in one request; there are four contracts.
const MAX_PROOF_ACCOUNTS: usize = 8;

#[utoipa::path(
    post, path = "/v1/chain/proof", tag = "chain", request_body = ProofRequest,
    responses(
        (status = 200, body = StateProof),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
    ),
)]
/// Storage of Carechain's contracts with its proofs, against one signed head.
pub(crate) async fn proof(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Input(request): Input<ProofRequest>,
) -> Result<Json<StateProof>, GatewayError> {
    app.rates.proofs.take(peer.ip())?;
    check(&app.chain, &request)?;
    let number = *app.chain.newest.borrow();
    let accounts = try_join_all(
        request
            .accounts
            .iter()
            .map(|account| prove(&app.chain, account, number)),
    );
    let (head, accounts) = futures::try_join!(app.signed_head(number), accounts)?;
    Ok(Json(StateProof { head, accounts }))
}

fn check(chain: &Chain, request: &ProofRequest) -> Result<(), GatewayError> {
    if request.accounts.is_empty() {
        return Err(GatewayError::field("accounts", "name at least one"));
    }
    if request.accounts.len() > MAX_PROOF_ACCOUNTS {
        return Err(GatewayError::TooLarge {
            what: "accounts",
            limit: MAX_PROOF_ACCOUNTS as u64,
        });
    }
    if request
        .accounts
        .iter()
        .map(|account| account.slots.len())
        .sum::<usize>()
        > MAX_PROOF_SLOTS
    {
        return Err(GatewayError::TooLarge {
            what: "slots",
            limit: MAX_PROOF_SLOTS as u64,
        });
    }
    if request
        .accounts
        .iter()
        .any(|account| !chain.is_ours(account.address))
    {
        return Err(GatewayError::Denied(
            "only Carechain's contracts are proven",
        ));
    }
    Ok(())
}

async fn prove(
    chain: &Chain,
    account: &ProofAccount,
    number: u64,
) -> Result<ProvenAccount, GatewayError> {
    let found = chain
        .provider
        .get_proof(account.address, account.slots.clone())
        .number(number)
        .await?;
    let slots: Vec<ProvenSlot> = found
        .storage_proof
        .into_iter()
        .map(|slot| ProvenSlot {
            slot: slot.key.as_b256(),
            value: slot.value,
            proof: slot.proof,
        })
        .collect();
    if !slots
        .iter()
        .map(|slot| slot.slot)
        .eq(account.slots.iter().copied())
    {
        return Err(GatewayError::ChainAnswer("other slots than asked for"));
    }
    Ok(ProvenAccount {
        address: account.address,
        nonce: found.nonce,
        balance: found.balance,
        storage_root: found.storage_hash,
        code_hash: found.code_hash,
        proof: found.account_proof,
        slots,
    })
}
