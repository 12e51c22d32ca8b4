//! The sixteen categories of health data that a person shares one by one.
//!
//! A category means something to people; on chain, in the index and in the vault there are only
//! lane numbers, which say nothing. There are exactly as many categories as lanes, so that the
//! mapping between them can be a permutation. The numbers and names here are part of the stored
//! format: they are never reused or reordered.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a record is about, as far as sharing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Category {
    /// What a stranger in an ambulance needs: the emergency summary.
    EmergencySummary = 0,
    /// Name, birth date, address and relations.
    Demographics = 1,
    /// Blood pressure, pulse, weight, temperature and other vital signs.
    Vitals = 2,
    /// Medicines ordered, taken, dispensed or given.
    Medications = 3,
    /// Allergies and intolerances.
    Allergies = 4,
    /// Diagnoses, problems, procedures, plans of care.
    Conditions = 5,
    /// Vaccinations.
    Immunizations = 6,
    /// Laboratory results and specimens.
    Laboratory = 7,
    /// Imaging studies and their reports.
    Imaging = 8,
    /// Encounters and appointments.
    Visits = 9,
    /// Notes, letters and documents.
    Notes = 10,
    /// Mental health and substance use, whatever the kind of record.
    MentalHealth = 11,
    /// Sexual and reproductive health, whatever the kind of record.
    SexualHealth = 12,
    /// Genetic findings.
    Genetics = 13,
    /// Claims, benefits, cover and invoices.
    Billing = 14,
    /// Everything else, such as provenance, organisations and devices.
    Other = 15,
}

/// A text or number that names no category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCategory;

impl fmt::Display for UnknownCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown category; one of ")?;
        for (i, category) in Category::ALL.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            f.write_str(category.as_str())?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownCategory {}

impl Category {
    /// Every category, in the order of its number.
    pub const ALL: [Category; 16] = [
        Category::EmergencySummary,
        Category::Demographics,
        Category::Vitals,
        Category::Medications,
        Category::Allergies,
        Category::Conditions,
        Category::Immunizations,
        Category::Laboratory,
        Category::Imaging,
        Category::Visits,
        Category::Notes,
        Category::MentalHealth,
        Category::SexualHealth,
        Category::Genetics,
        Category::Billing,
        Category::Other,
    ];

    /// The stable name, as commands, files and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::EmergencySummary => "emergency-summary",
            Category::Demographics => "demographics",
            Category::Vitals => "vitals",
            Category::Medications => "medications",
            Category::Allergies => "allergies",
            Category::Conditions => "conditions",
            Category::Immunizations => "immunizations",
            Category::Laboratory => "laboratory",
            Category::Imaging => "imaging",
            Category::Visits => "visits",
            Category::Notes => "notes",
            Category::MentalHealth => "mental-health",
            Category::SexualHealth => "sexual-health",
            Category::Genetics => "genetics",
            Category::Billing => "billing",
            Category::Other => "other",
        }
    }

    /// The stable number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Category::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or(UnknownCategory)
    }
}

impl TryFrom<u8> for Category {
    type Error = UnknownCategory;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Category::ALL
            .get(usize::from(number))
            .copied()
            .ok_or(UnknownCategory)
    }
}

impl From<Category> for u8 {
    fn from(category: Category) -> u8 {
        category.number()
    }
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl serde::de::Visitor<'_> for Name {
            type Value = Category;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a category")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Category, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_round_trip_and_never_move() {
        for (i, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(category.number()), i);
            assert_eq!(Category::try_from(category.number()), Ok(category));
            assert_eq!(category.as_str().parse(), Ok(category));
            assert_eq!(category.to_string(), category.as_str());
        }
        assert_eq!(Category::Vitals.number(), 2);
        assert_eq!(Category::MentalHealth.as_str(), "mental-health");
        assert_eq!(Category::Other.number(), 15);
    }

    #[test]
    fn what_names_no_category_is_refused() {
        assert_eq!("Vitals".parse::<Category>(), Err(UnknownCategory));
        assert_eq!(Category::try_from(16), Err(UnknownCategory));
        assert!(UnknownCategory.to_string().contains("sexual-health"));
    }
}
