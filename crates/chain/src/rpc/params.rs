//! Reading parameters so that an error names the one that is wrong.

use alloy_eips::BlockId;
use jsonrpsee::{
    core::RpcResult,
    types::{Params, params::ParamsSequence},
};
use serde::de::DeserializeOwned;

use super::errors::invalid;

/// The positional parameters of a request.
pub(super) struct Arguments<'a>(ParamsSequence<'a>);

impl<'a> Arguments<'a> {
    pub(super) fn of(params: &'a Params<'_>) -> Self {
        Self(params.sequence())
    }

    /// The next parameter, which must be there.
    pub(super) fn one<T: DeserializeOwned>(&mut self, name: &str) -> RpcResult<T> {
        self.maybe(name)?
            .ok_or_else(|| invalid(format!("missing parameter {name}")))
    }

    /// The next parameter, if there is one and it is not null.
    pub(super) fn maybe<T: DeserializeOwned>(&mut self, name: &str) -> RpcResult<Option<T>> {
        self.0.optional_next().map_err(|error| {
            let why = error.data().map_or("", |data| data.get().trim_matches('"'));
            invalid(format!("invalid parameter {name}: {why}"))
        })
    }

    /// The next parameter as a block, the newest one if absent.
    pub(super) fn block(&mut self) -> RpcResult<BlockId> {
        Ok(self.maybe("block")?.unwrap_or_else(BlockId::latest))
    }
}
