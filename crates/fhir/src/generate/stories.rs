//! The lives that charts tell. Each story adds its conditions, medicines and visits to a chart;
//! what every life has (check-ups, passing illnesses) is told once.

mod chronic;
mod family;

use super::Story;
use super::calendar::Day;
use super::chart::Chart;
use super::codes::{self, Code};
use super::visit::Visit;

/// For how many years before the end adults' charts go back.
const ADULT_YEARS: i64 = 12;

/// Tells `story` in `chart`.
pub(super) fn tell(chart: &mut Chart, story: Story) {
    if chart.random.chance(25) {
        chart.allergy(codes::PENICILLIN_ALLERGY, "medication", codes::RASH, false);
    }
    if chart.random.chance(10) {
        chart.allergy(codes::PEANUT_ALLERGY, "food", codes::ANAPHYLAXIS, true);
    }
    match story {
        Story::WellChild => family::well_child(chart),
        Story::Diabetes => chronic::diabetes(chart),
        Story::Hypertension => chronic::hypertension(chart),
        Story::Asthma => chronic::asthma(chart),
        Story::Pregnancy => family::pregnancy(chart),
        Story::Depression => chronic::depression(chart),
        Story::HealthyAdult => {}
    }
    if story != Story::WellChild {
        adult_years(chart);
    }
}

/// A check-up and perhaps an illness every year.
fn adult_years(chart: &mut Chart) {
    let smoking = if chart.random.chance(30) {
        codes::EX_SMOKER
    } else {
        codes::NEVER_SMOKED
    };
    for back in 0..ADULT_YEARS {
        let day = chart
            .as_of
            .plus(-back * 365 - chart.random.between(20, 300));
        if day.age(chart.person.born) < 18 {
            return;
        }
        let mut visit = chart.visit(day, codes::CHECK_UP, None);
        visit.vitals();
        visit.smoking(smoking);
        blood_count(&mut visit, 14.2);
        visit.procedure(codes::MEDICATION_REVIEW);
        visit.vaccinate(codes::INFLUENZA, 1);
        if back == 9 {
            visit.vaccinate(codes::TETANUS, 1);
        }
        if day.year() >= 2021 && back < 3 {
            visit.vaccinate(codes::COVID19, 3 - back);
        }
        visit.note(
            codes::PROGRESS_NOTE,
            "Yearly check-up. Feels well, sleeps well, no new complaints. Weight and blood \
             pressure were measured, blood was taken. Medicines were gone through together. \
             Advice: 30 minutes of brisk walking on most days. Next check-up in a year.",
        );
        visit.close();
        if chart.random.chance(55) {
            let day = day.plus(chart.random.between(30, 150));
            passing_illness(chart, day);
        }
    }
}

fn passing_illness(chart: &mut Chart, day: Day) {
    let paracetamol = (
        codes::PARACETAMOL,
        "2 tablets up to 4 times a day for pain or fever",
    );
    let ibuprofen = (codes::IBUPROFEN, "1 tablet up to 3 times a day with food");
    let (illness, days, medicine, story): (Code, i64, _, &str) = chart.random.pick(&[
        (
            codes::SORE_THROAT,
            7,
            Some(paracetamol),
            "Sore throat for two days, no fever.",
        ),
        (
            codes::SINUSITIS,
            14,
            Some(paracetamol),
            "Blocked nose and pressure in the face.",
        ),
        (
            codes::BRONCHITIS,
            12,
            None,
            "Cough for a week, chest clear on listening.",
        ),
        (
            codes::ANKLE_SPRAIN,
            21,
            Some(ibuprofen),
            "Twisted the ankle, can bear weight.",
        ),
        (
            codes::CYSTITIS,
            6,
            None,
            "Burning when passing water since yesterday.",
        ),
    ]);
    let mut visit = chart.visit(day, codes::SYMPTOM_VISIT, Some(illness));
    visit.vitals();
    visit.illness(illness, days, medicine);
    let note = format!(
        "{story} Impression: {}. Return if it gets worse.",
        illness.display
    );
    visit.note(codes::PROGRESS_NOTE, &note);
    visit.close();
}

fn blood_count(visit: &mut Visit<'_>, hemoglobin: f64) {
    let results = [
        visit.lab(codes::HEMOGLOBIN, hemoglobin, 0.4),
        visit.lab(codes::HEMATOCRIT, hemoglobin * 3.0, 1.0),
        visit.lab(codes::WHITE_CELLS, 6.8, 0.9),
        visit.lab(codes::RED_CELLS, 4.8, 0.15),
        visit.lab(codes::PLATELETS, 250.0, 25.0),
    ];
    visit.report(codes::BLOOD_COUNT, &results, "Blood count as expected.");
}

fn metabolic_panel(visit: &mut Visit<'_>, glucose: f64, creatinine: f64) {
    let results = [
        visit.lab(codes::GLUCOSE, glucose, 8.0),
        visit.lab(codes::CREATININE, creatinine, 0.05),
        visit.lab(codes::UREA, 14.0, 1.5),
        visit.lab(codes::SODIUM, 140.0, 1.2),
        visit.lab(codes::POTASSIUM, 4.3, 0.2),
        visit.lab(codes::CHLORIDE, 102.0, 1.2),
        visit.lab(codes::CALCIUM, 9.4, 0.2),
    ];
    visit.report(
        codes::METABOLIC_PANEL,
        &results,
        "Kidney function and salts checked.",
    );
}

fn lipids(visit: &mut Visit<'_>, ldl: f64) {
    let results = [
        visit.lab(codes::CHOLESTEROL, ldl + 75.0, 8.0),
        visit.lab(codes::TRIGLYCERIDES, 145.0, 20.0),
        visit.lab(codes::HDL, 48.0, 4.0),
        visit.lab(codes::LDL, ldl, 7.0),
    ];
    visit.report(
        codes::LIPID_PANEL,
        &results,
        "Cholesterol followed over time.",
    );
}
