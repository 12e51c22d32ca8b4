//! Block headers under the node's signature, one signature a block and second.

use alloy_consensus::Header;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, keccak256};
use alloy_provider::Provider;
use axum::Json;
use axum::extract::State;
use carechain_api::SignedHead;
use carechain_crypto::head_digest;
use parking_lot::Mutex;

use super::Chain;
use crate::GatewayError;
use crate::clock::unix_secs;
use crate::state::{App, Shared};

/// The last head that was signed.
#[derive(Default)]
pub(crate) struct HeadCache(Mutex<Option<(u64, SignedHead)>>);

#[utoipa::path(
    get, path = "/v1/chain/head", tag = "chain",
    responses((status = 200, body = SignedHead), (status = 503, body = carechain_api::ErrorBody)),
)]
/// The newest block's header under the node's signature.
pub(crate) async fn head(State(app): State<Shared>) -> Result<Json<SignedHead>, GatewayError> {
    let number = *app.chain.newest.borrow();
    app.signed_head(number).await.map(Json)
}

impl App {
    /// The header of a block under the node's signature of this second.
    pub(crate) async fn signed_head(&self, number: u64) -> Result<SignedHead, GatewayError> {
        let time = unix_secs();
        if let Some((cached, head)) = &*self.heads.0.lock()
            && *cached == number
            && head.time == time
        {
            return Ok(head.clone());
        }
        let (header, hash) = self.chain.header(number).await?;
        let encoded = alloy_rlp::encode(&header);
        if keccak256(&encoded) != hash {
            return Err(GatewayError::ChainAnswer(
                "a header that does not hash to its block",
            ));
        }
        let settings = &self.settings;
        let digest = head_digest(settings.chain_id, &settings.genesis, number, &hash, time);
        let signature = settings.node_key.sign_digest(&digest).to_vec();
        let head = SignedHead {
            header: encoded.into(),
            time,
            signature: signature.into(),
        };
        *self.heads.0.lock() = Some((number, head.clone()));
        Ok(head)
    }
}

impl Chain {
    /// Header and hash of a block.
    pub(crate) async fn header(&self, number: u64) -> Result<(Header, B256), GatewayError> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Number(number))
            .await?;
        let header = block
            .ok_or(GatewayError::ChainAnswer("no block of a number it gave"))?
            .header;
        Ok((header.inner, header.hash))
    }
}
