//! Illnesses that stay: found, treated, followed.

use super::super::chart::Chart;
use super::super::codes;
use super::{lipids, metabolic_panel};

/// Type 2 diabetes: high at first, better under metformin, checked four times a year.
pub(super) fn diabetes(chart: &mut Chart) {
    let since = chart.as_of.plus(-chart.random.between(6, 10) * 365);
    let condition = chart.problem(codes::DIABETES, since);
    chart.medicine(
        codes::METFORMIN,
        since,
        "1 tablet twice a day with meals",
        &condition,
    );
    let pressure = chart.problem(codes::HYPERTENSION, since.plus(200));
    chart.medicine(
        codes::LISINOPRIL,
        since.plus(200),
        "1 tablet once a day",
        &pressure,
    );
    chart.plan(
        codes::DIABETES_PLAN,
        since,
        &condition,
        &[
            "Measure glucose at home",
            "Eat fewer sugars",
            "Walk every day",
            "Look at feet daily",
        ],
    );
    chart.person.pressure = (136.0, 83.0);
    let mut day = since;
    let mut a1c = 8.9;
    while day <= chart.as_of {
        let mut visit = chart.visit(day, codes::FOLLOW_UP, Some(codes::DIABETES));
        visit.vitals();
        let result = visit.lab(codes::A1C, a1c, 0.15);
        visit.lab(codes::URINE_ALBUMIN, 22.0, 5.0);
        let glucose = 28.7 * a1c - 46.7;
        metabolic_panel(&mut visit, glucose, 0.95);
        lipids(&mut visit, 118.0);
        visit.report(codes::A1C.code, &[result], "Long-term glucose.");
        let note = if a1c > 7.5 {
            "Glucose still above the goal of 7 %. No low glucose. Feet without wounds, pulses \
             present. Metformin continued, diet gone through with the nurse. Next visit in three \
             months."
        } else {
            "Glucose at goal. Home values between 90 and 150 mg/dL. Feet without wounds. Eye \
             check is arranged once a year. Continue as before. Next visit in three months."
        };
        visit.note(codes::PROGRESS_NOTE, note);
        visit.close();
        a1c = 6.9 + (a1c - 6.9) * 0.8;
        day = day.plus(91);
    }
}

pub(super) fn hypertension(chart: &mut Chart) {
    let since = chart.as_of.plus(-chart.random.between(5, 11) * 365);
    let pressure = chart.problem(codes::HYPERTENSION, since);
    let lipid = chart.problem(codes::HYPERLIPIDEMIA, since.plus(40));
    chart.medicine(
        codes::AMLODIPINE,
        since,
        "1 tablet every morning",
        &pressure,
    );
    chart.medicine(
        codes::SIMVASTATIN,
        since.plus(40),
        "1 tablet every evening",
        &lipid,
    );
    chart.plan(
        codes::CARE_PLAN,
        since,
        &pressure,
        &[
            "Measure blood pressure at home",
            "Less salt",
            "Regular exercise",
        ],
    );
    let mut day = since;
    let mut excess = 32.0;
    while day <= chart.as_of {
        chart.person.pressure = (122.0 + excess, 78.0 + excess / 2.0);
        let mut visit = chart.visit(day, codes::FOLLOW_UP, Some(codes::HYPERTENSION));
        visit.vitals();
        metabolic_panel(&mut visit, 92.0, 1.0);
        lipids(&mut visit, 105.0 + excess * 1.8);
        if day == since {
            visit.chest_xray("Heart size at the upper limit of normal. Lungs clear.");
        }
        let note = if excess > 12.0 {
            "Blood pressure above goal, measured twice while seated. No chest pain, no shortness \
             of breath. Amlodipine taken regularly, ankles not swollen. Less salt discussed."
        } else {
            "Blood pressure at goal here and at home. Medicines are tolerated. Continue."
        };
        visit.note(codes::PROGRESS_NOTE, note);
        visit.close();
        excess *= 0.75;
        day = day.plus(122);
    }
}

pub(super) fn asthma(chart: &mut Chart) {
    let since = chart.as_of.plus(-chart.random.between(4, 9) * 365);
    let condition = chart.problem(codes::ASTHMA, since);
    let fever = chart.problem(codes::HAY_FEVER, since.plus(-300));
    chart.medicine(codes::FLUTICASONE, since, "2 puffs twice a day", &condition);
    chart.medicine(
        codes::SALBUTAMOL,
        since,
        "2 puffs when short of breath",
        &condition,
    );
    chart.plan(
        codes::CARE_PLAN,
        since,
        &fever,
        &[
            "Avoid pollen in spring",
            "Check the inhaler technique every year",
        ],
    );
    let mut day = since;
    let mut number = 0;
    while day <= chart.as_of {
        let mut visit = chart.visit(day, codes::FOLLOW_UP, Some(codes::ASTHMA));
        visit.vitals();
        visit.procedure(codes::SPIROMETRY);
        let ratio = visit.chart.random.around(76.0, 3.0);
        visit.score("procedure", codes::FEV1_FVC, ratio, "%");
        if number % 6 == 0 {
            visit.chest_xray("Lungs slightly overinflated, otherwise clear.");
        }
        visit.note(
            codes::PROGRESS_NOTE,
            "Asthma: wakes at night less than twice a month, uses the reliever once or twice a \
             week. No attack since the last visit. Inhaler technique shown and correct. Plan for \
             worsening handed out again.",
        );
        visit.close();
        number += 1;
        day = day.plus(165);
    }
}

pub(super) fn depression(chart: &mut Chart) {
    let since = chart.as_of.plus(-chart.random.between(400, 1_500));
    let condition = chart.problem(codes::DEPRESSION, since);
    chart.medicine(
        codes::SERTRALINE,
        since,
        "1 tablet every morning",
        &condition,
    );
    chart.plan(
        codes::CARE_PLAN,
        since,
        &condition,
        &[
            "Talking therapy every second week",
            "Daily walk",
            "Regular hours of sleep",
        ],
    );
    let mut day = since;
    let mut score = 18.0;
    while day <= chart.as_of {
        let mut visit = chart.visit(day, codes::FOLLOW_UP, Some(codes::DEPRESSION));
        visit.vitals();
        visit.procedure(codes::DEPRESSION_SCREENING);
        let points = visit.chart.random.around(score, 1.0).clamp(0.0, 27.0);
        visit.score("survey", codes::PHQ9, points, "{score}");
        let note = if score > 10.0 {
            "Low mood on most days, little interest, wakes early. No thoughts of self-harm when \
             asked. Works part-time. Sertraline explained: effect after some weeks. Knows whom to \
             call in a crisis."
        } else {
            "Mood much better, back at work, meets friends again. No thoughts of self-harm. \
             Sertraline is continued for at least half a year after recovery."
        };
        visit.note(codes::PROGRESS_NOTE, note);
        visit.close();
        score = 3.0 + (score - 3.0) * 0.72;
        day = day.plus(42);
    }
}
