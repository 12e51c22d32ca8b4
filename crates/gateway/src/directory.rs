//! Subjects and their public documents, applications, and encrypted copies of keysets.
//!
//! Everything served here is checked by the caller against the chain; the gateway keeps a document because its hash is
//! on chain, or for an hour because it may be soon.

mod held;

use std::net::SocketAddr;

use alloy_primitives::keccak256;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use carechain_api::{
    DirectoryPage, DirectoryQuery, DirectoryRow, MAX_PAGE, MAX_PROFILE_BYTES, PutDocument,
    SubjectView,
};
use carechain_crypto::KeyBundle;
use carechain_domain::{Kind, Status, SubjectId};
use carechain_index::SubjectRow;
use carechain_vault::DocumentKind;
use serde::Deserialize;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Asked, Id, Input};
use crate::guard::{Caller, MaybeCaller};
use crate::state::{App, Shared};

pub(crate) use held::{
    __path_application, __path_keyset, __path_put_application, __path_put_keyset, application,
    keyset, put_application, put_keyset,
};

/// How long a document waits for the chain to name it.
const STAGED_DOCUMENT_SECS: u64 = 3_600;
/// Subjects looked at for one page: a filter that finds few does not read the whole directory at once.
const MAX_SCANNED: usize = 2_000;
/// Subjects read from the index at once.
const SCAN_BATCH: u32 = 200;
/// Rows on a page when not told.
const DEFAULT_PAGE: u32 = 50;
/// Longest text of a filter.
const MAX_FILTER_BYTES: usize = 200;

#[utoipa::path(
    get, path = "/v1/directory", tag = "directory",
    params(
        ("kind" = Option<Kind>, Query, description = "Kind; patients are never listed"),
        ("status" = Option<Status>, Query, description = "Status; others than approved for administrators"),
        ("text" = Option<String>, Query, description = "Words in the profile's texts"),
        ("speciality" = Option<String>, Query, description = "Speciality, exactly"),
        ("language" = Option<String>, Query, description = "Language (BCP 47), exactly"),
        ("after" = Option<String>, Query, description = "Subject after which the page begins"),
        ("limit" = Option<u32>, Query, description = "Rows"),
    ),
    responses(
        (status = 200, body = DirectoryPage),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// Doctors, pharmacies, organisations and administrators.
pub(crate) async fn directory(
    State(app): State<Shared>,
    caller: Caller,
    Asked(query): Asked<DirectoryQuery>,
) -> Result<Json<DirectoryPage>, GatewayError> {
    if query.kind == Some(Kind::Patient) {
        return Err(GatewayError::field("kind", "patients are never listed"));
    }
    let status = query.status.unwrap_or(Status::Approved);
    if status != Status::Approved {
        caller.must_be_admin()?;
    }
    let filters = [&query.text, &query.speciality, &query.language];
    if filters.iter().any(|text| {
        text.as_ref()
            .is_some_and(|text| text.len() > MAX_FILTER_BYTES)
    }) {
        return Err(GatewayError::TooLarge {
            what: "a filter, in bytes,",
            limit: MAX_FILTER_BYTES as u64,
        });
    }
    let limit = query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE) as usize;
    let mut page = DirectoryPage {
        rows: Vec::new(),
        next: None,
    };
    let (mut after, mut scanned) = (query.after, 0);
    loop {
        let subjects = app
            .index
            .directory(query.kind, Some(status), after, SCAN_BATCH)
            .await?;
        let full = subjects.len() == SCAN_BATCH as usize;
        let wanted: Vec<_> = subjects
            .iter()
            .map(|row| (row.subject, row.profile_hash))
            .collect();
        let mut profiles = app.vault.documents(DocumentKind::Profile, &wanted).await?;
        for row in subjects {
            if page.rows.len() == limit || scanned == MAX_SCANNED {
                page.next = after;
                return Ok(Json(page));
            }
            scanned += 1;
            after = Some(row.subject);
            let profile = profiles.remove(&row.subject);
            if fits(&query, profile.as_deref()) {
                page.rows.push(shown(row, profile));
            }
        }
        if !full {
            return Ok(Json(page));
        }
    }
}

fn shown(row: SubjectRow, profile: Option<Vec<u8>>) -> DirectoryRow {
    DirectoryRow {
        subject: row.subject,
        kind: row.kind,
        status: row.status,
        profile: profile.map(Into::into),
    }
}

/// What of a profile is searched; the rest is the reader's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Searched {
    name: Option<String>,
    speciality: Option<String>,
    place: Option<String>,
    languages: Vec<String>,
}

fn fits(query: &DirectoryQuery, profile: Option<&[u8]>) -> bool {
    if query.text.is_none() && query.speciality.is_none() && query.language.is_none() {
        return true;
    }
    let Some(profile) = profile.and_then(|bytes| serde_json::from_slice::<Searched>(bytes).ok())
    else {
        return false;
    };
    let texts = [&profile.name, &profile.speciality, &profile.place];
    let haystack = texts
        .map(|text| text.as_deref().unwrap_or_default())
        .join(" ")
        .to_lowercase();
    let words = query.text.as_deref().unwrap_or_default().to_lowercase();
    words.split_whitespace().all(|word| haystack.contains(word))
        && query
            .speciality
            .as_ref()
            .is_none_or(|s| profile.speciality.as_ref() == Some(s))
        && query
            .language
            .as_ref()
            .is_none_or(|l| profile.languages.contains(l))
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}", tag = "directory",
    params(("subject" = String, Path, description = "Which")),
    responses(
        (status = 200, body = SubjectView),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
    ),
)]
/// A subject with its public documents and live devices.
pub(crate) async fn subject(
    State(app): State<Shared>,
    MaybeCaller(caller): MaybeCaller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<SubjectView>, GatewayError> {
    let facts = app.chain.subject(subject).await?;
    let public = facts
        .as_ref()
        .is_some_and(|f| f.kind != Kind::Patient && f.status == Status::Approved);
    if caller.is_none() && !public {
        return Err(GatewayError::SignInRequired);
    }
    let facts = facts.ok_or_else(|| GatewayError::not_found("subject"))?;
    let key_bundle = app
        .vault
        .document(subject, DocumentKind::KeyBundle, facts.key_bundle_hash)
        .await?;
    let profile = app
        .vault
        .document(subject, DocumentKind::Profile, facts.profile_hash)
        .await?;
    let devices = app.index.devices(subject, true).await?;
    Ok(Json(SubjectView {
        subject,
        kind: facts.kind,
        status: facts.status,
        key_version: facts.key_version,
        key_bundle: key_bundle.map(Into::into),
        profile: profile.map(Into::into),
        devices: devices.into_iter().map(|row| row.device).collect(),
    }))
}

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/key-bundle", tag = "directory", request_body = PutDocument,
    params(("subject" = String, Path, description = "Whose")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// Publishes a key bundle whose keccak is on chain, or will be.
pub(crate) async fn put_key_bundle(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    MaybeCaller(caller): MaybeCaller,
    Id(subject): Id<SubjectId>,
    Input(put): Input<PutDocument>,
) -> Result<StatusCode, GatewayError> {
    app.rates.documents.take(peer.ip())?;
    KeyBundle::decode(&put.document.0)
        .map_err(|error| GatewayError::field("document", error.to_string()))?;
    app.keep_document(subject, caller, DocumentKind::KeyBundle, &put.document.0)
        .await
}

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/profile", tag = "directory", request_body = PutDocument,
    params(("subject" = String, Path, description = "Whose")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// Publishes a profile whose keccak is on chain, or will be.
pub(crate) async fn put_profile(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    MaybeCaller(caller): MaybeCaller,
    Id(subject): Id<SubjectId>,
    Input(put): Input<PutDocument>,
) -> Result<StatusCode, GatewayError> {
    app.rates.documents.take(peer.ip())?;
    let document = &put.document.0;
    if document.len() > MAX_PROFILE_BYTES {
        return Err(GatewayError::TooLarge {
            what: "document, in bytes,",
            limit: MAX_PROFILE_BYTES as u64,
        });
    }
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(document).is_err() {
        return Err(GatewayError::field(
            "document",
            "a profile must be a JSON object",
        ));
    }
    app.keep_document(subject, caller, DocumentKind::Profile, document)
        .await
}

impl App {
    async fn keep_document(
        &self,
        subject: SubjectId,
        caller: Option<Caller>,
        kind: DocumentKind,
        document: &[u8],
    ) -> Result<StatusCode, GatewayError> {
        let hash = keccak256(document);
        let facts = self.chain.subject(subject).await?;
        let named = facts.as_ref().map(|facts| match kind {
            DocumentKind::KeyBundle => facts.key_bundle_hash,
            DocumentKind::Profile => facts.profile_hash,
        });
        if named == Some(hash) {
            self.vault
                .put_document(subject, kind, hash, document)
                .await?;
            return Ok(StatusCode::NO_CONTENT);
        }
        // The hash may come with a registration, then nobody can sign in yet; else it is the subject's to change.
        if named.is_some() && caller.is_none_or(|caller| caller.subject != subject) {
            return Err(GatewayError::Denied(
                "the chain names another document: only the subject itself stages a new one",
            ));
        }
        let expires = unix_secs() + STAGED_DOCUMENT_SECS;
        self.vault
            .stage_document(subject, kind, hash, document, expires)
            .await?;
        Ok(StatusCode::NO_CONTENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_look_at_name_speciality_place_and_languages() {
        let profile = br#"{"name":"Dr. Zoe Ames","speciality":"cardiology","place":"Graz","languages":["de","en"]}"#;
        let query = |text: &str, speciality: &str, language: &str| {
            let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
            DirectoryQuery {
                text: some(text),
                speciality: some(speciality),
                language: some(language),
                ..DirectoryQuery::default()
            }
        };
        for (text, speciality, language, expected) in [
            ("", "", "", true),
            ("zoe graz", "", "", true),
            ("zoe wien", "", "", false),
            ("", "cardiology", "de", true),
            ("", "cardio", "", false),
            ("", "", "fr", false),
        ] {
            assert_eq!(
                fits(&query(text, speciality, language), Some(profile)),
                expected
            );
        }
        assert!(fits(&query("", "", ""), None));
        assert!(!fits(&query("zoe", "", ""), None));
        assert!(!fits(&query("zoe", "", ""), Some(b"[]")));
    }
}
