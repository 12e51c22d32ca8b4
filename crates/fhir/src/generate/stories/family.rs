//! Having a child, and being one.

use super::super::chart::Chart;
use super::super::codes::{self, Code};
use super::blood_count;

/// A pregnancy of 40 weeks that ended some months ago.
pub(super) fn pregnancy(chart: &mut Chart) {
    let birth = chart.as_of.plus(-chart.random.between(60, 240));
    let start = birth.plus(-280);
    let weight = chart.person.weight_kg;
    let mut first = chart.visit(
        start.plus(56),
        codes::FIRST_PRENATAL_VISIT,
        Some(codes::PREGNANCY),
    );
    first.vitals();
    first.illness(codes::PREGNANCY, 224, None);
    blood_count(&mut first, 12.9);
    first.lab(codes::TSH, 1.6, 0.3);
    first.note(
        codes::CONSULT_NOTE,
        "First visit in this pregnancy, 8 weeks. Heartbeat seen on ultrasound. Folic acid is \
         taken. Food, work and travel were talked about. Next visit in four weeks.",
    );
    first.close();
    for week in [12, 16, 20, 24, 28, 30, 32, 34, 36, 38, 39] {
        let day = start.plus(week * 7);
        chart.person.weight_kg =
            weight + 12.5 * f64::from(i32::try_from(week).expect("a week number")) / 40.0;
        let mut visit = chart.visit(day, codes::PRENATAL_VISIT, Some(codes::PREGNANCY));
        visit.vitals();
        if week == 24 || week == 36 {
            blood_count(&mut visit, 11.9);
        }
        if week == 24 {
            visit.lab(codes::GLUCOSE_LOAD, 118.0, 9.0);
        }
        if week == 28 {
            visit.vaccinate(codes::TDAP, 1);
        }
        let note = format!(
            "Week {week} of pregnancy. The baby moves, the heartbeat is regular, growth as \
             expected. Blood pressure normal, no protein in the urine. No contractions."
        );
        visit.note(codes::PROGRESS_NOTE, &note);
        visit.close();
    }
    chart.person.weight_kg = weight + 4.0;
    let mut visit = chart.visit(birth, codes::PRENATAL_VISIT, Some(codes::PREGNANCY));
    visit.vitals();
    visit.procedure(codes::CHILDBIRTH);
    visit.note(
        codes::DISCHARGE_SUMMARY,
        "Birth at 40 weeks without complications. Mother and child are well. Home after two days. \
         The midwife visits daily for a week; check-up in six weeks.",
    );
    visit.close();
    let mut visit = chart.visit(birth.plus(42), codes::FOLLOW_UP, None);
    visit.vitals();
    blood_count(&mut visit, 12.4);
    visit.score("survey", codes::PHQ9, 3.0, "{score}");
    visit.note(
        codes::PROGRESS_NOTE,
        "Six weeks after the birth. Recovered well, nurses the child, sleeps in pieces. Mood is \
         good.",
    );
    visit.close();
}

/// Vaccinations by age in days: vaccine and which dose.
const SCHEDULE: &[(i64, &[(Code, i64)])] = &[
    (1, &[(codes::HEPATITIS_B, 1)]),
    (
        61,
        &[
            (codes::HEPATITIS_B, 2),
            (codes::ROTAVIRUS, 1),
            (codes::DTAP, 1),
            (codes::HIB, 1),
            (codes::PNEUMOCOCCAL, 1),
            (codes::POLIO, 1),
        ],
    ),
    (
        122,
        &[
            (codes::ROTAVIRUS, 2),
            (codes::DTAP, 2),
            (codes::HIB, 2),
            (codes::PNEUMOCOCCAL, 2),
            (codes::POLIO, 2),
        ],
    ),
    (
        183,
        &[
            (codes::HEPATITIS_B, 3),
            (codes::DTAP, 3),
            (codes::PNEUMOCOCCAL, 3),
            (codes::POLIO, 3),
        ],
    ),
    (274, &[]),
    (
        366,
        &[
            (codes::MMR, 1),
            (codes::VARICELLA, 1),
            (codes::HEPATITIS_A, 1),
            (codes::PNEUMOCOCCAL, 4),
            (codes::HIB, 3),
        ],
    ),
    (457, &[(codes::DTAP, 4)]),
    (549, &[(codes::HEPATITIS_A, 2)]),
    (731, &[]),
    (1_096, &[]),
    (
        1_462,
        &[
            (codes::DTAP, 5),
            (codes::POLIO, 4),
            (codes::MMR, 2),
            (codes::VARICELLA, 2),
        ],
    ),
];

pub(super) fn well_child(chart: &mut Chart) {
    chart.person.pressure = (98.0, 62.0);
    let born = chart.person.born;
    for (age_days, vaccines) in SCHEDULE {
        let mut visit = chart.visit(born.plus(*age_days), codes::WELL_CHILD_VISIT, None);
        visit.vitals();
        for (vaccine, dose) in *vaccines {
            visit.vaccinate(*vaccine, *dose);
        }
        visit.note(
            codes::PROGRESS_NOTE,
            "Well child visit. Grows along the curve, feeds well, develops as expected for the \
             age. Heart and lungs normal, hips stable. Vaccinations according to the schedule, \
             talked through with the parents.",
        );
        visit.close();
    }
    let mut day = born.plus(1_840);
    while day <= chart.as_of {
        let mut visit = chart.visit(day, codes::WELL_CHILD_VISIT, None);
        visit.vitals();
        visit.vaccinate(codes::INFLUENZA, 1);
        blood_count(&mut visit, 12.8);
        visit.note(
            codes::PROGRESS_NOTE,
            "Yearly visit. Goes to school gladly, sees and hears well, plays outside. Growth along \
             the curve.",
        );
        visit.close();
        day = day.plus(365);
    }
    let day = born.plus(chart.random.between(500, 900));
    let allergic = chart.is_allergic_to(codes::PENICILLIN_ALLERGY);
    let mut visit = chart.visit(day, codes::SYMPTOM_VISIT, Some(codes::EAR_INFECTION));
    visit.vitals();
    let (medicine, plan) = if allergic {
        let medicine = (
            codes::PARACETAMOL,
            "weight-adapted, up to 4 times a day for pain",
        );
        (
            medicine,
            "Allergic to penicillin: pain relief and a second look tomorrow.",
        )
    } else {
        let medicine = (codes::AMOXICILLIN, "weight-adapted, twice a day for 7 days");
        (
            medicine,
            "Antibiotic started, return if not better in two days.",
        )
    };
    visit.illness(codes::EAR_INFECTION, 10, Some(medicine));
    let note = format!(
        "Fever and pulling at the right ear since yesterday. Ear drum red and bulging. {plan}"
    );
    visit.note(codes::PROGRESS_NOTE, &note);
    visit.close();
}
