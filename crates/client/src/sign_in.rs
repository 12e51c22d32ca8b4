//! Signing in: an EIP-4361 message for the node's public URL, signed by the device key.
//!
//! The session that follows is a cookie for listings, profiles and notifications; it carries no right to keys.

use alloy_primitives::{Address, eip191_hash_message};
use carechain_api::{ErrorCode, Session, SessionRequest};

use crate::device::Device;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::tx::moment;

/// Seconds that a sign-in message holds.
const SIGN_IN_SECS: u64 = 300;
/// Characters of a nonce that are taken, so that nothing else can be put into the message.
const MAX_NONCE_CHARS: usize = 128;

impl<P: Platform> Device<P> {
    /// Signs in, and gives the session that the node opened.
    pub async fn sign_in(&self) -> Result<Session, ClientError> {
        self.http.drop_session();
        let nonce = self.http.sign_in_nonce().await?.nonce;
        let fits = (8..=MAX_NONCE_CHARS).contains(&nonce.len())
            && nonce.bytes().all(|b| b.is_ascii_alphanumeric());
        if !fits {
            return Err(ClientError::Answer {
                what: "the sign-in nonce",
                why: "not 8 to 128 letters and digits".to_owned(),
            });
        }
        let message = message(
            &self.info.public_url,
            self.pins().id,
            self.address(),
            &nonce,
            self.now(),
        );
        let signature = self
            .signer()
            .sign_digest(&eip191_hash_message(&message))
            .to_vec();
        let request = SessionRequest {
            message,
            signature: signature.into(),
        };
        let session = self.http.open_session(&request).await?;
        if session.subject != self.subject() {
            return Err(ClientError::Answer {
                what: "the session",
                why: "it is of another subject".to_owned(),
            });
        }
        Ok(session)
    }

    /// Ends the session, where there is one.
    pub async fn sign_out(&self) -> Result<(), ClientError> {
        if self.http.has_session() {
            self.http.close_session().await?;
            self.http.drop_session();
        }
        Ok(())
    }

    /// Calls with a session: signs in first where there is none, and once more where it has ended.
    pub(crate) async fn authed<T>(
        &self,
        call: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        if !self.http.has_session() {
            self.sign_in().await?;
        }
        match call().await {
            Err(ClientError::Refused {
                code: ErrorCode::SignInRequired,
                ..
            }) => {
                self.sign_in().await?;
                call().await
            }
            other => other,
        }
    }
}

/// The text of EIP-4361.
fn message(origin: &str, chain_id: u64, address: Address, nonce: &str, now: u64) -> String {
    let domain = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    format!(
        "{domain} wants you to sign in with your Ethereum account:\n{}\n\nSign in to Carechain. This opens no \
         record.\n\nURI: {origin}\nVersion: 1\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {}\nExpiration \
         Time: {}",
        address.to_checksum(None),
        moment(now),
        moment(now + SIGN_IN_SECS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_that_of_eip_4361() {
        let text = message(
            "http://localhost:8080",
            7,
            Address::ZERO,
            "abcdefgh1",
            1_800_000_000,
        );
        assert_eq!(
            text,
            "localhost:8080 wants you to sign in with your Ethereum account:\n\
             0x0000000000000000000000000000000000000000\n\n\
             Sign in to Carechain. This opens no record.\n\n\
             URI: http://localhost:8080\nVersion: 1\nChain ID: 7\nNonce: abcdefgh1\n\
             Issued At: 2027-01-15T08:00:00Z\nExpiration Time: 2027-01-15T08:05:00Z"
        );
    }
}
