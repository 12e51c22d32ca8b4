//! SplitMix64: a small, well-studied generator. Not for secrets; for the same data everywhere.

/// A stream of numbers that its seed determines.
#[derive(Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low) + 1;
        // The bias is below span / 2^64, which nobody can see in a chart.
        low + i64::try_from(self.next() % span).expect("a remainder of a small span fits")
    }

    /// A number around `mean`, almost always within three times `spread`.
    pub(super) fn around(&mut self, mean: f64, spread: f64) -> f64 {
        // Twelve uniform numbers summed, minus six, have variance one; sums and products alone, so
        // that every machine agrees on the last bit.
        let mut sum = -6.0;
        for _ in 0..12 {
            sum += self.unit();
        }
        mean + spread * sum
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let last = i64::try_from(from.len()).expect("tables are short") - 1;
        from[usize::try_from(self.between(0, last)).expect("not negative")]
    }

    /// A random UUID in its text form.
    pub(super) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            8 + (b >> 62),
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }

    fn unit(&mut self) -> f64 {
        // 32 bits convert exactly.
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits")) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // First outputs for seed 1234567, as published with the algorithm.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_stay_in_range() {
        let mut random = Random::new(1);
        let mut seen = [false; 3];
        for _ in 0..200 {
            let n = random.between(-1, 1);
            seen[usize::try_from(n + 1).unwrap_or(9)] = true;
            let x = random.around(100.0, 10.0);
            assert!((40.0..=160.0).contains(&x));
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.uuid().len(), 36);
    }
}
