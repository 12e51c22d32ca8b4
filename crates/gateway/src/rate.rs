//! Rate limits: a token bucket for each caller and purpose.
//!
//! Bounds are far above what one person's device does, so that imports and benchmarks on loopback are not slowed; they
//! stop loops and guessing. Behind a proxy all people share the proxy's address, so the limits by address are wide and
//! those that matter against guessing (claims, codes) are also global.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Instant;

use carechain_domain::SubjectId;
use parking_lot::Mutex;

use crate::GatewayError;

/// Callers remembered a limit; when full, those that have not called lately are forgotten.
const MAX_CALLERS: usize = 65_536;

/// How many calls at once, and how many a second afterwards.
#[derive(Clone, Copy, Debug)]
struct Pace {
    burst: f64,
    per_sec: f64,
}

/// All requests of one address.
const REQUESTS: Pace = Pace {
    burst: 50_000.0,
    per_sec: 20_000.0,
};
/// All requests of one signed-in subject.
const SUBJECT: Pace = Pace {
    burst: 20_000.0,
    per_sec: 5_000.0,
};
/// Proofs asked for by one address: each walks tries.
const PROOFS: Pace = Pace {
    burst: 10_000.0,
    per_sec: 2_000.0,
};
/// Vouchers and invitation codes tried by one address.
const VOUCHERS: Pace = Pace {
    burst: 400.0,
    per_sec: 20.0,
};
/// Claims, by anybody: the code has 80 bits, this stops the noise.
const CLAIMS: Pace = Pace {
    burst: 10.0,
    per_sec: 0.1,
};
/// Sign-ins of one address: each recovers a signature and writes a row.
const SIGN_INS: Pace = Pace {
    burst: 1_000.0,
    per_sec: 100.0,
};
/// Documents staged by one address without a session.
const DOCUMENTS: Pace = Pace {
    burst: 1_000.0,
    per_sec: 50.0,
};
/// Mail sent by one subject.
const MAIL: Pace = Pace {
    burst: 200.0,
    per_sec: 2.0,
};

struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Buckets of one limit.
pub(crate) struct Buckets<K> {
    pace: Pace,
    held: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            held: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one token of `key`, or says when to come back.
    pub(crate) fn take(&self, key: K) -> Result<(), GatewayError> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), GatewayError> {
        let Pace { burst, per_sec } = self.pace;
        let mut held = self.held.lock();
        if held.len() >= MAX_CALLERS && !held.contains_key(&key) {
            held.retain(|_, bucket| refilled(bucket, self.pace, now) < burst);
            if held.len() >= MAX_CALLERS {
                return Err(GatewayError::Unavailable("too many callers at once"));
            }
        }
        let bucket = held.entry(key).or_insert(Bucket {
            tokens: burst,
            filled: now,
        });
        bucket.tokens = refilled(bucket, self.pace, now);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            let wait = ((1.0 - bucket.tokens) / per_sec).ceil().max(1.0);
            return Err(GatewayError::TooManyRequests {
                retry_after_secs: wait as u64,
            });
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

fn refilled(bucket: &Bucket, pace: Pace, now: Instant) -> f64 {
    let secs = now.saturating_duration_since(bucket.filled).as_secs_f64();
    (bucket.tokens + secs * pace.per_sec).min(pace.burst)
}

/// Every limit of the gateway.
pub(crate) struct Rates {
    pub(crate) requests: Buckets<IpAddr>,
    pub(crate) subject: Buckets<SubjectId>,
    pub(crate) proofs: Buckets<IpAddr>,
    pub(crate) vouchers: Buckets<IpAddr>,
    pub(crate) claims: Buckets<()>,
    pub(crate) sign_ins: Buckets<IpAddr>,
    pub(crate) documents: Buckets<IpAddr>,
    pub(crate) mail: Buckets<SubjectId>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            requests: Buckets::new(REQUESTS),
            subject: Buckets::new(SUBJECT),
            proofs: Buckets::new(PROOFS),
            vouchers: Buckets::new(VOUCHERS),
            claims: Buckets::new(CLAIMS),
            sign_ins: Buckets::new(SIGN_INS),
            documents: Buckets::new(DOCUMENTS),
            mail: Buckets::new(MAIL),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_pace_holds_and_callers_do_not_share() {
        let buckets = Buckets::new(Pace {
            burst: 3.0,
            per_sec: 0.5,
        });
        let start = Instant::now();
        for _ in 0..3 {
            buckets.take_at("a", start).unwrap();
        }
        let refused = buckets.take_at("a", start).unwrap_err();
        assert!(matches!(
            refused,
            GatewayError::TooManyRequests {
                retry_after_secs: 2
            }
        ));
        buckets.take_at("b", start).unwrap();
        assert!(
            buckets
                .take_at("a", start + Duration::from_secs(1))
                .is_err()
        );
        buckets
            .take_at("a", start + Duration::from_secs(2))
            .unwrap();
        assert!(
            buckets
                .take_at("a", start + Duration::from_secs(2))
                .is_err()
        );
        for _ in 0..3 {
            buckets
                .take_at("a", start + Duration::from_secs(100))
                .unwrap();
        }
        assert!(
            buckets
                .take_at("a", start + Duration::from_secs(100))
                .is_err(),
            "no more than the burst is saved"
        );
    }

    #[test]
    fn those_who_have_not_called_lately_are_forgotten_and_the_rest_kept() {
        let buckets = Buckets::new(Pace {
            burst: 2.0,
            per_sec: 1.0,
        });
        let start = Instant::now();
        for caller in 0..MAX_CALLERS {
            buckets.take_at(caller, start).unwrap();
        }
        assert!(matches!(
            buckets.take_at(usize::MAX, start),
            Err(GatewayError::Unavailable(_))
        ));
        buckets
            .take_at(usize::MAX, start + Duration::from_secs(2))
            .unwrap();
        assert_eq!(buckets.held.lock().len(), 1);
    }

    #[test]
    fn an_import_at_a_thousand_requests_a_second_is_never_slowed() {
        let rates = Rates::default();
        let (ip, subject) = (IpAddr::from([127, 0, 0, 1]), SubjectId::default());
        let start = Instant::now();
        for call in 0..120_000u64 {
            let now = start + Duration::from_millis(call);
            rates.requests.take_at(ip, now).unwrap();
            rates.subject.take_at(subject, now).unwrap();
            rates.proofs.take_at(ip, now).unwrap();
        }
    }
}
