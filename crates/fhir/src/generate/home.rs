//! What a person measures at home: pulse, temperature, weight and blood pressure, spread over years.

use super::calendar::Day;
use super::chart::{Chart, Entry};
use super::codes;
use super::visit::quantity;
use crate::write::Out;

/// For how many days before the end of the chart measurements at home are spread.
const HOME_DAYS: i64 = 1_460;
/// How many measurements at home there are on a day, unless more are needed.
const HOME_PER_DAY: i64 = 3;

impl Chart {
    /// Measurements at home, oldest first.
    pub(super) fn at_home(&mut self, count: usize) -> Vec<Entry> {
        let count = i64::try_from(count).expect("bounded by MAX_RESOURCES");
        let lived = self.as_of.0 - self.person.born.0;
        let per_day = (count / HOME_DAYS.min(lived) + 1).max(HOME_PER_DAY);
        let mut entries = Vec::new();
        for i in 0..count {
            // The last measurement is on the last day.
            let back = (count - 1 - i) / per_day;
            let slot = i % per_day;
            let minute = 7 * 60 + slot * (14 * 60) / per_day;
            let day = self.as_of.plus(-back);
            let at = format!("{day}T{:02}:{:02}:00Z", minute / 60, minute % 60);
            let entry = self.measurement(i, day, &at);
            entries.push(entry);
        }
        entries
    }

    fn measurement(&mut self, i: i64, day: Day, at: &str) -> Entry {
        let child = self.person.is_child(day);
        let (code, value) = match i % 3 {
            0 => (codes::PULSE, {
                let pulse = self.random.around(if child { 92.0 } else { 70.0 }, 6.0);
                quantity(pulse, 0, "/min", "/min")
            }),
            1 if !child => return self.home_pressure(at),
            1 => (
                codes::TEMPERATURE,
                quantity(self.random.around(36.7, 0.2), 1, "°C", "Cel"),
            ),
            _ => (codes::WEIGHT, {
                let weight = self.weight_on(day);
                quantity(self.random.around(weight, 0.3), 1, "kg", "kg")
            }),
        };
        let mut members = self.observation("vital-signs", code, at);
        members.push(("valueQuantity", value));
        members.push(("performer", Out::arr([self.reference(&self.patient)])));
        self.make("Observation", members)
    }

    fn home_pressure(&mut self, at: &str) -> Entry {
        let mut members = self.observation("vital-signs", codes::PRESSURE, at);
        members.push(("component", self.pressure()));
        members.push(("performer", Out::arr([self.reference(&self.patient)])));
        self.make("Observation", members)
    }
}
