//! Synthetic patients for demonstrations and load tests: one person's chart as a FHIR R4
//! collection Bundle.
//!
//! The same seed and options give the same bytes on every machine: the only randomness is
//! [`random::Random`], seeded by the caller, and the only clock is the date the caller passes.
//! Nobody described here exists; every resource carries the tag HTEST (test health data).
//!
//! A chart has a core (the person, their doctor, conditions, allergies, medicines, a care plan),
//! visits told by a [`Story`], and measurements at home that fill it up to the size asked for. When
//! the size asked for is small, the latest visits are kept. It is plausible, not epidemiology.

mod calendar;
mod chart;
mod codes;
mod home;
mod people;
mod random;
mod stories;
mod visit;

use crate::error::FhirError;
use crate::write::{self, Out};
use calendar::Day;
use chart::Chart;
use random::Random;

/// The largest chart that is made.
pub const MAX_RESOURCES: usize = 100_000;

/// What kind of life a chart tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Story {
    /// An adult with check-ups and passing illnesses.
    HealthyAdult,
    /// A child with vaccinations, growth and an ear infection.
    WellChild,
    /// Type 2 diabetes with its laboratory values over years.
    Diabetes,
    /// Hypertension and raised cholesterol.
    Hypertension,
    /// Asthma with hay fever.
    Asthma,
    /// A pregnancy from the first visit to after the birth.
    Pregnancy,
    /// Depression, treated, with PHQ-9 scores.
    Depression,
}

impl Story {
    /// Every story.
    pub const ALL: [Story; 7] = [
        Story::Diabetes,
        Story::Hypertension,
        Story::Asthma,
        Story::Pregnancy,
        Story::WellChild,
        Story::Depression,
        Story::HealthyAdult,
    ];
}

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateOptions {
    /// How many resources the chart should have. The core is made in any case.
    pub resources_target: usize,
    /// The day on which the chart ends, as `YYYY-MM-DD`.
    pub as_of_date: String,
    /// The story to tell; without one, the seed chooses.
    pub story: Option<Story>,
}

/// A synthetic person and their chart.
#[derive(Clone, PartialEq, Eq)]
pub struct SyntheticPerson {
    /// The chart: a collection Bundle.
    pub bundle_json: Vec<u8>,
    /// How many resources it has.
    pub resources: usize,
    /// The full name.
    pub name: String,
    /// The birth date, as `YYYY-MM-DD`.
    pub birth_date: String,
    /// `female` or `male`.
    pub gender: &'static str,
    /// The story told.
    pub story: Story,
}

impl core::fmt::Debug for SyntheticPerson {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "SyntheticPerson({:?}, {} resources)",
            self.story, self.resources
        )
    }
}

/// Makes the synthetic person of `seed`.
///
/// # Errors
/// [`FhirError::BadOption`] when the date is no date between 1950 and 2199, or the target is above
/// [`MAX_RESOURCES`].
pub fn generate(seed: u64, options: &GenerateOptions) -> Result<SyntheticPerson, FhirError> {
    let bad = |field, what| FhirError::BadOption { field, what };
    let as_of = Day::parse(&options.as_of_date)
        .filter(|day| (1950..2200).contains(&day.year()))
        .ok_or_else(|| bad("as_of_date", "expected YYYY-MM-DD between 1950 and 2199"))?;
    if options.resources_target > MAX_RESOURCES {
        return Err(bad(
            "resources_target",
            "more resources than are made at once",
        ));
    }
    let mut random = Random::new(seed);
    let story = options.story.unwrap_or_else(|| random.pick(&Story::ALL));
    let mut chart = Chart::new(random, story, as_of);
    stories::tell(&mut chart, story);
    let entries = chart.finish(options.resources_target);
    let resources = entries.len();
    let bundle = Out::obj([
        ("resourceType", Out::str("Bundle")),
        ("type", Out::str("collection")),
        ("timestamp", Out::str(format!("{as_of}T23:59:59Z"))),
        ("entry", Out::Arr(entries)),
    ]);
    Ok(SyntheticPerson {
        bundle_json: write::to_bytes(&bundle),
        resources,
        name: chart.person.full_name(),
        birth_date: chart.person.born.to_string(),
        gender: chart.person.gender,
        story,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{Category, Document, bundle_person, check, classify, read_document, view, when};

    fn options(resources_target: usize, story: Option<Story>) -> GenerateOptions {
        GenerateOptions {
            resources_target,
            as_of_date: "2026-03-01".into(),
            story,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let a = generate(7, &options(300, None)).unwrap();
        assert_eq!(a, generate(7, &options(300, None)).unwrap());
        assert_ne!(
            a.bundle_json,
            generate(8, &options(300, None)).unwrap().bundle_json
        );
        // FNV-1a of the bytes: what was made once is made again, in every build.
        let hash = a
            .bundle_json
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        assert_eq!(hash, 14_529_990_471_738_717_086);
    }

    #[test]
    fn every_story_is_valid_and_as_large_as_asked() {
        for story in Story::ALL {
            for seed in 0..6 {
                let target = [60, 200, 800][usize::try_from(seed).unwrap() % 3];
                let person = generate(seed, &options(target, Some(story))).unwrap();
                assert_eq!(person.resources, target, "{story:?} {seed}");
                let issues = check(&person.bundle_json);
                assert_eq!(issues, [], "{story:?} {seed}");
                let Document::Bundle(bundle) = read_document(&person.bundle_json).unwrap() else {
                    panic!("a Bundle")
                };
                let about = bundle_person(&bundle).unwrap().unwrap();
                assert_eq!(about.name.as_deref(), Some(person.name.as_str()));
                let text = std::str::from_utf8(&person.bundle_json).unwrap();
                let urls: BTreeSet<String> = bundle
                    .entries()
                    .iter()
                    .map(|e| e.full_url.as_deref().unwrap().to_owned())
                    .collect();
                assert_eq!(urls.len(), target, "unique fullUrls");
                for part in text.split("\"reference\":\"").skip(1) {
                    let reference = part.split('"').next().unwrap();
                    assert!(
                        urls.contains(reference),
                        "{story:?} {seed}: dangling {reference}"
                    );
                }
                for entry in bundle.entries() {
                    let resource = entry.resource.as_ref().unwrap();
                    assert!(!view(resource).sections.is_empty());
                    if let Some(date) = when(resource) {
                        let born = person.birth_date.as_str();
                        assert!((born..="2026-03-01T99").contains(&date.as_str()), "{date}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_chart_covers_what_a_chart_has() {
        let mut counts: BTreeMap<Category, usize> = BTreeMap::new();
        for story in Story::ALL {
            let person = generate(1, &options(5_000, Some(story))).unwrap();
            assert_eq!(person.resources, 5_000);
            let Document::Bundle(bundle) = read_document(&person.bundle_json).unwrap() else {
                panic!("a Bundle")
            };
            for entry in bundle.entries() {
                *counts
                    .entry(classify(entry.resource.as_ref().unwrap()))
                    .or_default() += 1;
            }
        }
        for category in [
            Category::Demographics,
            Category::EmergencySummary,
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
            Category::Billing,
        ] {
            assert!(
                counts.get(&category).copied().unwrap_or(0) > 2,
                "{category}: {counts:?}"
            );
        }
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        for (date, target, field) in [
            ("2026-02-30", 10, "as_of_date"),
            ("today", 10, "as_of_date"),
            ("1800-01-01", 10, "as_of_date"),
            ("2026-01-01", MAX_RESOURCES + 1, "resources_target"),
        ] {
            let options = GenerateOptions {
                resources_target: target,
                as_of_date: date.into(),
                story: None,
            };
            let error = generate(1, &options).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
        }
    }
}
