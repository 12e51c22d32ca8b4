//! A device's surroundings for tests: real HTTP to a real node, and a disk in memory that outlives the device.
//!
//! Three things can stand between a device and the world: a death after the n-th call (a killed process), a liar that
//! alters what the node answers, and a tap that keeps what went by. None of them reaches the node itself.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use carechain_client::{Body, Method, Platform, PlatformError, Request, Response};

/// What the node answered, before the device sees it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// A request and its answer.
#[derive(Clone)]
pub struct Exchange {
    /// What was sent.
    pub request: Request,
    /// What came back.
    pub answer: Answer,
}

/// When a call dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything of it happened.
    Before,
    /// After all of it happened, before its caller learned of it.
    After,
}

type Liar = Rc<dyn Fn(&Request, &mut Answer)>;

/// Surroundings of one device. Clones share everything.
#[derive(Clone)]
pub struct Surroundings {
    http: reqwest::Client,
    url: Rc<RefCell<String>>,
    disk: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    liar: Rc<RefCell<Option<Liar>>>,
    tap: Rc<RefCell<Option<Vec<Exchange>>>>,
    death: Rc<Cell<Option<(u64, Moment)>>>,
    calls: Rc<Cell<u64>>,
    dead: Rc<Cell<bool>>,
}

impl Surroundings {
    /// Surroundings with an empty disk and the node at `url`.
    pub fn new(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client without TLS needs nothing");
        Self {
            http,
            url: Rc::new(RefCell::new(url.to_owned())),
            disk: Rc::default(),
            liar: Rc::default(),
            tap: Rc::default(),
            death: Rc::default(),
            calls: Rc::default(),
            dead: Rc::default(),
        }
    }

    /// The same disk under a new process that nothing has happened to.
    pub fn reborn(&self) -> Self {
        Self {
            disk: self.disk.clone(),
            ..Self::new(&self.url.borrow())
        }
    }

    /// The process dies in its `call`-th call from now (from 1): that call and all later ones fail.
    pub fn die_at(&self, call: u64, moment: Moment) {
        self.calls.set(0);
        self.death.set(Some((call, moment)));
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// From now on `liar` sees every answer before the device does, and may alter it.
    pub fn lie(&self, liar: impl Fn(&Request, &mut Answer) + 'static) {
        *self.liar.borrow_mut() = Some(Rc::new(liar));
    }

    /// From now on the node is believed again.
    pub fn tell_the_truth(&self) {
        *self.liar.borrow_mut() = None;
    }

    /// From now on everything that goes by is kept.
    pub fn listen(&self) {
        *self.tap.borrow_mut() = Some(Vec::new());
    }

    /// What was kept since [`Surroundings::listen`]; keeps on.
    pub fn heard(&self) -> Vec<Exchange> {
        self.tap
            .borrow_mut()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// What is on the disk.
    pub fn disk(&self) -> BTreeMap<String, Vec<u8>> {
        self.disk.borrow().clone()
    }

    /// What this call is to suffer.
    fn fate(&self) -> Result<bool, PlatformError> {
        let killed = || Err(PlatformError::Network("the process was killed".to_owned()));
        if self.dead.get() {
            return killed();
        }
        self.calls.set(self.calls.get() + 1);
        match self.death.get() {
            Some((call, moment)) if call == self.calls.get() => {
                self.dead.set(true);
                if moment == Moment::Before {
                    killed()
                } else {
                    Ok(true)
                }
            }
            _ => Ok(false),
        }
    }

    fn survive<T>(dies: bool, done: T) -> Result<T, PlatformError> {
        if dies {
            Err(PlatformError::Network("the process was killed".to_owned()))
        } else {
            Ok(done)
        }
    }

    async fn exchange(&self, request: &Request) -> Result<reqwest::Response, PlatformError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let url = format!("{}{}", self.url.borrow(), request.path);
        let mut builder = self.http.request(method, url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        builder.send().await.map_err(network)
    }
}

fn network(error: reqwest::Error) -> PlatformError {
    PlatformError::Network(error.to_string())
}

/// A body as it arrives, or as the liar left it.
pub enum Arriving {
    /// Straight from the node.
    Stream(reqwest::Response),
    /// Read to its end already.
    Whole(Option<Vec<u8>>),
}

impl Body for Arriving {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, PlatformError> {
        match self {
            Arriving::Stream(response) => Ok(response
                .chunk()
                .await
                .map_err(network)?
                .map(|bytes| bytes.to_vec())),
            Arriving::Whole(body) => Ok(body.take().filter(|bytes| !bytes.is_empty())),
        }
    }
}

impl Platform for Surroundings {
    type Body = Arriving;

    async fn send(&self, request: Request) -> Result<Response<Arriving>, PlatformError> {
        let dies = self.fate()?;
        let response = self.exchange(&request).await?;
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let liar = self.liar.borrow().clone();
        if liar.is_none() && self.tap.borrow().is_none() && !dies {
            return Ok(Response {
                status,
                headers,
                body: Arriving::Stream(response),
            });
        }
        let mut answer = Answer {
            status,
            body: response.bytes().await.map_err(network)?.to_vec(),
        };
        if let Some(kept) = self.tap.borrow_mut().as_mut() {
            kept.push(Exchange {
                request: request.clone(),
                answer: answer.clone(),
            });
        }
        if let Some(liar) = liar {
            liar(&request, &mut answer);
        }
        let body = Arriving::Whole(Some(answer.body));
        Self::survive(
            dies,
            Response {
                status: answer.status,
                headers,
                body,
            },
        )
    }

    fn now_secs(&self) -> u64 {
        now_secs()
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), PlatformError> {
        getrandom::fill(out).map_err(|e| PlatformError::Random(e.to_string()))
    }

    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        let dies = self.fate()?;
        Self::survive(dies, self.disk.borrow().get(name).cloned())
    }

    async fn save(&self, name: &str, bytes: &[u8]) -> Result<(), PlatformError> {
        let dies = self.fate()?;
        self.disk
            .borrow_mut()
            .insert(name.to_owned(), bytes.to_vec());
        Self::survive(dies, ())
    }

    async fn remove(&self, name: &str) -> Result<(), PlatformError> {
        let dies = self.fate()?;
        self.disk.borrow_mut().remove(name);
        Self::survive(dies, ())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PlatformError> {
        let dies = self.fate()?;
        let names = self
            .disk
            .borrow()
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        Self::survive(dies, names)
    }
}

/// Seconds since 1970.
pub fn now_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
