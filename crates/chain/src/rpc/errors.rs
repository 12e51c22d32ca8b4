//! One table from the chain's errors to JSON-RPC codes and messages.

use alloy_primitives::Bytes;
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::json;

use crate::error::ChainError;

const EXECUTION_REVERTED: i32 = 3;
/// EIP-7966: the transaction was queued but did not make it in time.
const SYNC_TIMEOUT: i32 = 4;
const SERVER: i32 = -32000;
const REJECTED: i32 = -32003;
const LIMIT: i32 = -32005;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL: i32 = -32603;

/// Selector of `Error(string)`.
const ERROR_STRING: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];

impl From<ChainError> for ErrorObjectOwned {
    fn from(error: ChainError) -> Self {
        let message = error.to_string();
        let plain = |code| ErrorObjectOwned::owned(code, message.clone(), None::<()>);
        match error {
            ChainError::Reverted { output } => reverted(&output),
            ChainError::Admission(refusal) => ErrorObjectOwned::owned(
                REJECTED,
                message,
                Some(json!({ "code": refusal.code, "message": refusal.message })),
            ),
            ChainError::WaitTimeout { hash, .. } => {
                ErrorObjectOwned::owned(SYNC_TIMEOUT, message, Some(hash))
            }
            ChainError::InvalidRequest(_) => plain(INVALID_PARAMS),
            ChainError::TooManyWaiters { .. } => plain(LIMIT),
            ChainError::Tx(_)
            | ChainError::UnknownBlock(_)
            | ChainError::StateNotKept { .. }
            | ChainError::Call(_)
            | ChainError::InvalidBlock { .. }
            | ChainError::Conflict { .. }
            | ChainError::BadCertificate { .. } => plain(SERVER),
            ChainError::Disk(_) | ChainError::Sealing(_) | ChainError::Stopped => plain(INTERNAL),
            // These arise at the start and name paths; a caller learns nothing from them.
            ChainError::NotValidator { .. }
            | ChainError::Genesis(_)
            | ChainError::Locked(_)
            | ChainError::Io { .. }
            | ChainError::ForeignLog { .. }
            | ChainError::NewerLog { .. }
            | ChainError::DamagedLog { .. }
            | ChainError::Start { .. } => super::internal(),
        }
    }
}

/// A request above one of the limits.
pub(super) fn limit(message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(LIMIT, message, None::<()>)
}

/// A parameter that cannot be used.
pub(super) fn invalid(message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INVALID_PARAMS, message, None::<()>)
}

fn reverted(output: &Bytes) -> ErrorObjectOwned {
    let message = match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    };
    ErrorObjectOwned::owned(EXECUTION_REVERTED, message, Some(output))
}

/// The text of `Error(string)`, if that is what the output is.
fn revert_reason(output: &[u8]) -> Option<String> {
    let text = output.strip_prefix(&ERROR_STRING)?.get(32..)?;
    let (len, text) = text.split_at_checked(32)?;
    let len = usize::try_from(alloy_primitives::U256::from_be_slice(len)).ok()?;
    String::from_utf8(text.get(..len)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_reason_of_a_revert_is_told() {
        let mut output = ERROR_STRING.to_vec();
        output.extend_from_slice(&[0; 31]);
        output.push(32);
        output.extend_from_slice(&[0; 31]);
        output.push(2);
        output.extend_from_slice(b"no");
        output.extend_from_slice(&[0; 30]);
        let error = ErrorObjectOwned::from(ChainError::Reverted {
            output: output.clone().into(),
        });
        assert_eq!(error.code(), 3);
        assert_eq!(error.message(), "execution reverted: no");
        assert!(error.data().unwrap().get().starts_with("\"0x08c379a0"));
        assert_eq!(revert_reason(&output[..40]), None);
        assert_eq!(revert_reason(&[]), None);
    }
}
