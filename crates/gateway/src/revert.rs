//! Revert data as `Name(arguments)`, by the errors of Carechain's contracts.
//!
//! All their errors have arguments of one word each (ids, addresses, numbers, booleans), so words are read directly; a
//! signature with anything else is told by its name alone.

use alloy_primitives::{Address, B256, U256, hex};
use carechain_bindings::{consent, directory, records, registry};

/// Bytes of a selector.
const SELECTOR_BYTES: usize = 4;
/// Longest text of unknown data that is told.
const MAX_UNKNOWN_BYTES: usize = 68;

/// The error in words: `NotGranted(0x…, 3)`, or the data itself where it is no error of ours.
pub(crate) fn describe(data: &[u8]) -> Option<String> {
    let (selector, arguments) = data.split_first_chunk::<SELECTOR_BYTES>()?;
    let Some(signature) = signature_of(*selector) else {
        return Some(hex::encode_prefixed(
            &data[..data.len().min(MAX_UNKNOWN_BYTES)],
        ));
    };
    let (name, types) = signature.trim_end_matches(')').split_once('(')?;
    let types: Vec<&str> = types.split(',').filter(|t| !t.is_empty()).collect();
    let words: Vec<&[u8]> = arguments.chunks(32).collect();
    if words.len() != types.len() || words.iter().any(|word| word.len() != 32) {
        return Some(name.to_owned());
    }
    let values: Option<Vec<String>> = types
        .iter()
        .zip(words)
        .map(|(kind, word)| value(kind, word))
        .collect();
    Some(values.map_or_else(
        || name.to_owned(),
        |values| format!("{name}({})", values.join(", ")),
    ))
}

fn signature_of(selector: [u8; SELECTOR_BYTES]) -> Option<&'static str> {
    directory::DirectoryErrors::signature_by_selector(selector)
        .or_else(|| consent::ConsentErrors::signature_by_selector(selector))
        .or_else(|| records::RecordsErrors::signature_by_selector(selector))
        .or_else(|| registry::RegistryErrors::signature_by_selector(selector))
}

fn value(kind: &str, word: &[u8]) -> Option<String> {
    match kind {
        "bytes32" => Some(B256::from_slice(word).to_string()),
        "address" => Some(Address::from_word(B256::from_slice(word)).to_string()),
        "bool" => Some((word[31] != 0).to_string()),
        number if number.starts_with("uint") && !number.contains('[') => {
            Some(U256::from_be_slice(word).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_sol_types::SolError;

    #[test]
    fn errors_of_the_contracts_are_told_with_their_arguments() {
        let lane = records::EpochWrong {
            lane: 3,
            current: 7,
        };
        assert_eq!(describe(&lane.abi_encode()).unwrap(), "EpochWrong(3, 7)");
        let subject = B256::repeat_byte(0xab);
        let unknown = directory::UnknownSubject { subject };
        assert_eq!(
            describe(&unknown.abi_encode()).unwrap(),
            format!("UnknownSubject({subject})")
        );
        let none = directory::KeyBundleMissing {};
        assert_eq!(describe(&none.abi_encode()).unwrap(), "KeyBundleMissing()");
        let taken = directory::AddressTaken {
            account: Address::repeat_byte(1),
        };
        assert_eq!(
            describe(&taken.abi_encode()).unwrap(),
            format!("AddressTaken({})", Address::repeat_byte(1))
        );
    }

    #[test]
    fn other_data_is_told_as_it_is_and_cut() {
        assert_eq!(describe(&[]), None);
        assert_eq!(describe(&[1, 2, 3]), None);
        assert_eq!(describe(&[1, 2, 3, 4]).unwrap(), "0x01020304");
        assert_eq!(
            describe(&[9; 500]).unwrap().len(),
            2 + 2 * MAX_UNKNOWN_BYTES
        );
        let mut cut = records::EpochWrong {
            lane: 3,
            current: 7,
        }
        .abi_encode();
        cut.pop();
        assert_eq!(describe(&cut).unwrap(), "EpochWrong");
    }
}
