//! Lanes: the numbers that categories have on chain, different and secret for every subject.

use core::fmt;

use crate::CryptoError;

/// How many lanes, and how many categories, there are.
pub const LANES: usize = 16;

/// The number, 0 to 15, under which one category of one subject appears on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u8);

impl Lane {
    /// A lane by its number.
    ///
    /// # Errors
    /// A number above 15.
    pub const fn new(number: u8) -> Result<Self, CryptoError> {
        if number < LANES as u8 {
            Ok(Self(number))
        } else {
            Err(CryptoError::Lane { found: number })
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The lane's bit in a mask of lanes.
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << self.0
    }

    /// All lanes in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..LANES as u8).map(Self)
    }

    /// The lanes of a mask, in order.
    pub fn of_mask(mask: u16) -> impl DoubleEndedIterator<Item = Self> {
        Self::all().filter(move |lane| mask & lane.bit() != 0)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Lane {
    type Error = CryptoError;

    fn try_from(number: u8) -> Result<Self, CryptoError> {
        Self::new(number)
    }
}

impl From<Lane> for u8 {
    fn from(lane: Lane) -> u8 {
        lane.0
    }
}

/// Which category has which lane, for one subject. Known to the patient; a grantee's wrap tells
/// the part that it needs.
#[derive(Clone, PartialEq, Eq)]
pub struct LanePermutation([u8; LANES]);

impl LanePermutation {
    /// Fisher-Yates over 15 numbers of 8 bytes each, as docs/records.md has it.
    pub(crate) fn from_bytes(bytes: &[u8; 128]) -> Self {
        let mut lanes: [u8; LANES] = core::array::from_fn(|i| i as u8);
        for (k, number) in (1..LANES).rev().zip(bytes.chunks_exact(8)) {
            let number = u64::from_be_bytes(number.try_into().expect("chunks have 8 bytes"));
            lanes.swap(k, (number % (k as u64 + 1)) as usize);
        }
        Self(lanes)
    }

    /// The lane of a category.
    ///
    /// # Errors
    /// A category above 15.
    pub fn lane(&self, category: u8) -> Result<Lane, CryptoError> {
        self.0
            .get(usize::from(category))
            .map(|lane| Lane(*lane))
            .ok_or(CryptoError::Category { found: category })
    }

    /// The category of a lane.
    #[must_use]
    pub fn category(&self, lane: Lane) -> u8 {
        self.0
            .iter()
            .position(|l| *l == lane.0)
            .expect("a permutation holds every lane") as u8
    }
}

impl fmt::Debug for LanePermutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LanePermutation(redacted)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_draw_is_a_permutation_and_inverts() {
        for seed in 0..200u8 {
            let bytes = core::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add((i * 7) as u8));
            let lanes = LanePermutation::from_bytes(&bytes);
            let mut mask = 0;
            for category in 0..16 {
                let lane = lanes.lane(category).unwrap();
                assert_eq!(lanes.category(lane), category);
                mask |= lane.bit();
            }
            assert_eq!(mask, u16::MAX);
        }
    }

    #[test]
    fn numbers_beyond_fifteen_are_refused() {
        assert_eq!(Lane::new(16), Err(CryptoError::Lane { found: 16 }));
        let lanes = LanePermutation::from_bytes(&[0; 128]);
        assert_eq!(lanes.lane(16), Err(CryptoError::Category { found: 16 }));
        assert_eq!(
            Lane::of_mask(0b101).map(Lane::number).collect::<Vec<_>>(),
            [0, 2]
        );
    }
}
