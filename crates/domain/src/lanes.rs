//! Lanes 0 to 15 and their epochs, as the Consent contract packs them.

use core::fmt;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// Lanes a subject has.
pub const LANES: usize = 16;

/// A number that is no lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lane {0} is out of range, lanes are 0 to 15")]
pub struct LaneOutOfRange(pub u8);

/// The lane's epoch is at its last value, 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lane {0} has used all its epochs")]
pub struct EpochExhausted(pub Lane);

/// One of sixteen lanes; what it means is the patient's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "u8", into = "u8")]
#[cfg_attr(feature = "openapi", schema(value_type = u8))]
pub struct Lane(u8);

impl Lane {
    /// All lanes in rising order.
    pub fn all() -> impl Iterator<Item = Lane> {
        (0..LANES as u8).map(Lane)
    }

    /// Its number, 0 to 15.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Lane {
    type Error = LaneOutOfRange;

    fn try_from(number: u8) -> Result<Self, LaneOutOfRange> {
        if usize::from(number) < LANES {
            Ok(Lane(number))
        } else {
            Err(LaneOutOfRange(number))
        }
    }
}

impl From<Lane> for u8 {
    fn from(lane: Lane) -> u8 {
        lane.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A set of lanes as the contract's bit mask: lane n is bit n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct LaneSet(pub u16);

impl LaneSet {
    /// No lane.
    pub const EMPTY: LaneSet = LaneSet(0);
    /// All sixteen.
    pub const ALL: LaneSet = LaneSet(u16::MAX);

    /// Whether it holds `lane`.
    pub fn contains(self, lane: Lane) -> bool {
        self.0 & (1 << lane.0) != 0
    }

    /// With `lane` added.
    #[must_use]
    pub fn with(self, lane: Lane) -> LaneSet {
        LaneSet(self.0 | 1 << lane.0)
    }

    /// Lanes in either.
    #[must_use]
    pub fn union(self, other: LaneSet) -> LaneSet {
        LaneSet(self.0 | other.0)
    }

    /// Lanes in both.
    #[must_use]
    pub fn intersection(self, other: LaneSet) -> LaneSet {
        LaneSet(self.0 & other.0)
    }

    /// Whether every lane of `other` is in it.
    pub fn includes(self, other: LaneSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it holds no lane.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its lanes in rising order.
    pub fn iter(self) -> impl Iterator<Item = Lane> {
        Lane::all().filter(move |lane| self.contains(*lane))
    }
}

impl FromIterator<Lane> for LaneSet {
    fn from_iter<I: IntoIterator<Item = Lane>>(lanes: I) -> Self {
        lanes.into_iter().fold(LaneSet::EMPTY, LaneSet::with)
    }
}

/// The sixteen u16 epochs of a subject: lane n in bits 16n to 16n+15 of the contract's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
pub struct Epochs(pub U256);

impl Epochs {
    /// The epoch of `lane`.
    pub fn of(self, lane: Lane) -> u16 {
        let shifted: U256 = self.0 >> (16 * usize::from(lane.0));
        (shifted & U256::from(u16::MAX)).to::<u16>()
    }

    /// With the epochs of `lanes` one higher.
    pub fn moved(self, lanes: LaneSet) -> Result<Epochs, EpochExhausted> {
        let mut word = self.0;
        for lane in lanes.iter() {
            if self.of(lane) == u16::MAX {
                return Err(EpochExhausted(lane));
            }
            word += U256::from(1) << (16 * usize::from(lane.0));
        }
        Ok(Epochs(word))
    }

    /// With every lane outside `lanes` as zero, as a wrap's info has it.
    #[must_use]
    pub fn masked(self, lanes: LaneSet) -> Epochs {
        let mask = lanes.iter().fold(U256::ZERO, |mask, lane| {
            mask | (U256::from(u16::MAX) << (16 * usize::from(lane.0)))
        });
        Epochs(self.0 & mask)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn lane(n: u8) -> Lane {
        Lane::try_from(n).unwrap()
    }

    #[test]
    fn sixteen_is_no_lane() {
        assert_eq!(Lane::try_from(16), Err(LaneOutOfRange(16)));
        assert!(serde_json::from_str::<Lane>("16").is_err());
    }

    #[test]
    fn the_last_epoch_does_not_wrap_into_the_next_lane() {
        let last = Epochs(U256::from(u16::MAX));
        assert_eq!(last.moved(LaneSet(1)), Err(EpochExhausted(lane(0))));
        assert_eq!(last.moved(LaneSet(2)).unwrap().of(lane(0)), u16::MAX);
    }

    proptest! {
        #[test]
        fn moving_raises_only_the_lanes_named(bits: u16, start in prop::array::uniform16(0u16..u16::MAX)) {
            let word = start.iter().enumerate().fold(U256::ZERO, |w, (n, e)| w | U256::from(*e) << (16 * n));
            let moved = Epochs(word).moved(LaneSet(bits)).unwrap();
            for l in Lane::all() {
                let expected = start[usize::from(l.number())] + u16::from(LaneSet(bits).contains(l));
                prop_assert_eq!(moved.of(l), expected);
                let masked = moved.masked(LaneSet(bits)).of(l);
                prop_assert_eq!(masked, if LaneSet(bits).contains(l) { expected } else { 0 });
            }
        }

        #[test]
        fn a_set_is_its_lanes(bits: u16) {
            let set = LaneSet(bits);
            prop_assert_eq!(set.iter().collect::<LaneSet>(), set);
            prop_assert_eq!(set.iter().count(), bits.count_ones() as usize);
        }
    }
}
