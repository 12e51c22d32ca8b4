//! Puts Carechain's contracts on the chain, once, and remembers where they are.
//!
//! A throwaway deployer creates them with its nonces 0 to 3, so that a crash in between is continued at the next
//! nonce. The contracts give their deployer no role, and its key is removed when `contracts.json` is durable.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_provider::{DynProvider, Provider};
use alloy_sol_types::SolValue;
use carechain_api::Contracts;
use carechain_bindings::{consent, directory, records, registry};
use carechain_crypto::SigningKey;
use serde::{Deserialize, Serialize};

use crate::NodeError;
use crate::folder::Folder;
use crate::secrets;

const MANIFEST: &str = "contracts.json";
const DEPLOYER: &str = "deployer";
/// Gas of one creation; below the cap that Osaka sets for a transaction.
const CREATE_GAS: u64 = 16_000_000;

/// `contracts.json`: where the contracts of this folder's chain are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    chain_id: u64,
    genesis: B256,
    contracts: Contracts,
    /// Keccak of the code at each address, in the order registry, directory, consent, records.
    code_hashes: [B256; 4],
}

/// Addresses of the contracts, deployed now if the folder has none yet.
pub(crate) async fn ensure(
    folder: &Folder,
    provider: &DynProvider,
    chain_id: u64,
    genesis: B256,
    operator: Address,
) -> Result<Contracts, NodeError> {
    if let Some(text) = folder.read_text(MANIFEST)? {
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|e| NodeError::damaged(&folder.path(MANIFEST), e.to_string()))?;
        check(&manifest, provider, chain_id, genesis).await?;
        secrets::forget_key(folder, DEPLOYER)?;
        return Ok(manifest.contracts);
    }
    let deployer = secrets::signing_key(folder, DEPLOYER)?;
    let contracts = deploy(provider, &deployer, chain_id, operator).await?;
    let code_hashes = code_hashes(provider, &contracts).await?;
    let manifest = Manifest {
        chain_id,
        genesis,
        contracts: contracts.clone(),
        code_hashes,
    };
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    folder.write_durable(MANIFEST, &text)?;
    secrets::forget_key(folder, DEPLOYER)?;
    Ok(contracts)
}

async fn check(
    manifest: &Manifest,
    provider: &DynProvider,
    chain_id: u64,
    genesis: B256,
) -> Result<(), NodeError> {
    if manifest.chain_id != chain_id || manifest.genesis != genesis {
        return Err(NodeError::Contracts(format!(
            "{MANIFEST} is of chain {} with genesis {}, the engine is at {chain_id} with {genesis}",
            manifest.chain_id, manifest.genesis
        )));
    }
    if code_hashes(provider, &manifest.contracts).await? != manifest.code_hashes {
        return Err(NodeError::Contracts(format!(
            "the code on the chain is not what {MANIFEST} says"
        )));
    }
    Ok(())
}

async fn code_hashes(provider: &DynProvider, c: &Contracts) -> Result<[B256; 4], NodeError> {
    let mut hashes = [B256::ZERO; 4];
    for (hash, address) in hashes
        .iter_mut()
        .zip([c.registry, c.directory, c.consent, c.records])
    {
        let code = provider.get_code_at(address).await.map_err(rpc)?;
        if code.is_empty() {
            return Err(NodeError::Contracts(format!("no code at {address}")));
        }
        *hash = keccak256(&code);
    }
    Ok(hashes)
}

async fn deploy(
    provider: &DynProvider,
    deployer: &SigningKey,
    chain_id: u64,
    operator: Address,
) -> Result<Contracts, NodeError> {
    let from = deployer.address();
    let [directory, consent, records, registry] = [0, 1, 2, 3].map(|nonce| from.create(nonce));
    let names = ["directory", "consent", "records"].map(|name| keccak256(name.as_bytes()));
    let creations: [Vec<u8>; 4] = [
        [directory::BYTECODE.as_ref(), &operator.abi_encode()].concat(),
        [consent::BYTECODE.as_ref(), &directory.abi_encode()].concat(),
        [
            records::BYTECODE.as_ref(),
            &(directory, consent).abi_encode_params(),
        ]
        .concat(),
        [
            registry::BYTECODE.as_ref(),
            &(directory, names.to_vec(), vec![directory, consent, records]).abi_encode_params(),
        ]
        .concat(),
    ];
    let done = provider.get_transaction_count(from).await.map_err(rpc)?;
    for (nonce, init) in (0u64..)
        .zip(creations)
        .skip(usize::try_from(done).unwrap_or(usize::MAX))
    {
        create(provider, deployer, chain_id, nonce, init.into()).await?;
    }
    Ok(Contracts {
        registry,
        directory,
        consent,
        records,
    })
}

async fn create(
    provider: &DynProvider,
    deployer: &SigningKey,
    chain_id: u64,
    nonce: u64,
    init: Bytes,
) -> Result<(), NodeError> {
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: CREATE_GAS,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: TxKind::Create,
        value: U256::ZERO,
        access_list: Default::default(),
        input: init,
    };
    let bytes = deployer.sign_digest(&tx.signature_hash());
    let signature =
        Signature::from_raw_array(&bytes).expect("a key signs 65 bytes with v 27 or 28");
    let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
    let pending = provider.send_raw_transaction(&raw).await.map_err(rpc)?;
    let receipt = pending
        .get_receipt()
        .await
        .map_err(|e| NodeError::Rpc(e.to_string()))?;
    if receipt.status() {
        Ok(())
    } else {
        Err(NodeError::Contracts(format!(
            "creation {nonce} was reverted after {} gas",
            receipt.gas_used
        )))
    }
}

fn rpc(error: alloy_transport::TransportError) -> NodeError {
    NodeError::Rpc(error.to_string())
}
