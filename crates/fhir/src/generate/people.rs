//! Who is in a chart: the person, their doctor and clinic. All of them are made up.

use super::Story;
use super::calendar::Day;
use super::chart::Chart;
use super::random::Random;
use crate::write::Out;

const GIVEN_FEMALE: &[&str] = &[
    "Amara", "Beatrix", "Chidera", "Dalia", "Elif", "Freya", "Ines", "Jia", "Kavya", "Leonie",
    "Maren", "Noor", "Olena", "Priya", "Rosa", "Sanne", "Tamsin", "Yuki",
];
const GIVEN_MALE: &[&str] = &[
    "Anton", "Bilal", "Caspar", "Dmitri", "Emeka", "Farid", "Goran", "Hugo", "Ishaan", "Jorge",
    "Kenji", "Lars", "Mateo", "Niall", "Oskar", "Pavel", "Rohan", "Tariq",
];
const FAMILY: &[&str] = &[
    "Abara",
    "Bergström",
    "Castellanos",
    "Dewan",
    "Eriksen",
    "Farrow",
    "Gupta",
    "Hollander",
    "Ibrahim",
    "Jansen",
    "Kowalska",
    "Lindqvist",
    "Mensah",
    "Novak",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rahman",
    "Silva",
    "Tanaka",
    "Umarov",
    "Vidal",
    "Weiss",
    "Yildiz",
    "Zhang",
];
const CITIES: &[(&str, &str)] = &[
    ("Almere", "1315"),
    ("Brugge", "8000"),
    ("Coimbra", "3000"),
    ("Delft", "2611"),
    ("Esbjerg", "6700"),
    ("Freiburg", "79098"),
    ("Gent", "9000"),
    ("Haarlem", "2011"),
];
const STREETS: &[&str] = &[
    "Canal Street",
    "Orchard Lane",
    "Mill Road",
    "Station Square",
];

/// The person a chart is about.
pub(super) struct Profile {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) gender: &'static str,
    pub(super) born: Day,
    /// Height as an adult.
    pub(super) height_cm: f64,
    /// Weight as an adult.
    pub(super) weight_kg: f64,
    /// Usual blood pressure, systolic and diastolic.
    pub(super) pressure: (f64, f64),
}

impl Profile {
    /// A person that fits the story.
    pub(super) fn invent(random: &mut Random, story: Story, as_of: Day) -> Profile {
        let (youngest, oldest) = match story {
            Story::WellChild => (5, 11),
            Story::Pregnancy => (24, 38),
            Story::Depression | Story::Asthma => (20, 55),
            Story::HealthyAdult => (22, 65),
            Story::Diabetes | Story::Hypertension => (48, 76),
        };
        let days = random.between(youngest * 365 + 10, oldest * 365);
        let female = matches!(story, Story::Pregnancy) || random.chance(50);
        let sturdy = if matches!(story, Story::Diabetes | Story::Hypertension) {
            16.0
        } else {
            0.0
        };
        Profile {
            given: random.pick(if female { GIVEN_FEMALE } else { GIVEN_MALE }),
            family: random.pick(FAMILY),
            gender: if female { "female" } else { "male" },
            born: as_of.plus(-days),
            height_cm: random.around(if female { 166.0 } else { 179.0 }, 5.0),
            weight_kg: random.around(if female { 64.0 } else { 78.0 }, 6.0) + sturdy,
            pressure: (random.around(118.0, 4.0), random.around(76.0, 3.0)),
        }
    }

    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    pub(super) fn is_child(&self, on: Day) -> bool {
        on.age(self.born) < 16
    }
}

impl Chart {
    /// Makes the person, their doctor and clinic, and their cover.
    pub(super) fn people(&mut self) {
        let (city, postcode) = self.random.pick(CITIES);
        let clinic_name = format!("{city} Health Centre");
        let street = self.random.pick(STREETS);
        let address = |number: i64| {
            Out::obj([
                ("line", Out::arr([Out::str(format!("{street} {number}"))])),
                ("city", Out::str(city)),
                ("postalCode", Out::str(postcode)),
            ])
        };
        let (home, work) = (self.random.between(1, 180), self.random.between(1, 180));
        let members = vec![
            (
                "identifier",
                Out::arr([identifier("person", &mut self.random)]),
            ),
            ("active", Out::Raw("true".into())),
            (
                "name",
                Out::arr([name("official", self.person.given, self.person.family)]),
            ),
            ("telecom", Out::arr([phone(&mut self.random)])),
            ("gender", Out::str(self.person.gender)),
            ("birthDate", Out::str(self.person.born.to_string())),
            ("address", Out::arr([address(home)])),
        ];
        self.patient = self.core("Patient", members);
        let members = vec![
            ("name", Out::str(clinic_name)),
            ("telecom", Out::arr([phone(&mut self.random)])),
            ("address", Out::arr([address(work)])),
        ];
        self.clinic = self.core("Organization", members);
        let (given, family) = if self.random.chance(50) {
            (self.random.pick(GIVEN_FEMALE), self.random.pick(FAMILY))
        } else {
            (self.random.pick(GIVEN_MALE), self.random.pick(FAMILY))
        };
        self.doctor_name = format!("Dr {given} {family}");
        let members = vec![
            (
                "identifier",
                Out::arr([identifier("practitioner", &mut self.random)]),
            ),
            ("name", Out::arr([name("official", given, family)])),
        ];
        self.doctor = self.core("Practitioner", members);
        let members = vec![
            ("status", Out::str("active")),
            (
                "subscriberId",
                Out::str(self.random.between(10_000_000, 99_999_999).to_string()),
            ),
            ("beneficiary", self.reference(&self.patient)),
            (
                "period",
                Out::obj([("start", Out::str(self.as_of.plus(-700).to_string()))]),
            ),
            (
                "payor",
                Out::arr([Out::obj([("display", Out::str("Common Health Fund"))])]),
            ),
        ];
        self.core("Coverage", members);
    }
}

fn name(usage: &'static str, given: &str, family: &str) -> Out {
    Out::obj([
        ("use", Out::str(usage)),
        ("family", Out::str(family)),
        ("given", Out::arr([Out::str(given)])),
    ])
}

fn phone(random: &mut Random) -> Out {
    // 555-01xx numbers are set aside for fiction.
    let number = format!("555-01{:02}", random.between(0, 99));
    Out::obj([("system", Out::str("phone")), ("value", Out::str(number))])
}

fn identifier(kind: &str, random: &mut Random) -> Out {
    Out::obj([
        (
            "system",
            Out::str(format!("https://synthetic.carechain.example/{kind}")),
        ),
        ("value", Out::str(format!("{:012x}", random.next() >> 16))),
    ])
}
