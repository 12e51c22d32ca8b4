//! The codes that generated charts use. Each is in common use; check digits are tested.

use crate::write::Out;

/// A code of a code system.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) system: &'static str,
    pub(super) code: &'static str,
    pub(super) display: &'static str,
}

pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const SNOMED: &str = "http://snomed.info/sct";
pub(super) const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub(super) const CVX: &str = "http://hl7.org/fhir/sid/cvx";

macro_rules! codes {
    ($system:ident: $($name:ident = $code:literal $display:literal;)*) => {
        $(pub(super) const $name: Code =
            Code { system: $system, code: $code, display: $display };)*
    };
}

codes! { LOINC:
    PULSE = "8867-4" "Heart rate";
    BREATHS = "9279-1" "Respiratory rate";
    TEMPERATURE = "8310-5" "Body temperature";
    OXYGEN = "2708-6" "Oxygen saturation in Arterial blood";
    WEIGHT = "29463-7" "Body weight";
    HEIGHT = "8302-2" "Body height";
    BMI = "39156-5" "Body mass index (BMI) [Ratio]";
    HEAD = "9843-4" "Head Occipital-frontal circumference";
    PRESSURE = "85354-9" "Blood pressure panel with all children optional";
    SYSTOLIC = "8480-6" "Systolic blood pressure";
    DIASTOLIC = "8462-4" "Diastolic blood pressure";
    SMOKING = "72166-2" "Tobacco smoking status";
    PHQ9 = "44261-6" "Patient Health Questionnaire 9 item (PHQ-9) total score";
    FEV1_FVC = "19926-5" "FEV1/FVC";
    PROGRESS_NOTE = "11506-3" "Progress note";
    CONSULT_NOTE = "11488-4" "Consult note";
    DISCHARGE_SUMMARY = "18842-5" "Discharge summary";
    LIPID_PANEL = "57698-3" "Lipid panel with direct LDL - Serum or Plasma";
    BLOOD_COUNT = "58410-2" "CBC panel - Blood by Automated count";
    METABOLIC_PANEL = "51990-0" "Basic metabolic panel - Blood";
    CHEST_XRAY = "36643-5" "XR Chest 2 Views";
    IMAGING_REPORT = "18748-4" "Diagnostic imaging study";
}

codes! { SNOMED:
    DIABETES = "44054006" "Diabetes mellitus type 2";
    HYPERTENSION = "59621000" "Essential hypertension";
    HYPERLIPIDEMIA = "55822004" "Hyperlipidemia";
    ASTHMA = "195967001" "Asthma";
    HAY_FEVER = "367498001" "Seasonal allergic rhinitis";
    PREGNANCY = "72892002" "Normal pregnancy";
    DEPRESSION = "370143000" "Major depressive disorder";
    EAR_INFECTION = "65363002" "Otitis media";
    SORE_THROAT = "195662009" "Acute viral pharyngitis";
    SINUSITIS = "444814009" "Viral sinusitis";
    BRONCHITIS = "10509002" "Acute bronchitis";
    CYSTITIS = "38822007" "Cystitis";
    ANKLE_SPRAIN = "44465007" "Sprain of ankle";
    PENICILLIN_ALLERGY = "91936005" "Allergy to penicillin";
    PEANUT_ALLERGY = "91935009" "Allergy to peanut";
    RASH = "271807003" "Eruption of skin";
    ANAPHYLAXIS = "39579001" "Anaphylaxis";
    CHECK_UP = "185349003" "Encounter for check up";
    WELL_CHILD_VISIT = "410620009" "Well child visit";
    SYMPTOM_VISIT = "185345009" "Encounter for symptom";
    FOLLOW_UP = "390906007" "Follow-up encounter";
    FIRST_PRENATAL_VISIT = "424441002" "Prenatal initial visit";
    PRENATAL_VISIT = "424619006" "Prenatal visit";
    MEDICATION_REVIEW = "430193006" "Medication reconciliation";
    DEPRESSION_SCREENING = "171207006" "Depression screening";
    SPIROMETRY = "127783003" "Spirometry";
    CHILDBIRTH = "66348005" "Childbirth";
    DIABETES_PLAN = "698360004" "Diabetes self management plan";
    CARE_PLAN = "734163000" "Care plan";
    CHEST = "51185008" "Thoracic structure";
    NEVER_SMOKED = "266919005" "Never smoked tobacco";
    EX_SMOKER = "8517006" "Ex-smoker";
}

codes! { RXNORM:
    METFORMIN = "860975" "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet";
    LISINOPRIL = "314076" "lisinopril 10 MG Oral Tablet";
    AMLODIPINE = "197361" "amlodipine 5 MG Oral Tablet";
    SIMVASTATIN = "312961" "simvastatin 20 MG Oral Tablet";
    SALBUTAMOL = "745679" "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler";
    FLUTICASONE = "895994" "120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler";
    SERTRALINE = "312941" "sertraline 50 MG Oral Tablet";
    AMOXICILLIN = "308182" "amoxicillin 250 MG Oral Capsule";
    PARACETAMOL = "313782" "acetaminophen 325 MG Oral Tablet";
    IBUPROFEN = "310965" "ibuprofen 200 MG Oral Tablet";
}

codes! { CVX:
    HEPATITIS_B = "08" "Hep B, adolescent or pediatric";
    ROTAVIRUS = "119" "rotavirus, monovalent";
    DTAP = "20" "DTaP";
    HIB = "49" "Hib (PRP-OMP)";
    PNEUMOCOCCAL = "133" "Pneumococcal conjugate PCV 13";
    POLIO = "10" "IPV";
    MMR = "03" "MMR";
    VARICELLA = "21" "varicella";
    HEPATITIS_A = "83" "Hep A, ped/adol, 2 dose";
    TDAP = "115" "Tdap";
    TETANUS = "113" "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed";
    INFLUENZA = "140" "Influenza, seasonal, injectable, preservative free";
    COVID19 = "208" "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose";
}

/// A laboratory test with its unit and the range of healthy adults.
#[derive(Clone, Copy)]
pub(super) struct Test {
    pub(super) code: Code,
    pub(super) unit: &'static str,
    pub(super) decimals: usize,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
}

macro_rules! tests_of {
    ($($name:ident = $code:literal $display:literal $unit:literal $decimals:literal
        $low:expr, $high:expr;)*) => {
        $(pub(super) const $name: Test = Test {
            code: Code { system: LOINC, code: $code, display: $display },
            unit: $unit,
            decimals: $decimals,
            low: $low,
            high: $high,
        };)*
        /// Every laboratory test.
        #[cfg(test)]
        const TESTS: &[Test] = &[$($name),*];
    };
}

tests_of! {
    A1C = "4548-4" "Hemoglobin A1c/Hemoglobin.total in Blood" "%" 1 Some(4.0), Some(5.6);
    GLUCOSE = "2345-7" "Glucose [Mass/volume] in Serum or Plasma" "mg/dL" 0 Some(70.0), Some(99.0);
    CREATININE = "2160-0" "Creatinine [Mass/volume] in Serum or Plasma" "mg/dL" 2
        Some(0.6), Some(1.3);
    UREA = "3094-0" "Urea nitrogen [Mass/volume] in Serum or Plasma" "mg/dL" 0
        Some(7.0), Some(20.0);
    SODIUM = "2951-2" "Sodium [Moles/volume] in Serum or Plasma" "mmol/L" 0
        Some(135.0), Some(145.0);
    POTASSIUM = "2823-3" "Potassium [Moles/volume] in Serum or Plasma" "mmol/L" 1
        Some(3.5), Some(5.1);
    CHLORIDE = "2075-0" "Chloride [Moles/volume] in Serum or Plasma" "mmol/L" 0
        Some(98.0), Some(107.0);
    CALCIUM = "17861-6" "Calcium [Mass/volume] in Serum or Plasma" "mg/dL" 1
        Some(8.6), Some(10.3);
    CHOLESTEROL = "2093-3" "Cholesterol [Mass/volume] in Serum or Plasma" "mg/dL" 0
        None, Some(200.0);
    TRIGLYCERIDES = "2571-8" "Triglyceride [Mass/volume] in Serum or Plasma" "mg/dL" 0
        None, Some(150.0);
    HDL = "2085-9" "Cholesterol in HDL [Mass/volume] in Serum or Plasma" "mg/dL" 0
        Some(40.0), None;
    LDL = "18262-6" "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay" "mg/dL" 0
        None, Some(130.0);
    HEMOGLOBIN = "718-7" "Hemoglobin [Mass/volume] in Blood" "g/dL" 1 Some(12.0), Some(17.5);
    HEMATOCRIT = "4544-3" "Hematocrit [Volume Fraction] of Blood by Automated count" "%" 1
        Some(36.0), Some(50.0);
    WHITE_CELLS = "6690-2" "Leukocytes [#/volume] in Blood by Automated count" "10*3/uL" 1
        Some(4.5), Some(11.0);
    RED_CELLS = "789-8" "Erythrocytes [#/volume] in Blood by Automated count" "10*6/uL" 2
        Some(4.1), Some(5.9);
    PLATELETS = "777-3" "Platelets [#/volume] in Blood by Automated count" "10*3/uL" 0
        Some(150.0), Some(400.0);
    URINE_ALBUMIN = "14959-1" "Microalbumin/Creatinine [Mass Ratio] in Urine" "mg/g" 0
        None, Some(30.0);
    TSH = "3016-3" "Thyrotropin [Units/volume] in Serum or Plasma" "m[IU]/L" 2
        Some(0.4), Some(4.0);
    GLUCOSE_LOAD = "1504-0"
        "Glucose [Mass/volume] in Serum or Plasma --1 hour post 50 g glucose PO" "mg/dL" 0
        None, Some(140.0);
}

impl Code {
    pub(super) fn coding(self) -> Out {
        Out::obj([
            ("system", Out::str(self.system)),
            ("code", Out::str(self.code)),
            ("display", Out::str(self.display)),
        ])
    }

    pub(super) fn concept(self) -> Out {
        Out::obj([
            ("coding", Out::arr([self.coding()])),
            ("text", Out::str(self.display)),
        ])
    }
}

/// A code of HL7's own code systems.
pub(super) fn hl7(system: &str, code: &str) -> Out {
    Out::obj([(
        "coding",
        Out::arr([Out::obj([
            (
                "system",
                Out::str(format!("http://terminology.hl7.org/CodeSystem/{system}")),
            ),
            ("code", Out::str(code)),
        ])]),
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOINC's check digit is the one of Luhn.
    fn luhn(code: &str) -> bool {
        let digits = code.chars().filter_map(|c| c.to_digit(10)).rev();
        let sum: u32 = digits
            .enumerate()
            .map(|(i, d)| {
                if i % 2 == 1 {
                    d * 2 / 10 + d * 2 % 10
                } else {
                    d
                }
            })
            .sum();
        sum.is_multiple_of(10)
    }

    /// SNOMED CT's check digit is the one of Verhoeff.
    fn verhoeff(code: &str) -> bool {
        const D: [[u8; 10]; 10] = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
            [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
            [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
            [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
            [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
            [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
            [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
            [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
            [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        ];
        const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let check = code.bytes().rev().enumerate().fold(0_u8, |sum, (i, b)| {
            let mut digit = b - b'0';
            for _ in 0..i % 8 {
                digit = STEP[usize::from(digit)];
            }
            D[usize::from(sum)][usize::from(digit)]
        });
        check == 0
    }

    #[test]
    fn check_digits_hold() {
        assert!(luhn("8867-4") && !luhn("8867-5"));
        assert!(verhoeff("44054006") && !verhoeff("44054007"));
        let loinc = [
            PULSE,
            BREATHS,
            TEMPERATURE,
            OXYGEN,
            WEIGHT,
            HEIGHT,
            BMI,
            HEAD,
            PRESSURE,
            SYSTOLIC,
            DIASTOLIC,
            SMOKING,
            PHQ9,
            FEV1_FVC,
            PROGRESS_NOTE,
            CONSULT_NOTE,
            DISCHARGE_SUMMARY,
            LIPID_PANEL,
            BLOOD_COUNT,
            METABOLIC_PANEL,
            CHEST_XRAY,
            IMAGING_REPORT,
        ];
        for code in loinc.into_iter().chain(TESTS.iter().map(|test| test.code)) {
            assert!(luhn(code.code), "{}", code.code);
        }
        for code in [
            DIABETES,
            HYPERTENSION,
            HYPERLIPIDEMIA,
            ASTHMA,
            HAY_FEVER,
            PREGNANCY,
            DEPRESSION,
            EAR_INFECTION,
            SORE_THROAT,
            SINUSITIS,
            BRONCHITIS,
            CYSTITIS,
            ANKLE_SPRAIN,
            PENICILLIN_ALLERGY,
            PEANUT_ALLERGY,
            RASH,
            ANAPHYLAXIS,
            CHECK_UP,
            WELL_CHILD_VISIT,
            SYMPTOM_VISIT,
            FOLLOW_UP,
            FIRST_PRENATAL_VISIT,
            PRENATAL_VISIT,
            MEDICATION_REVIEW,
            DEPRESSION_SCREENING,
            SPIROMETRY,
            CHILDBIRTH,
            DIABETES_PLAN,
            CARE_PLAN,
            CHEST,
            NEVER_SMOKED,
            EX_SMOKER,
        ] {
            assert!(verhoeff(code.code), "{} {}", code.code, code.display);
        }
    }
}
