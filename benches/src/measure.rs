//! Times, their percentiles, and the line that is printed.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// Cores that a measurement could use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Prints a result with what it was measured on.
pub(crate) fn print(bench: &str, values: Value) {
    let mut line = Map::new();
    line.insert("bench".to_owned(), json!(bench));
    if let Value::Object(values) = values {
        line.extend(values);
    }
    line.insert("measured_on_cores".to_owned(), json!(cores()));
    println!("{}", Value::Object(line));
}

/// Times of one operation.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Times one more.
    pub(crate) async fn time<T>(&mut self, operation: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = operation.await;
        self.0.push(start.elapsed());
        result
    }

    /// p50, p99, least and number, in milliseconds.
    pub(crate) fn summary(&mut self) -> Value {
        self.0.sort();
        let at = |percent: usize| millis(self.0[(self.0.len() - 1) * percent / 100]);
        json!({ "p50_ms": at(50), "p99_ms": at(99), "min_ms": at(0), "n": self.0.len() })
    }
}

/// Milliseconds with three decimals.
pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
