//! The signed statement, checked for itself: what needs neither chain nor store.

use std::collections::HashSet;

use alloy_primitives::B256;
use carechain_api::{
    MAX_RELEASE_EXPIRY_SECS, MAX_RELEASE_RECORDS, ReleaseRequest, ReleaseStatement,
};
use carechain_crypto::{Release, ReleaseShape, recover, release_root};
use carechain_domain::Purpose;

use crate::GatewayError;
use crate::state::Settings;

/// A statement that holds together and is signed by the device it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    /// The digest that was signed.
    pub(crate) digest: B256,
}

/// Checks origin, times, purpose, shape, Merkle root and signature.
pub(crate) fn check(
    settings: &Settings,
    request: &ReleaseRequest,
    now: u64,
) -> Result<Checked, GatewayError> {
    let statement = &request.statement;
    if statement.origin != settings.origin.as_str() {
        return Err(GatewayError::WrongOrigin);
    }
    if now >= statement.expiry || statement.expiry > now + MAX_RELEASE_EXPIRY_SECS {
        return Err(GatewayError::Expired("the statement"));
    }
    if Purpose::try_from(statement.purpose).is_err() {
        return Err(GatewayError::field(
            "statement.purpose",
            "there is no such purpose",
        ));
    }
    let release = release(statement);
    match release.shape() {
        Ok(ReleaseShape::Listing) => check_listing(request)?,
        Ok(ReleaseShape::Records) => check_records(request)?,
        Err(error) => return Err(GatewayError::field("statement", error.to_string())),
    }
    let digest = release.digest(settings.chain_id, settings.contracts.records);
    let signer = recover(&digest, request.signature.as_ref())
        .map_err(|_| GatewayError::Signature("the statement"))?;
    if signer != request.device {
        return Err(GatewayError::Signature("the statement"));
    }
    Ok(Checked { digest })
}

fn release(statement: &ReleaseStatement) -> Release {
    Release {
        origin: statement.origin.clone(),
        subject: statement.subject.0,
        reader: statement.reader.0,
        lanes: statement.lanes.0,
        root: statement.root,
        count: statement.count,
        purpose: statement.purpose,
        nonce: statement.nonce,
        expiry: statement.expiry,
    }
}

fn check_listing(request: &ReleaseRequest) -> Result<(), GatewayError> {
    if !request.records.is_empty() {
        return Err(GatewayError::field(
            "records",
            "a listing names lanes and no records",
        ));
    }
    let mut seen = HashSet::new();
    for page in &request.after {
        if !request.statement.lanes.contains(page.lane) || !seen.insert(page.lane) {
            return Err(GatewayError::field(
                "after",
                "name lanes of the listing, each once",
            ));
        }
        if i64::try_from(page.sequence).is_err() {
            return Err(GatewayError::field("after", "a sequence is out of range"));
        }
    }
    Ok(())
}

fn check_records(request: &ReleaseRequest) -> Result<(), GatewayError> {
    let records = &request.records;
    if records.len() > MAX_RELEASE_RECORDS {
        return Err(GatewayError::TooLarge {
            what: "records",
            limit: MAX_RELEASE_RECORDS as u64,
        });
    }
    if !request.after.is_empty() {
        return Err(GatewayError::field("after", "it is for listings"));
    }
    if records.len() as u64 != u64::from(request.statement.count) {
        return Err(GatewayError::field(
            "records",
            "there are another number of them than signed",
        ));
    }
    if records.iter().collect::<HashSet<_>>().len() != records.len() {
        return Err(GatewayError::field("records", "one is named twice"));
    }
    let leaves: Vec<_> = records
        .iter()
        .map(|(record, version)| (record.0, *version))
        .collect();
    if release_root(&leaves) != request.statement.root {
        return Err(GatewayError::field(
            "records",
            "they are not those under the root that was signed",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::Address;
    use carechain_api::{ErrorCode, LanePage};
    use carechain_crypto::SigningKey;
    use carechain_domain::{Lane, LaneSet, RecordId, SubjectId};

    const NOW: u64 = 1_800_000_000;

    fn settings() -> Settings {
        crate::testing::settings(Address::repeat_byte(3))
    }

    fn signed(mut request: ReleaseRequest) -> ReleaseRequest {
        let key = SigningKey::from_bytes(&[5; 32]).unwrap();
        let settings = settings();
        let digest =
            release(&request.statement).digest(settings.chain_id, settings.contracts.records);
        request.device = key.address();
        request.signature = key.sign_digest(&digest).to_vec().into();
        request
    }

    fn records() -> ReleaseRequest {
        let records = vec![
            (RecordId(B256::repeat_byte(1)), 1),
            (RecordId(B256::repeat_byte(2)), 3),
        ];
        let leaves: Vec<_> = records.iter().map(|(r, v)| (r.0, *v)).collect();
        signed(ReleaseRequest {
            statement: ReleaseStatement {
                origin: "http://localhost:8080".into(),
                subject: SubjectId(B256::repeat_byte(8)),
                reader: SubjectId(B256::repeat_byte(9)),
                lanes: LaneSet::EMPTY,
                root: release_root(&leaves),
                count: 2,
                purpose: 1,
                nonce: B256::repeat_byte(7),
                expiry: NOW + 30,
            },
            device: Address::ZERO,
            signature: Vec::new().into(),
            records,
            blobs: false,
            after: Vec::new(),
        })
    }

    fn listing() -> ReleaseRequest {
        let mut request = records();
        request.records.clear();
        request.statement.lanes = LaneSet(5);
        request.statement.root = B256::ZERO;
        request.statement.count = 0;
        signed(request)
    }

    fn code(request: &ReleaseRequest) -> ErrorCode {
        check(&settings(), request, NOW).unwrap_err().code()
    }

    #[test]
    fn good_statements_pass_and_hold_for_their_minute() {
        for request in [records(), listing()] {
            check(&settings(), &request, NOW).unwrap();
            check(&settings(), &request, NOW + 29).unwrap();
            for now in [NOW + 30, NOW - 31] {
                assert_eq!(
                    check(&settings(), &request, now).unwrap_err().code(),
                    ErrorCode::Expired
                );
            }
        }
    }

    #[test]
    fn a_changed_statement_is_not_the_one_that_was_signed() {
        let changes: [fn(&mut ReleaseRequest); 6] = [
            |r| r.statement.subject = SubjectId::default(),
            |r| r.statement.reader = SubjectId::default(),
            |r| r.statement.purpose = 2,
            |r| r.statement.nonce = B256::ZERO,
            |r| r.statement.expiry += 1,
            |r| r.device = Address::ZERO,
        ];
        for change in changes {
            let mut request = records();
            change(&mut request);
            assert_eq!(code(&request), ErrorCode::InvalidSignature);
        }
        let mut request = listing();
        request.statement.lanes = LaneSet(7);
        assert_eq!(code(&request), ErrorCode::InvalidSignature);
        let mut request = records();
        request.signature.0.pop();
        assert_eq!(code(&request), ErrorCode::InvalidSignature);
    }

    #[test]
    fn what_does_not_hold_together_is_named() {
        let mut other = records();
        other.statement.origin = "https://evil.example".into();
        assert_eq!(code(&signed(other)), ErrorCode::WrongOrigin);
        let changes: [fn(&mut ReleaseRequest); 8] = [
            |r| r.statement.purpose = 99,
            |r| r.statement.count = 3,
            |r| r.statement.lanes = LaneSet(1),
            |r| r.records.swap(0, 1),
            |r| r.records[0].1 = 2,
            |r| r.records.push(r.records[0]),
            |r| r.records.clear(),
            |r| {
                r.after.push(LanePage {
                    lane: Lane::try_from(0).unwrap(),
                    sequence: 1,
                })
            },
        ];
        for change in changes {
            let mut request = records();
            change(&mut request);
            assert_eq!(code(&signed(request)), ErrorCode::InvalidField);
        }
        for (lane, sequence) in [(1, 0), (0, u64::MAX)] {
            let mut request = listing();
            request.after.push(LanePage {
                lane: Lane::try_from(lane).unwrap(),
                sequence,
            });
            assert_eq!(code(&signed(request)), ErrorCode::InvalidField);
        }
        let mut twice = records();
        twice.records[1] = twice.records[0];
        let leaves: Vec<_> = twice.records.iter().map(|(r, v)| (r.0, *v)).collect();
        twice.statement.root = release_root(&leaves);
        assert_eq!(code(&signed(twice)), ErrorCode::InvalidField);
    }
}
