//! Requests: what a doctor asks, sealed to the patient, and what the patient finds in the inbox.

use std::collections::BTreeMap;

use carechain_api::{MailItem, PostMail, RequestRow};
use carechain_crypto::{MailInfo, sealed_hash};
use carechain_domain::{Category, Purpose, RequestId, SubjectId};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, RequestFact};
use crate::outbox::{Entry, Plan, RequestPlan};
use crate::platform::Platform;
use crate::tx::{Action, pair_id};

/// Longest reason, in bytes.
const MAX_REASON_BYTES: usize = 4 << 10;
/// Pages of mail that are read at once.
const MAX_MAIL_PAGES: usize = 100;

/// What is asked of a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// Whom.
    pub subject: SubjectId,
    /// Categories to read.
    pub read: Vec<Category>,
    /// Categories to write.
    pub write: Vec<Category>,
    /// What for.
    pub purpose: Purpose,
    /// Why, in words for the patient.
    pub reason: String,
    /// Until when access is wished.
    pub until: u64,
    /// Until when it can be answered.
    pub expiry: u64,
}

/// What a request's mail says. JSON, sealed to the patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Categories to read.
    pub read: Vec<Category>,
    /// Categories to write.
    pub write: Vec<Category>,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: u64,
}

/// A request as its patient or requester sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// Which.
    pub request: RequestId,
    /// As the chain has it, proven.
    pub fact: RequestFact,
    /// "open", "expired", "accepted", "refused", "withdrawn".
    pub state: &'static str,
    /// What it asks; none where its mail has not come, or where one is the requester.
    pub asked: Option<Asked>,
    /// Why what it asks cannot be shown, where it was tampered with.
    pub fault: Option<Lie>,
}

impl<P: Platform> Device<P> {
    /// Asks a patient for access.
    pub async fn request(&self, ask: &AccessRequest) -> Result<RequestId, ClientError> {
        if ask.reason.len() > MAX_REASON_BYTES {
            let why = format!("over {MAX_REASON_BYTES} bytes");
            return Err(ClientError::field("reason", why));
        }
        if ask.read.is_empty() && ask.write.is_empty() {
            return Err(ClientError::field(
                "read",
                "no category to read or write was given",
            ));
        }
        let (public, key_version) = self.public_key(ask.subject).await?;
        let mut random = self.random()?;
        let salt = random.word()?;
        let id = pair_id(ask.subject, self.subject(), salt);
        let asked = Asked {
            read: ask.read.clone(),
            write: ask.write.clone(),
            reason: ask.reason.clone(),
            until: ask.until,
        };
        let text = serde_json::to_vec(&asked).expect("categories and texts are JSON");
        let info = MailInfo {
            recipient: ask.subject.0,
            recipient_key_version: key_version,
            sender: self.subject().0,
            topic: id,
        };
        let sealed = info
            .seal(&public, &text, &mut random)
            .map_err(ClientError::crypto("seal the request"))?;
        random.check()?;
        let plan = RequestPlan {
            subject: ask.subject,
            salt,
            purpose: ask.purpose.number(),
            expiry: ask.expiry,
            mail: PostMail {
                topic: id.into(),
                key_version,
                sealed: sealed.into(),
            },
        };
        let entry = self.enqueue(Plan::Request(plan), Vec::new()).await?;
        self.finish_request(entry).await?;
        Ok(id.into())
    }

    /// Carries a request out, from wherever it stands.
    pub(crate) async fn finish_request(&self, entry: Entry) -> Result<(), ClientError> {
        let Plan::Request(plan) = &entry.plan else {
            return Err(ClientError::Outbox {
                name: entry.name,
                why: "it is no request",
            });
        };
        let id = plan.mail.topic;
        let known = self.prove(Ask::default().request(id)).await?.request(id);
        let expired = plan.expiry <= self.now();
        if known.is_none() && !expired {
            self.authed(async || self.http.post_mail(plan.subject, &plan.mail).await)
                .await?;
            let action = Action::Request {
                subject: plan.subject,
                salt: plan.salt,
                purpose: plan.purpose,
                expiry: plan.expiry,
                sealed_hash: sealed_hash(plan.mail.sealed.as_ref()),
            };
            match self.act(&action).await {
                Ok(_) => {}
                Err(error @ ClientError::Reverted { .. }) => {
                    self.dequeue(&entry.name).await?;
                    return Err(error);
                }
                Err(other) => return Err(other),
            }
        }
        self.dequeue(&entry.name).await
    }

    /// Requests to this subject, each proven, with what they ask.
    pub async fn requests_received(&self) -> Result<Vec<RequestView>, ClientError> {
        let subject = self.subject();
        let rows = self
            .authed(async || self.http.requests_to(subject).await)
            .await?
            .rows;
        let mail = self.all_mail().await?;
        self.request_views(rows, Some(&mail)).await
    }

    /// Requests that this subject made, each proven.
    pub async fn requests_made(&self) -> Result<Vec<RequestView>, ClientError> {
        let rows = self
            .authed(async || self.http.requests_mine().await)
            .await?
            .rows;
        self.request_views(rows, None).await
    }

    /// One request to this subject, proven.
    pub async fn request_received(&self, id: RequestId) -> Result<RequestView, ClientError> {
        let found = self
            .requests_received()
            .await?
            .into_iter()
            .find(|view| view.request == id);
        found.ok_or(ClientError::Unknown {
            what: "request to you",
            id: id.0,
        })
    }

    /// Refuses a request.
    pub async fn refuse(&self, request: RequestId) -> Result<(), ClientError> {
        self.act(&Action::Refuse { request }).await.map(drop)
    }

    /// Takes one's own request back.
    pub async fn withdraw(&self, request: RequestId) -> Result<(), ClientError> {
        self.act(&Action::Withdraw { request }).await.map(drop)
    }

    async fn all_mail(&self) -> Result<BTreeMap<RequestId, Vec<MailItem>>, ClientError> {
        let subject = self.subject();
        let mut by_topic: BTreeMap<RequestId, Vec<MailItem>> = BTreeMap::new();
        let mut after = 0;
        for _ in 0..MAX_MAIL_PAGES {
            let page = self
                .authed(async || self.http.mail(subject, after).await)
                .await?;
            let Some(last) = page
                .items
                .last()
                .map(|item| item.id)
                .filter(|id| *id > after)
            else {
                break;
            };
            after = last;
            for item in page.items {
                by_topic.entry(item.topic).or_default().push(item);
            }
        }
        Ok(by_topic)
    }

    async fn request_views(
        &self,
        rows: Vec<RequestRow>,
        mail: Option<&BTreeMap<RequestId, Vec<MailItem>>>,
    ) -> Result<Vec<RequestView>, ClientError> {
        let mut views = Vec::with_capacity(rows.len());
        // 64 requests of four slots fit into one proof.
        for chunk in rows.chunks(64) {
            let ask = chunk
                .iter()
                .fold(Ask::default(), |ask, row| ask.request(row.request));
            let facts = self.prove(ask).await?;
            let now = self.now().max(facts.head.block_time);
            for row in chunk {
                let changed = Lie::RowChanged {
                    what: "request",
                    id: row.request.0,
                };
                let own = self.subject();
                let fact = facts
                    .request(row.request)
                    .filter(|f| {
                        if mail.is_some() {
                            f.subject == own
                        } else {
                            f.requester == own
                        }
                    })
                    .ok_or(changed)?;
                let (asked, fault) = match mail {
                    None => (None, None),
                    Some(mail) => self.read_mail(row.request, &fact, mail),
                };
                let state = state_of(&fact, now);
                views.push(RequestView {
                    request: row.request,
                    fact,
                    state,
                    asked,
                    fault,
                });
            }
        }
        Ok(views)
    }

    /// Opens the mail whose hash the request put on chain.
    fn read_mail(
        &self,
        request: RequestId,
        fact: &RequestFact,
        mail: &BTreeMap<RequestId, Vec<MailItem>>,
    ) -> (Option<Asked>, Option<Lie>) {
        let Some(items) = mail.get(&request) else {
            return (None, None);
        };
        let substituted = || (None, Some(Lie::SubstitutedMail { request }));
        let genuine = items
            .iter()
            .find(|item| sealed_hash(item.sealed.as_ref()) == fact.sealed_hash);
        let Some(item) = genuine else {
            return substituted();
        };
        let info = MailInfo {
            recipient: self.subject().0,
            recipient_key_version: item.key_version,
            sender: fact.requester.0,
            topic: request.0,
        };
        let Ok(text) = info.open(&self.kem(), item.sealed.as_ref()) else {
            return substituted();
        };
        match serde_json::from_slice(&text) {
            Ok(asked) => (Some(asked), None),
            Err(_) => substituted(),
        }
    }
}

fn state_of(fact: &RequestFact, now: u64) -> &'static str {
    match fact.status {
        1 if fact.is_open(now) => "open",
        1 => "expired",
        2 => "accepted",
        3 => "refused",
        _ => "withdrawn",
    }
}
