//! The directory: finding people, profiles, applying for approval.

use carechain_api::{Application, ApplicationKey, DirectoryQuery, MAX_APPLICATION_BYTES};
use carechain_crypto::{
    Application as Package, ApplicationDocument, ApplicationKeySlot, RecordKey, credential_hash,
    profile_hash, seal_application,
};
use carechain_domain::{Kind, Status, SubjectId};

use crate::device::{Device, hash_of};
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, SubjectFact};
use crate::platform::Platform;
use crate::tx::Action;

/// Administrators that an application is sealed to at most.
const MAX_ADMINISTRATORS: usize = 256;

/// Somebody in the directory, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub subject: SubjectId,
    /// As the chain has it.
    pub fact: SubjectFact,
    /// The profile, compared with its hash on chain; JSON text.
    pub profile: Option<String>,
}

/// A page of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Rows in order of subject.
    pub rows: Vec<Person>,
    /// `after` of the next page; none at the end.
    pub next: Option<SubjectId>,
}

impl<P: Platform> Device<P> {
    /// A page of the directory: each row's kind, status and profile hash proven.
    pub async fn directory(&self, query: &DirectoryQuery) -> Result<People, ClientError> {
        let page = self
            .authed(async || self.http.directory(query).await)
            .await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        // 48 subjects of five slots fit into one proof.
        for chunk in page.rows.chunks(48) {
            let ask = chunk
                .iter()
                .fold(Ask::default(), |ask, row| ask.subject(row.subject));
            let facts = self.prove(ask).await?;
            for row in chunk {
                let changed = || Lie::RowChanged {
                    what: "subject",
                    id: row.subject.0,
                };
                let fact = facts.subject(row.subject).ok_or_else(changed)?;
                if fact.kind != row.kind {
                    return Err(changed().into());
                }
                let profile = row.profile.as_ref().map(AsRef::as_ref);
                let profile = check_profile(row.subject, &fact, profile)?;
                rows.push(Person {
                    subject: row.subject,
                    fact,
                    profile,
                });
            }
        }
        Ok(People {
            rows,
            next: page.next,
        })
    }

    /// One subject, proven, with its profile.
    pub async fn person(&self, subject: SubjectId) -> Result<Person, ClientError> {
        let facts = self.prove(Ask::default().subject(subject)).await?;
        let fact = facts.subject(subject).ok_or(ClientError::Unknown {
            what: "subject",
            id: subject.0,
        })?;
        let view = self
            .authed(async || self.http.subject(subject).await)
            .await?;
        let profile = check_profile(subject, &fact, view.profile.as_ref().map(AsRef::as_ref))?;
        Ok(Person {
            subject,
            fact,
            profile,
        })
    }

    /// Publishes one's profile: JSON text that everybody can read.
    pub async fn publish_profile(&self, profile: &str) -> Result<(), ClientError> {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(profile) {
            let why = format!(
                "not JSON (line {}, column {})",
                error.line(),
                error.column()
            );
            return Err(ClientError::field("profile", why));
        }
        let hash =
            profile_hash(profile.as_bytes()).map_err(ClientError::crypto("hash the profile"))?;
        let subject = self.subject();
        let bytes = profile.as_bytes().to_vec();
        self.authed(async || self.http.put_profile(subject, bytes.clone()).await)
            .await?;
        self.act(&Action::SetProfile { hash }).await.map(drop)
    }

    /// Hands in documents for approval, sealed to every approved administrator.
    pub async fn apply(&self, documents: Vec<ApplicationDocument>) -> Result<(), ClientError> {
        let failed = || ClientError::crypto("seal the application");
        let administrators = self.administrators().await?;
        let mut random = self.random()?;
        let package = Package::new(documents, &mut random)
            .encode()
            .map_err(failed())?;
        let hash = credential_hash(&package);
        let key = RecordKey::random(&mut random);
        let applicant = self.subject();
        let envelope =
            seal_application(&applicant.0, &key, &package, &mut random).map_err(failed())?;
        if envelope.len() > MAX_APPLICATION_BYTES * 3 / 4 {
            return Err(ClientError::field(
                "documents",
                "together they are too large",
            ));
        }
        let mut keys = Vec::with_capacity(administrators.len());
        for administrator in administrators {
            let (public, key_version) = self.public_key(administrator).await?;
            let slot = ApplicationKeySlot {
                applicant: applicant.0,
                administrator: administrator.0,
                key_version,
                credential_hash: hash,
            };
            let sealed = slot.seal(&public, &key, &mut random).into();
            keys.push(ApplicationKey {
                administrator,
                key_version,
                sealed,
            });
        }
        random.check()?;
        let body = Application {
            subject: applicant,
            credential_hash: hash,
            envelope: envelope.into(),
            keys,
        };
        self.authed(async || self.http.put_application(&body).await)
            .await?;
        self.act(&Action::Apply {
            credential_hash: hash,
        })
        .await
        .map(drop)
    }

    /// Every approved administrator, each proven; as many as the chain counts.
    async fn administrators(&self) -> Result<Vec<SubjectId>, ClientError> {
        let mut query = DirectoryQuery {
            kind: Some(Kind::Administrator),
            status: Some(Status::Approved),
            ..DirectoryQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.directory(&query).await?;
            for person in page.rows {
                let fits = person.fact.kind == Kind::Administrator
                    && person.fact.status == Status::Approved;
                if fits {
                    found.push(person.subject);
                }
            }
            query.after = page.next;
            if query.after.is_none() || found.len() >= MAX_ADMINISTRATORS {
                break;
            }
        }
        let (_, count) = self.prove(Ask::default().electorate()).await?.electorate();
        if found.is_empty() || (found.len() as u32) < count.min(MAX_ADMINISTRATORS as u32) {
            let why = format!(
                "the chain counts {count} administrators, the node lists {}",
                found.len()
            );
            return Err(ClientError::Answer {
                what: "the directory",
                why,
            });
        }
        Ok(found)
    }
}

fn check_profile(
    subject: SubjectId,
    fact: &SubjectFact,
    profile: Option<&[u8]>,
) -> Result<Option<String>, Lie> {
    let Some(bytes) = profile else {
        return Ok(None);
    };
    if hash_of(bytes) != fact.profile_hash {
        return Err(Lie::SubstitutedProfile { subject });
    }
    Ok(String::from_utf8(bytes.to_vec()).ok())
}
