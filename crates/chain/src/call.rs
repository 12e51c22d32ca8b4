//! Calls that write nothing: `eth_call`, gas estimates, access lists.
//!
//! They run on a snapshot under the block's own rules, with the nonce, the block gas limit and the
//! sender's code left unchecked, as every Ethereum node does. A gas cap bounds their time.

use alloy_eips::{
    BlockId,
    eip2930::{AccessList, AccessListItem},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_eth::{
    AccessListResult, BlockOverrides, TransactionRequest,
    state::{AccountOverride, StateOverride},
};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{BlockEnv, TxEnv},
    context_interface::result::{ExecutionResult, ResultAndState},
    database::CacheDB,
    database_interface::DatabaseRef,
};

use crate::{
    block::FinalBlock,
    engine::Shared,
    error::ChainError,
    execute::{block_env, rules},
    state::World,
    validate::{MAX_TX_BYTES, MAX_TX_GAS},
};

/// Most gas a call may use.
pub const MAX_CALL_GAS: u64 = 50_000_000;
/// Most accounts and slots in the overrides of a call.
pub(crate) const MAX_OVERRIDES: usize = 1_024;
/// An estimate may be above the least possible by one part in this many.
const ESTIMATE_TOLERANCE: u64 = 66;

type Overlay = CacheDB<World>;

struct Prepared {
    db: Overlay,
    block: BlockEnv,
    chain_id: u64,
}

/// What the call returns.
pub(crate) fn call(
    shared: &Shared,
    request: &TransactionRequest,
    at: BlockId,
    overrides: Option<StateOverride>,
    block: Option<Box<BlockOverrides>>,
) -> Result<Bytes, ChainError> {
    let prepared = prepare(shared, at, overrides, block)?;
    let result = prepared.run(tx_env(shared, request, MAX_CALL_GAS)?)?.result;
    output(result)
}

/// The gas that the transaction needs, at most a little above the least possible.
pub(crate) fn estimate_gas(
    shared: &Shared,
    request: &TransactionRequest,
    at: BlockId,
    overrides: Option<StateOverride>,
) -> Result<u64, ChainError> {
    let prepared = prepare(shared, at, overrides, None)?;
    let mut tx = tx_env(shared, request, MAX_TX_GAS)?;
    tx.gas_limit = tx.gas_limit.min(MAX_TX_GAS);
    let cap = tx.gas_limit;
    let first = prepared.run(tx.clone())?.result;
    let used = first.tx_gas_used();
    let refunded = first.gas().inner_refunded();
    output(first)?;
    // Below what it used it fails for certain; with its refund and the 1/64 that a call keeps back
    // it mostly suffices.
    let mut low = used.saturating_sub(1);
    let mut high = cap;
    if prepared.fits(&tx, used)? {
        return Ok(used);
    }
    let guess = (used + refunded + 2_300) * 64 / 63;
    if guess < cap {
        let fits = prepared.fits(&tx, guess)?;
        if fits { high = guess } else { low = guess }
    }
    while low + 1 < high && high - low > high / ESTIMATE_TOLERANCE {
        let middle = low + (high - low) / 2;
        if prepared.fits(&tx, middle)? {
            high = middle
        } else {
            low = middle
        }
    }
    Ok(high)
}

/// The accounts and slots that the transaction touches, and its gas with them declared.
pub(crate) fn access_list(
    shared: &Shared,
    request: &TransactionRequest,
    at: BlockId,
) -> Result<AccessListResult, ChainError> {
    let prepared = prepare(shared, at, None, None)?;
    let mut tx = tx_env(shared, request, MAX_TX_GAS)?;
    let caller = tx.caller;
    let to = tx.kind.to().copied();
    let touched = prepared.run(tx.clone())?.state;
    let mut items: Vec<AccessListItem> = touched
        .into_iter()
        .filter_map(|(address, account)| {
            let mut storage_keys: Vec<B256> = account
                .storage
                .keys()
                .map(|slot| B256::from(*slot))
                .collect();
            storage_keys.sort_unstable();
            let implied = address == caller
                || Some(address) == to
                || address == prepared.block.beneficiary
                || is_precompile(address)
                || account.is_created();
            (!implied || !storage_keys.is_empty()).then_some(AccessListItem {
                address,
                storage_keys,
            })
        })
        .collect();
    items.sort_unstable_by_key(|item| item.address);
    let access_list = AccessList(items);
    tx.access_list = access_list.clone();
    if tx.tx_type == 0 {
        tx.tx_type = 1;
    }
    let result = prepared.run(tx)?.result;
    let gas_used = U256::from(result.tx_gas_used());
    let error = output(result).err().map(|error| error.to_string());
    Ok(AccessListResult {
        access_list,
        gas_used,
        error,
    })
}

/// Precompiles of Osaka: 0x01 to 0x11, and 0x0100.
fn is_precompile(address: Address) -> bool {
    let number = U256::from_be_slice(address.as_slice());
    (U256::from(1)..=U256::from(0x11)).contains(&number) || number == U256::from(0x100)
}

impl Prepared {
    fn run(&self, tx: TxEnv) -> Result<ResultAndState, ChainError> {
        let mut cfg = rules(self.chain_id);
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.tx_gas_limit_cap = Some(MAX_CALL_GAS);
        let mut evm = Context::mainnet()
            .with_db(self.db.clone())
            .with_cfg(cfg)
            .with_block(self.block.clone())
            .build_mainnet();
        evm.transact(tx)
            .map_err(|error| ChainError::Call(error.to_string()))
    }

    fn fits(&self, tx: &TxEnv, gas_limit: u64) -> Result<bool, ChainError> {
        let tx = TxEnv {
            gas_limit,
            ..tx.clone()
        };
        // Too little for the intrinsic cost is an error of the transaction, not of the node.
        match self.run(tx) {
            Ok(done) => Ok(done.result.is_success()),
            Err(ChainError::Call(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn output(result: ExecutionResult) -> Result<Bytes, ChainError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(ChainError::Reverted { output }),
        ExecutionResult::Halt { reason, .. } => Err(ChainError::Call(format!("{reason:?}"))),
    }
}

fn prepare(
    shared: &Shared,
    at: BlockId,
    overrides: Option<StateOverride>,
    block: Option<Box<BlockOverrides>>,
) -> Result<Prepared, ChainError> {
    let (header, world) = {
        let store = shared.store.read();
        let (final_block, world) = store.at(at)?;
        let final_block: &FinalBlock = final_block;
        (final_block.executed.header.clone(), world.clone())
    };
    let mut env = block_env(
        header.number,
        header.timestamp,
        header.beneficiary,
        header.gas_limit,
    );
    if let Some(block) = block {
        apply_block_overrides(&mut env, &block)?;
    }
    let mut db = CacheDB::new(world);
    if let Some(overrides) = overrides {
        let size: usize = overrides
            .values()
            .map(|o| {
                1 + o.state.as_ref().map_or(0, |s| s.len())
                    + o.state_diff.as_ref().map_or(0, |s| s.len())
            })
            .sum();
        if size > MAX_OVERRIDES {
            return Err(ChainError::InvalidRequest(format!(
                "state overrides: {size} accounts and slots, the limit is {MAX_OVERRIDES}"
            )));
        }
        for (address, account) in overrides {
            override_account(&mut db, address, account)?;
        }
    }
    Ok(Prepared {
        db,
        block: env,
        chain_id: shared.genesis.chain_id,
    })
}

fn apply_block_overrides(env: &mut BlockEnv, block: &BlockOverrides) -> Result<(), ChainError> {
    if block.base_fee.is_some_and(|fee| !fee.is_zero()) || block.blob_base_fee.is_some() {
        return Err(ChainError::InvalidRequest(
            "block overrides: the base fees of this chain cannot be overridden".into(),
        ));
    }
    env.number = block.number.unwrap_or(env.number);
    env.timestamp = block.time.map_or(env.timestamp, U256::from);
    env.beneficiary = block.coinbase.unwrap_or(env.beneficiary);
    env.prevrandao = block.random.or(env.prevrandao);
    env.gas_limit = block.gas_limit.unwrap_or(env.gas_limit);
    Ok(())
}

fn override_account(
    db: &mut Overlay,
    address: Address,
    account: AccountOverride,
) -> Result<(), ChainError> {
    let fail = |error: crate::state::StateError| ChainError::Call(error.to_string());
    if account.move_precompile_to.is_some() {
        return Err(ChainError::InvalidRequest(
            "state overrides: movePrecompileToAddress is not supported".into(),
        ));
    }
    if account.state.is_some() && account.state_diff.is_some() {
        return Err(ChainError::InvalidRequest(
            "state overrides: state and stateDiff exclude each other".into(),
        ));
    }
    let mut known = db.basic_ref(address).map_err(fail)?.unwrap_or_default();
    known.nonce = account.nonce.unwrap_or(known.nonce);
    known.balance = account.balance.unwrap_or(known.balance);
    if let Some(code) = account.code {
        let code = Bytecode::new_raw_checked(code).map_err(|error| {
            ChainError::InvalidRequest(format!("state overrides: code: {error}"))
        })?;
        known = known.with_code(code);
    }
    db.insert_account_info(address, known);
    if let Some(state) = account.state {
        let slots = state
            .into_iter()
            .map(|(slot, value)| (slot.into(), value.into()))
            .collect();
        db.replace_account_storage(address, slots).map_err(fail)?;
    }
    for (slot, value) in account.state_diff.into_iter().flatten() {
        db.insert_account_storage(address, slot.into(), value.into())
            .map_err(fail)?;
    }
    Ok(())
}

fn tx_env(
    shared: &Shared,
    request: &TransactionRequest,
    default_gas: u64,
) -> Result<TxEnv, ChainError> {
    let invalid = |reason: &str| ChainError::InvalidRequest(reason.into());
    if request
        .blob_versioned_hashes
        .as_ref()
        .is_some_and(|hashes| !hashes.is_empty())
        || request.sidecar.is_some()
    {
        return Err(invalid(
            "blobVersionedHashes: blob transactions are refused",
        ));
    }
    if request
        .authorization_list
        .as_ref()
        .is_some_and(|list| !list.is_empty())
    {
        return Err(invalid(
            "authorizationList: EIP-7702 transactions are refused",
        ));
    }
    if request
        .chain_id
        .is_some_and(|id| id != shared.genesis.chain_id)
    {
        return Err(invalid("chainId: it is another chain's"));
    }
    if let (Some(data), Some(input)) = (&request.input.data, &request.input.input)
        && data != input
    {
        return Err(invalid("data and input differ"));
    }
    let data = request.input.input().cloned().unwrap_or_default();
    if data.len() > MAX_TX_BYTES {
        return Err(invalid("input: it is longer than a transaction may be"));
    }
    let access_list = request.access_list.clone().unwrap_or_default();
    Ok(TxEnv {
        tx_type: if access_list.is_empty() { 0 } else { 1 },
        caller: request.from.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(default_gas).min(MAX_CALL_GAS),
        gas_price: 0,
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data,
        nonce: request.nonce.unwrap_or_default(),
        chain_id: Some(shared.genesis.chain_id),
        access_list,
        ..TxEnv::default()
    })
}
