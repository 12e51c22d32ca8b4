//! What the device's surroundings provide: HTTP to one node, a clock, randomness, durable local storage.
//!
//! Terminal and browser each implement [`Platform`]; tests implement it over a real node and make it fail at the
//! n-th call. The client itself touches neither network, file, clock nor random source.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

impl Method {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// A request to the node. The platform puts the node's address before `path`.
#[derive(Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path with its query, from `/`.
    pub path: String,
    /// Headers; names in lower case. A browser drops `cookie` and `origin` and sends its own.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

impl core::fmt::Debug for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({} bytes)", self.method.as_str(), self.body.len())
    }
}

/// An answer whose body is still arriving.
pub struct Response<B> {
    /// HTTP status.
    pub status: u16,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: B,
}

/// A body as it arrives.
#[allow(
    async_fn_in_trait,
    reason = "futures need not be Send: a browser has one thread"
)]
pub trait Body {
    /// The next piece; `None` at its end. A body that was cut is an error.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, PlatformError>;
}

/// What the surroundings could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The node cannot be reached, or the connection broke.
    #[error("the node cannot be reached: {0}")]
    Network(String),
    /// Local storage failed.
    #[error("local storage failed: {0}")]
    Storage(String),
    /// No randomness was to be had.
    #[error("no randomness: {0}")]
    Random(String),
    /// The body is larger than the platform takes.
    #[error("the answer is over its limit")]
    TooLarge,
}

/// The surroundings of a device.
///
/// Names in storage are made of ASCII letters, digits, `-`, `_`, `.` and `/`.
#[allow(
    async_fn_in_trait,
    reason = "futures need not be Send: a browser has one thread"
)]
pub trait Platform {
    /// A body as this platform streams it.
    type Body: Body;

    /// Sends a request to the node.
    async fn send(&self, request: Request) -> Result<Response<Self::Body>, PlatformError>;
    /// Seconds since 1970.
    fn now_secs(&self) -> u64;
    /// Fills `out` with randomness fit for keys.
    fn fill_random(&self, out: &mut [u8]) -> Result<(), PlatformError>;
    /// What was saved under `name`.
    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, PlatformError>;
    /// Saves in one step; durable when it returns.
    async fn save(&self, name: &str, bytes: &[u8]) -> Result<(), PlatformError>;
    /// Removes; nothing to do where there is nothing.
    async fn remove(&self, name: &str) -> Result<(), PlatformError>;
    /// Names that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, PlatformError>;
    /// Told in words what is about to be signed; `false` stops it. The default agrees: a caller that has asked
    /// already needs no second question.
    fn agrees(&self, explanation: &str) -> bool {
        !explanation.is_empty()
    }
}

/// Seed bytes drawn at once: enough that a batch of records costs a few draws.
const POOL_BYTES: usize = 256;

/// The platform's randomness as a `CryptoRng`. A platform without randomness is noticed by [`Random::check`], before
/// anything is made from zeros.
pub(crate) struct Random<'p, P> {
    platform: &'p P,
    pool: zeroize::Zeroizing<[u8; POOL_BYTES]>,
    left: usize,
    failed: Option<PlatformError>,
}

impl<'p, P: Platform> Random<'p, P> {
    pub(crate) fn new(platform: &'p P) -> Result<Self, PlatformError> {
        let mut random = Self {
            platform,
            pool: zeroize::Zeroizing::new([0; POOL_BYTES]),
            left: 0,
            failed: None,
        };
        random.refill();
        random.check()?;
        Ok(random)
    }

    fn refill(&mut self) {
        if let Err(error) = self.platform.fill_random(self.pool.as_mut_slice()) {
            self.failed = Some(error);
        }
        self.left = POOL_BYTES;
    }

    /// Whether every byte so far was random. What was made before must be thrown away on an error.
    pub(crate) fn check(&self) -> Result<(), PlatformError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// 32 random bytes.
    pub(crate) fn word(&mut self) -> Result<alloy_primitives::B256, PlatformError> {
        let mut out = [0; 32];
        self.fill(&mut out);
        self.check()?;
        Ok(out.into())
    }

    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.left == 0 {
                self.refill();
            }
            let at = POOL_BYTES - self.left;
            *byte = core::mem::take(&mut self.pool[at]);
            self.left -= 1;
        }
    }
}

impl<P: Platform> TryRng for Random<'_, P> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl<P: Platform> TryCryptoRng for Random<'_, P> {}
