//! Storage slots of the contracts that facts are proven by: the table in contracts/README.md, Proven slots.

use alloy_primitives::{Address, B256, U256, keccak256};
use carechain_domain::{GrantId, Lane, RecordId, RequestId, SubjectId};

/// Slots of a mapping's base, by contract.
mod base {
    pub(super) const SUBJECTS: u8 = 2;
    pub(super) const DEVICES: u8 = 3;
    pub(super) const ROOTS: u8 = 4;
    pub(super) const EPOCHS: u8 = 0;
    pub(super) const STATES: u8 = 1;
    pub(super) const GRANTS: u8 = 2;
    pub(super) const LIVE: u8 = 3;
    pub(super) const PAIRS: u8 = 4;
    pub(super) const REQUESTS: u8 = 5;
    pub(super) const WORDS: u8 = 0;
    pub(super) const LANES: u8 = 1;
}

/// keccak256(abi.encode(key, base)).
fn keyed(key: B256, base: B256) -> B256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(key.as_slice());
    bytes[32..].copy_from_slice(base.as_slice());
    keccak256(bytes)
}

fn number(base: u8) -> B256 {
    B256::with_last_byte(base)
}

fn plus(slot: B256, offset: u64) -> B256 {
    (U256::from_be_bytes(slot.0).wrapping_add(U256::from(offset))).into()
}

pub(crate) fn subject(subject: SubjectId, field: u64) -> B256 {
    plus(keyed(subject.0, number(base::SUBJECTS)), field)
}

pub(crate) fn device(device: Address, field: u64) -> B256 {
    plus(keyed(device.into_word(), number(base::DEVICES)), field)
}

pub(crate) fn root_subject(root: Address) -> B256 {
    keyed(root.into_word(), number(base::ROOTS))
}

pub(crate) fn electorate() -> B256 {
    number(6)
}

pub(crate) fn epochs(subject: SubjectId) -> B256 {
    keyed(subject.0, number(base::EPOCHS))
}

pub(crate) fn state(subject: SubjectId) -> B256 {
    keyed(subject.0, number(base::STATES))
}

pub(crate) fn grant(grant: GrantId, field: u64) -> B256 {
    plus(keyed(grant.0, number(base::GRANTS)), field)
}

pub(crate) fn live(subject: SubjectId, position: u8) -> B256 {
    plus(keyed(subject.0, number(base::LIVE)), u64::from(position))
}

pub(crate) fn pair(subject: SubjectId, grantee: SubjectId) -> B256 {
    let pair = keyed(subject.0, grantee.0);
    keyed(pair, number(base::PAIRS))
}

pub(crate) fn request(request: RequestId, field: u64) -> B256 {
    plus(keyed(request.0, number(base::REQUESTS)), field)
}

pub(crate) fn word(record: RecordId) -> B256 {
    keyed(record.0, number(base::WORDS))
}

pub(crate) fn lane(subject: SubjectId, lane: Lane, field: u64) -> B256 {
    let inner = keyed(subject.0, number(base::LANES));
    plus(keyed(number(lane.number()), inner), field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    #[test]
    fn a_mapping_of_zero_at_zero_is_the_hash_that_solidity_uses() {
        assert_eq!(
            epochs(SubjectId::default()),
            b256!("ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5")
        );
        assert_eq!(
            plus(B256::with_last_byte(255), 1),
            B256::from(U256::from(256))
        );
    }
}
