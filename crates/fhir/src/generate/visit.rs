//! One visit: an encounter and what was measured, given and written in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::calendar::Day;
use super::chart::{Chart, Entry};
use super::codes::{self, Code, Test, hl7};
use crate::write::Out;

/// A visit in the making; [`Visit::close`] puts it into the chart.
pub(super) struct Visit<'c> {
    pub(super) chart: &'c mut Chart,
    pub(super) day: Day,
    minute: i64,
    encounter: String,
    entries: Vec<Entry>,
}

/// A quantity in UCUM, rounded to `decimals`.
pub(super) fn quantity(value: f64, decimals: usize, unit: &str, ucum: &str) -> Out {
    Out::obj([
        ("value", Out::Raw(format!("{value:.decimals$}").into())),
        ("unit", Out::str(unit)),
        ("system", Out::str("http://unitsofmeasure.org")),
        ("code", Out::str(ucum)),
    ])
}

impl<'c> Visit<'c> {
    pub(super) fn open(
        chart: &'c mut Chart,
        day: Day,
        kind: Code,
        reason: Option<Code>,
    ) -> Visit<'c> {
        let minute = 8 * 60 + 15 * chart.random.between(0, 32);
        let end = minute + 15 * chart.random.between(1, 3);
        let mut members = vec![
            ("status", Out::str("finished")),
            (
                "class",
                Out::obj([
                    (
                        "system",
                        Out::str("http://terminology.hl7.org/CodeSystem/v3-ActCode"),
                    ),
                    ("code", Out::str("AMB")),
                    ("display", Out::str("ambulatory")),
                ]),
            ),
            ("type", Out::arr([kind.concept()])),
            ("subject", chart.reference(&chart.patient)),
            (
                "participant",
                Out::arr([Out::obj([("individual", chart.reference(&chart.doctor))])]),
            ),
            (
                "period",
                Out::obj([("start", time(day, minute)), ("end", time(day, end))]),
            ),
        ];
        if let Some(reason) = reason {
            members.push(("reasonCode", Out::arr([reason.concept()])));
        }
        members.push(("serviceProvider", chart.reference(&chart.clinic)));
        let entry = chart.make("Encounter", members);
        let encounter = entry.url().to_owned();
        Visit {
            chart,
            day,
            minute,
            encounter,
            entries: vec![entry],
        }
    }

    /// Ends the visit.
    pub(super) fn close(self) {
        self.chart.keep_visit(self.day, self.entries);
    }

    fn add(&mut self, name: &'static str, members: Vec<(&'static str, Out)>) -> String {
        let entry = self.chart.make(name, members);
        let url = entry.url().to_owned();
        self.entries.push(entry);
        url
    }

    fn at(&self) -> String {
        clock(self.day, self.minute)
    }

    fn here(&self) -> Out {
        self.chart.reference(&self.encounter)
    }

    fn observe(&mut self, category: &str, code: Code, value: (&'static str, Out)) -> String {
        let mut members = self.chart.observation(category, code, &self.at());
        members.push(("encounter", self.here()));
        members.push(value);
        self.add("Observation", members)
    }

    /// Height, weight, blood pressure and the rest, as at every visit.
    pub(super) fn vitals(&mut self) {
        let day = self.day;
        let child = self.chart.person.is_child(day);
        let weight_mean = self.chart.weight_on(day);
        let weight = self.chart.random.around(weight_mean, 0.02 * weight_mean);
        let height_mean = self.chart.height_on(day);
        let height = self.chart.random.around(height_mean, 0.4);
        let bmi = weight / (height / 100.0 * (height / 100.0));
        let infant = day.age(self.chart.person.born) < 3;
        let mut vital = |code, value| {
            self.observe("vital-signs", code, ("valueQuantity", value));
        };
        vital(codes::HEIGHT, quantity(height, 1, "cm", "cm"));
        vital(codes::WEIGHT, quantity(weight, 1, "kg", "kg"));
        vital(codes::BMI, quantity(bmi, 1, "kg/m2", "kg/m2"));
        if infant {
            let head = 36.0 + (height - 50.0) * 0.33;
            vital(codes::HEAD, quantity(head, 1, "cm", "cm"));
        } else {
            let pressure = self.chart.pressure();
            self.observe("vital-signs", codes::PRESSURE, ("component", pressure));
        }
        let random = &mut self.chart.random;
        let pulse = random.around(if child { 95.0 } else { 72.0 }, 6.0);
        let breaths = random.around(if child { 22.0 } else { 15.0 }, 1.2);
        let temperature = random.around(36.7, 0.2);
        let oxygen = random.around(98.0, 0.4).min(100.0);
        let mut vital = |code, value| {
            self.observe("vital-signs", code, ("valueQuantity", value));
        };
        vital(codes::PULSE, quantity(pulse, 0, "/min", "/min"));
        vital(codes::BREATHS, quantity(breaths, 0, "/min", "/min"));
        vital(codes::TEMPERATURE, quantity(temperature, 1, "°C", "Cel"));
        vital(codes::OXYGEN, quantity(oxygen, 0, "%", "%"));
    }

    /// A laboratory result around `mean`, with its reference range and what that says.
    pub(super) fn lab(&mut self, test: Test, mean: f64, spread: f64) -> String {
        let value = self.chart.random.around(mean, spread).max(0.01);
        let mut members = self.chart.observation("laboratory", test.code, &self.at());
        members.push(("encounter", self.here()));
        members.push((
            "valueQuantity",
            quantity(value, test.decimals, test.unit, test.unit),
        ));
        let (flag, words) = match (test.low, test.high) {
            (Some(low), _) if value < low => ("L", "Low"),
            (_, Some(high)) if value > high => ("H", "High"),
            _ => ("N", "Normal"),
        };
        let interpretation = Out::obj([(
            "coding",
            Out::arr([Out::obj([
                (
                    "system",
                    Out::str("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"),
                ),
                ("code", Out::str(flag)),
                ("display", Out::str(words)),
            ])]),
        )]);
        members.push(("interpretation", Out::arr([interpretation])));
        let limit = |value: f64| quantity(value, test.decimals, test.unit, test.unit);
        let mut range = Vec::new();
        range.extend(test.low.map(|low| ("low", limit(low))));
        range.extend(test.high.map(|high| ("high", limit(high))));
        members.push(("referenceRange", Out::arr([Out::Obj(range)])));
        self.add("Observation", members)
    }

    /// A report over results of this visit.
    pub(super) fn report(&mut self, code: Code, results: &[String], conclusion: &str) {
        let members = vec![
            ("status", Out::str("final")),
            ("category", Out::arr([hl7("v2-0074", "LAB")])),
            ("code", code.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("effectiveDateTime", Out::str(self.at())),
            ("issued", time(self.day, self.minute + 180)),
            (
                "performer",
                Out::arr([self.chart.reference(&self.chart.clinic)]),
            ),
            (
                "result",
                Out::arr(results.iter().map(|url| self.chart.reference(url))),
            ),
            ("conclusion", Out::str(conclusion)),
        ];
        self.add("DiagnosticReport", members);
    }

    /// An image of the chest, and what was seen on it.
    pub(super) fn chest_xray(&mut self, finding: &str) {
        let oid = format!("urn:oid:2.25.{}", self.chart.random.next());
        let uid = format!("2.25.{}", self.chart.random.next());
        let modality = Out::obj([
            (
                "system",
                Out::str("http://dicom.nema.org/resources/ontology/DCM"),
            ),
            ("code", Out::str("DX")),
            ("display", Out::str("Digital Radiography")),
        ]);
        let identifier = Out::obj([
            ("system", Out::str("urn:dicom:uid")),
            ("value", Out::str(oid)),
        ]);
        let series = Out::obj([
            ("uid", Out::str(uid)),
            ("modality", modality),
            ("numberOfInstances", Out::Raw("2".into())),
            ("bodySite", codes::CHEST.coding()),
        ]);
        let members = vec![
            ("identifier", Out::arr([identifier])),
            ("status", Out::str("available")),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("started", Out::str(self.at())),
            ("numberOfSeries", Out::Raw("1".into())),
            ("numberOfInstances", Out::Raw("2".into())),
            ("description", Out::str(codes::CHEST_XRAY.display)),
            ("series", Out::arr([series])),
        ];
        let study = self.add("ImagingStudy", members);
        let members = vec![
            ("status", Out::str("final")),
            (
                "category",
                Out::arr([hl7("v2-0074", "RAD"), codes::IMAGING_REPORT.concept()]),
            ),
            ("code", codes::CHEST_XRAY.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("effectiveDateTime", Out::str(self.at())),
            ("issued", time(self.day, self.minute + 60)),
            ("imagingStudy", Out::arr([self.chart.reference(&study)])),
            ("conclusion", Out::str(finding)),
        ];
        self.add("DiagnosticReport", members);
    }

    /// A note in plain text, under a heading that names doctor and patient.
    pub(super) fn note(&mut self, kind: Code, text: &str) {
        let person = &self.chart.person;
        let note = format!(
            "{}\nPatient: {}, born {}\nDate: {}\n\n{text}\n\n{}\n",
            kind.display,
            person.full_name(),
            person.born,
            self.day,
            self.chart.doctor_name
        );
        let attachment = Out::obj([
            ("contentType", Out::str("text/plain; charset=utf-8")),
            ("data", Out::str(STANDARD.encode(note))),
            ("title", Out::str(kind.display)),
        ]);
        let context = Out::obj([
            ("encounter", Out::arr([self.here()])),
            ("period", Out::obj([("start", Out::str(self.at()))])),
        ]);
        let members = vec![
            ("status", Out::str("current")),
            ("docStatus", Out::str("final")),
            ("type", kind.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("date", time(self.day, self.minute + 20)),
            (
                "author",
                Out::arr([self.chart.reference(&self.chart.doctor)]),
            ),
            ("custodian", self.chart.reference(&self.chart.clinic)),
            (
                "content",
                Out::arr([Out::obj([("attachment", attachment)])]),
            ),
            ("context", context),
        ];
        self.add("DocumentReference", members);
    }

    /// A vaccination.
    pub(super) fn vaccinate(&mut self, vaccine: Code, dose: i64) {
        let lot = format!("L{:05}", self.chart.random.between(1, 99_999));
        let protocol = Out::obj([("doseNumberPositiveInt", Out::Raw(dose.to_string().into()))]);
        let performer = Out::obj([("actor", self.chart.reference(&self.chart.doctor))]);
        let members = vec![
            ("status", Out::str("completed")),
            ("vaccineCode", vaccine.concept()),
            ("patient", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("occurrenceDateTime", Out::str(self.at())),
            ("primarySource", Out::Raw("true".into())),
            ("lotNumber", Out::str(lot)),
            ("performer", Out::arr([performer])),
            ("protocolApplied", Out::arr([protocol])),
        ];
        self.add("Immunization", members);
    }

    /// Something that was done.
    pub(super) fn procedure(&mut self, code: Code) {
        let members = vec![
            ("status", Out::str("completed")),
            ("code", code.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("performedDateTime", Out::str(self.at())),
            (
                "performer",
                Out::arr([Out::obj([(
                    "actor",
                    self.chart.reference(&self.chart.doctor),
                )])]),
            ),
        ];
        self.add("Procedure", members);
    }

    /// An illness that passes, and the medicine for it.
    pub(super) fn illness(&mut self, code: Code, days: i64, medicine: Option<(Code, &str)>) {
        let over = self.day.plus(days).min(self.chart.as_of);
        let members = vec![
            ("clinicalStatus", hl7("condition-clinical", "resolved")),
            (
                "verificationStatus",
                hl7("condition-ver-status", "confirmed"),
            ),
            (
                "category",
                Out::arr([hl7("condition-category", "encounter-diagnosis")]),
            ),
            ("code", code.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("onsetDateTime", Out::str(self.day.to_string())),
            ("abatementDateTime", Out::str(over.to_string())),
            ("recordedDate", Out::str(self.day.to_string())),
        ];
        let condition = self.add("Condition", members);
        let Some((medicine, dose)) = medicine else {
            return;
        };
        let members = vec![
            ("status", Out::str("completed")),
            ("intent", Out::str("order")),
            ("medicationCodeableConcept", medicine.concept()),
            ("subject", self.chart.reference(&self.chart.patient)),
            ("encounter", self.here()),
            ("authoredOn", Out::str(self.at())),
            ("requester", self.chart.reference(&self.chart.doctor)),
            (
                "reasonReference",
                Out::arr([self.chart.reference(&condition)]),
            ),
            (
                "dosageInstruction",
                Out::arr([Out::obj([("text", Out::str(dose))])]),
            ),
        ];
        self.add("MedicationRequest", members);
    }

    /// A score or ratio that is neither vital sign nor laboratory.
    pub(super) fn score(&mut self, category: &str, code: Code, value: f64, ucum: &str) {
        let unit = if ucum.starts_with('{') {
            "points"
        } else {
            ucum
        };
        let value = quantity(value.round(), 0, unit, ucum);
        self.observe(category, code, ("valueQuantity", value));
    }

    /// Whether the person smokes or did.
    pub(super) fn smoking(&mut self, status: Code) {
        let value = ("valueCodeableConcept", status.concept());
        self.observe("social-history", codes::SMOKING, value);
    }
}

fn clock(day: Day, minute: i64) -> String {
    format!("{day}T{:02}:{:02}:00Z", minute / 60, minute % 60)
}

fn time(day: Day, minute: i64) -> Out {
    Out::str(clock(day, minute))
}
