//! A chart in the making: the person, the core resources, and the visits told so far.

use super::Story;
use super::calendar::Day;
use super::codes::{self, Code, LOINC, hl7};
use super::people::Profile;
use super::random::Random;
use super::visit::{Visit, quantity};
use crate::write::Out;

/// A resource with its place in the Bundle.
pub(super) struct Entry {
    url: String,
    resource: Out,
}

/// A chart in the making.
pub(super) struct Chart {
    pub(super) random: Random,
    pub(super) person: Profile,
    pub(super) as_of: Day,
    pub(super) patient: String,
    pub(super) doctor: String,
    pub(super) doctor_name: String,
    pub(super) clinic: String,
    core: Vec<Entry>,
    visits: Vec<(Day, Vec<Entry>)>,
    /// What the emergency summary says: conditions, allergies, medicines.
    problems: Vec<&'static str>,
    allergies: Vec<&'static str>,
    medicines: Vec<&'static str>,
}

impl Chart {
    pub(super) fn new(mut random: Random, story: Story, as_of: Day) -> Chart {
        let person = Profile::invent(&mut random, story, as_of);
        let mut chart = Chart {
            random,
            person,
            as_of,
            patient: String::new(),
            doctor: String::new(),
            doctor_name: String::new(),
            clinic: String::new(),
            core: Vec::new(),
            visits: Vec::new(),
            problems: Vec::new(),
            allergies: Vec::new(),
            medicines: Vec::new(),
        };
        chart.people();
        chart
    }

    /// Makes a resource; the answer is its fullUrl and the resource.
    pub(super) fn make(&mut self, name: &'static str, members: Vec<(&'static str, Out)>) -> Entry {
        let id = self.random.uuid();
        let tag = Out::obj([
            (
                "system",
                Out::str("http://terminology.hl7.org/CodeSystem/v3-ActReason"),
            ),
            ("code", Out::str("HTEST")),
            ("display", Out::str("test health data")),
        ]);
        let url = format!("urn:uuid:{id}");
        let mut all = vec![
            ("resourceType", Out::str(name)),
            ("id", Out::str(id)),
            ("meta", Out::obj([("tag", Out::arr([tag]))])),
        ];
        all.extend(members);
        Entry {
            url,
            resource: Out::Obj(all),
        }
    }

    /// Adds a resource that every chart of this person has; the answer is its fullUrl.
    pub(super) fn core(&mut self, name: &'static str, members: Vec<(&'static str, Out)>) -> String {
        let entry = self.make(name, members);
        let url = entry.url.clone();
        self.core.push(entry);
        url
    }

    pub(super) fn keep_visit(&mut self, day: Day, entries: Vec<Entry>) {
        if day >= self.person.born && day <= self.as_of {
            self.visits.push((day, entries));
        }
    }

    /// Opens a visit; see [`Visit`].
    pub(super) fn visit(&mut self, day: Day, kind: Code, reason: Option<Code>) -> Visit<'_> {
        Visit::open(self, day, kind, reason)
    }

    /// A reference to a resource of this chart.
    #[expect(clippy::unused_self, reason = "reads as a sentence where it is used")]
    pub(super) fn reference(&self, url: &str) -> Out {
        Out::obj([("reference", Out::str(url))])
    }

    /// A condition that lasts.
    pub(super) fn problem(&mut self, code: Code, since: Day) -> String {
        self.problems.push(code.display);
        let members = vec![
            ("clinicalStatus", hl7("condition-clinical", "active")),
            (
                "verificationStatus",
                hl7("condition-ver-status", "confirmed"),
            ),
            (
                "category",
                Out::arr([hl7("condition-category", "problem-list-item")]),
            ),
            ("code", code.concept()),
            ("subject", self.reference(&self.patient)),
            ("onsetDateTime", Out::str(since.to_string())),
            ("recordedDate", Out::str(since.to_string())),
            ("recorder", self.reference(&self.doctor)),
        ];
        self.core("Condition", members)
    }

    /// An allergy with its reaction.
    pub(super) fn allergy(
        &mut self,
        code: Code,
        category: &'static str,
        reaction: Code,
        bad: bool,
    ) {
        self.allergies.push(code.display);
        let since = self.person.born.plus(self.random.between(800, 1_500));
        let members = vec![
            (
                "clinicalStatus",
                hl7("allergyintolerance-clinical", "active"),
            ),
            (
                "verificationStatus",
                hl7("allergyintolerance-verification", "confirmed"),
            ),
            ("type", Out::str("allergy")),
            ("category", Out::arr([Out::str(category)])),
            ("criticality", Out::str(if bad { "high" } else { "low" })),
            ("code", code.concept()),
            ("patient", self.reference(&self.patient)),
            ("recordedDate", Out::str(since.to_string())),
            (
                "reaction",
                Out::arr([Out::obj([
                    ("manifestation", Out::arr([reaction.concept()])),
                    ("severity", Out::str(if bad { "severe" } else { "mild" })),
                ])]),
            ),
        ];
        self.core("AllergyIntolerance", members);
    }

    /// Whether the person is allergic to `code`.
    pub(super) fn is_allergic_to(&self, code: Code) -> bool {
        self.allergies.contains(&code.display)
    }

    /// A medicine that is taken for good.
    pub(super) fn medicine(&mut self, code: Code, since: Day, dose: &str, reason: &str) {
        self.medicines.push(code.display);
        let members = vec![
            ("status", Out::str("active")),
            ("intent", Out::str("order")),
            ("medicationCodeableConcept", code.concept()),
            ("subject", self.reference(&self.patient)),
            ("authoredOn", Out::str(since.to_string())),
            ("requester", self.reference(&self.doctor)),
            ("reasonReference", Out::arr([self.reference(reason)])),
            (
                "dosageInstruction",
                Out::arr([Out::obj([("text", Out::str(dose))])]),
            ),
        ];
        self.core("MedicationRequest", members);
    }

    /// A plan of care with its activities.
    pub(super) fn plan(&mut self, code: Code, since: Day, addresses: &str, activities: &[&str]) {
        let activity = |text: &&str| {
            Out::obj([(
                "detail",
                Out::obj([
                    ("status", Out::str("in-progress")),
                    ("description", Out::str(*text)),
                ]),
            )])
        };
        let members = vec![
            ("status", Out::str("active")),
            ("intent", Out::str("plan")),
            ("category", Out::arr([code.concept()])),
            ("title", Out::str(code.display)),
            ("subject", self.reference(&self.patient)),
            ("period", Out::obj([("start", Out::str(since.to_string()))])),
            ("addresses", Out::arr([self.reference(addresses)])),
            ("activity", Out::arr(activities.iter().map(activity))),
        ];
        self.core("CarePlan", members);
    }

    /// The emergency summary: what a stranger should know first.
    fn summary(&mut self) {
        let section = |title: &str, code: &'static str, found: &[&'static str]| {
            let list = if found.is_empty() {
                "None known".to_owned()
            } else {
                found.join("; ")
            };
            let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{list}</p></div>");
            let code = Code {
                system: LOINC,
                code,
                display: "",
            };
            Out::obj([
                ("title", Out::str(title)),
                (
                    "code",
                    Out::obj([(
                        "coding",
                        Out::arr([Out::obj([
                            ("system", Out::str(code.system)),
                            ("code", Out::str(code.code)),
                        ])]),
                    )]),
                ),
                (
                    "text",
                    Out::obj([("status", Out::str("generated")), ("div", Out::str(div))]),
                ),
            ])
        };
        let sections = [
            section("Problems", "11450-4", &self.problems),
            section("Allergies", "48765-2", &self.allergies),
            section("Medicines", "10160-0", &self.medicines),
        ];
        let summary = Code {
            system: LOINC,
            code: "60591-5",
            display: "Patient summary Document",
        };
        let members = vec![
            ("status", Out::str("final")),
            ("type", summary.concept()),
            ("subject", self.reference(&self.patient)),
            ("date", Out::str(self.as_of.to_string())),
            ("author", Out::arr([self.reference(&self.doctor)])),
            ("title", Out::str("Emergency summary")),
            ("section", Out::arr(sections)),
        ];
        self.core("Composition", members);
    }

    /// The entries of the Bundle: the core, as many of the latest visits as fit, and measurements
    /// at home for the rest.
    pub(super) fn finish(&mut self, target: usize) -> Vec<Out> {
        self.summary();
        let mut visits = core::mem::take(&mut self.visits);
        visits.sort_by_key(|(day, _)| *day);
        let mut room = target.saturating_sub(self.core.len());
        let mut kept = Vec::new();
        for (_, visit) in visits.into_iter().rev() {
            if visit.len() > room {
                break;
            }
            room -= visit.len();
            kept.push(visit);
        }
        let home = self.at_home(room);
        let core = core::mem::take(&mut self.core);
        let all = core
            .into_iter()
            .chain(kept.into_iter().rev().flatten())
            .chain(home);
        all.map(|entry| {
            Out::obj([
                ("fullUrl", Out::str(entry.url)),
                ("resource", entry.resource),
            ])
        })
        .collect()
    }

    /// The two components of a blood pressure.
    pub(super) fn pressure(&mut self) -> Out {
        let (systolic, diastolic) = self.person.pressure;
        let mut part = |code: Code, mean: f64, spread: f64| {
            let value = quantity(self.random.around(mean, spread), 0, "mmHg", "mm[Hg]");
            Out::obj([("code", code.concept()), ("valueQuantity", value)])
        };
        Out::arr([
            part(codes::SYSTOLIC, systolic, 5.0),
            part(codes::DIASTOLIC, diastolic, 3.0),
        ])
    }

    /// The first members of an observation.
    pub(super) fn observation(
        &self,
        category: &str,
        code: Code,
        at: &str,
    ) -> Vec<(&'static str, Out)> {
        vec![
            ("status", Out::str("final")),
            (
                "category",
                Out::arr([hl7("observation-category", category)]),
            ),
            ("code", code.concept()),
            ("subject", self.reference(&self.patient)),
            ("effectiveDateTime", Out::str(at)),
        ]
    }

    /// Usual weight on a day: children grow, adults gain a little.
    pub(super) fn weight_on(&self, day: Day) -> f64 {
        let years = years(day.0 - self.person.born.0);
        if years < 1.0 {
            3.4 + years * 6.4
        } else if years < 16.0 {
            9.8 + (years - 1.0) * (self.person.weight_kg - 13.0) / 15.0
        } else {
            self.person.weight_kg
        }
    }

    /// Usual height on a day.
    pub(super) fn height_on(&self, day: Day) -> f64 {
        let years = years(day.0 - self.person.born.0);
        if years < 1.0 {
            50.0 + years * 25.0
        } else if years < 17.0 {
            75.0 + (years - 1.0) * (self.person.height_cm - 75.0) / 16.0
        } else {
            self.person.height_cm
        }
    }
}

impl Entry {
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Days as years.
pub(super) fn years(days: i64) -> f64 {
    f64::from(i32::try_from(days).expect("a life is short")) / 365.25
}
