//! Grant wraps and back-links: kept for the patient, given to the grantee while the grant lives.
//!
//! A wrap is served only for the epochs that the chain has now, so that one made for the next epoch stays unseen until
//! the epoch has moved, and one of a former epoch is not served again.

use alloy_primitives::B256;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use carechain_api::{BackLink, BackLinks, SignedWrap};
use carechain_crypto::{BACK_LINK_BYTES, WRAP_MAX_BYTES, WrapInfo, recover};
use carechain_domain::{GrantId, LaneSet, Status, SubjectId};
use carechain_vault::{MAX_BACK_LINKS, Wrap};

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Id, Input};
use crate::guard::Caller;
use crate::state::{App, Shared};

/// How far a device's clock may run ahead.
const MAX_SKEW_SECS: u64 = 60;

#[utoipa::path(
    put, path = "/v1/grants/{grant}/wrap", tag = "consent", request_body = SignedWrap,
    params(("grant" = String, Path, description = "Which grant")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
    ),
)]
/// Keeps a wrap for a grant and epochs, also before either is on chain.
pub(crate) async fn put_wrap(
    State(app): State<Shared>,
    caller: Caller,
    Id(grant): Id<GrantId>,
    Input(wrap): Input<SignedWrap>,
) -> Result<StatusCode, GatewayError> {
    caller.must_be(wrap.subject)?;
    if wrap.grant != grant {
        return Err(GatewayError::field(
            "grant",
            "it must be the one in the address",
        ));
    }
    let now = unix_secs();
    check_form(&wrap, now)?;
    let signer = recover(
        &digest(app.settings.chain_id, &wrap),
        wrap.signature.as_ref(),
    )
    .map_err(|_| GatewayError::Signature("the wrap"))?;
    if signer != wrap.device || !app.chain.is_device_of(signer, wrap.subject).await? {
        return Err(GatewayError::Signature("the wrap"));
    }
    if let Some(facts) = app.chain.grant(grant).await? {
        if facts.subject != wrap.subject || facts.grantee != wrap.grantee || facts.read != wrap.read
        {
            return Err(GatewayError::conflict(
                "the chain has this grant with another grantee or other lanes",
            ));
        }
        if facts.ended || now >= facts.not_after {
            return Err(GatewayError::GrantEnded);
        }
    }
    let body = serde_json::to_vec(&wrap).map_err(|_| GatewayError::Stored("wrap"))?;
    let kept = Wrap {
        grant,
        epochs: wrap.epochs,
        subject: wrap.subject,
        grantee: wrap.grantee,
        body,
    };
    app.vault.put_wrap(&kept, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_form(wrap: &SignedWrap, now: u64) -> Result<(), GatewayError> {
    if wrap.sealed.0.is_empty() || wrap.sealed.0.len() > WRAP_MAX_BYTES {
        return Err(GatewayError::field(
            "sealed",
            "it is empty or over its limit",
        ));
    }
    if wrap.epochs != wrap.epochs.masked(wrap.read) {
        return Err(GatewayError::field(
            "epochs",
            "epochs of lanes that may not be read must be zero",
        ));
    }
    if wrap.signed_at > now + MAX_SKEW_SECS {
        return Err(GatewayError::field(
            "signed_at",
            "it lies ahead of the node's clock",
        ));
    }
    Ok(())
}

/// What the granting device signs.
fn digest(chain_id: u64, wrap: &SignedWrap) -> B256 {
    let info = WrapInfo {
        chain_id,
        subject: wrap.subject.0,
        grantee: wrap.grantee.0,
        grantee_key_version: wrap.key_version,
        grant: wrap.grant.0,
        read_lanes: wrap.read.0,
        write_lanes: wrap.write.0,
        epochs: wrap.epochs.0,
    };
    info.signature_digest(wrap.signed_at, &wrap.sealed.0)
}

#[utoipa::path(
    get, path = "/v1/grants/{grant}/wrap", tag = "consent",
    params(("grant" = String, Path, description = "Which grant")),
    responses(
        (status = 200, body = SignedWrap),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
    ),
)]
/// The wrap of a live grant for the present epochs.
pub(crate) async fn wrap(
    State(app): State<Shared>,
    caller: Caller,
    Id(grant): Id<GrantId>,
) -> Result<Json<SignedWrap>, GatewayError> {
    let facts = app.chain.grant(grant).await?;
    let facts = facts.filter(|facts| [facts.subject, facts.grantee].contains(&caller.subject));
    let facts = facts.ok_or_else(|| GatewayError::not_found("grant"))?;
    if facts.ended || unix_secs() >= facts.not_after {
        return Err(GatewayError::GrantEnded);
    }
    if caller.status != Status::Approved && caller.subject == facts.grantee {
        return Err(GatewayError::NotApproved(
            "you are not approved, or suspended",
        ));
    }
    let epochs = app.chain.epochs(facts.subject).await?.masked(facts.read);
    let kept = app.vault.wrap(grant, epochs).await?;
    let kept = kept.filter(|kept| kept.subject == facts.subject && kept.grantee == facts.grantee);
    let kept = kept.ok_or_else(|| GatewayError::not_found("wrap of the present epochs"))?;
    serde_json::from_slice(&kept.body)
        .map(Json)
        .map_err(|_| GatewayError::Stored("wrap"))
}

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/back-links", tag = "consent", request_body = BackLinks,
    params(("subject" = String, Path, description = "The patient")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
    ),
)]
/// Keeps back-links: old lane keys under the next.
pub(crate) async fn put_back_links(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Input(put): Input<BackLinks>,
) -> Result<StatusCode, GatewayError> {
    caller.must_be(subject)?;
    if put.links.is_empty() {
        return Err(GatewayError::field("links", "name at least one"));
    }
    if put.links.len() > MAX_BACK_LINKS {
        return Err(GatewayError::TooLarge {
            what: "links",
            limit: MAX_BACK_LINKS as u64,
        });
    }
    let mut links = Vec::with_capacity(put.links.len());
    for (place, link) in put.links.into_iter().enumerate() {
        if link.sealed.0.len() != BACK_LINK_BYTES {
            return Err(GatewayError::field(
                format!("links[{place}].sealed"),
                "a back-link has 64 bytes",
            ));
        }
        links.push(carechain_vault::BackLink {
            lane: link.lane,
            epoch: link.epoch,
            link: link.sealed.0,
        });
    }
    app.vault.put_back_links(subject, &links).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/back-links", tag = "consent",
    params(("subject" = String, Path, description = "The patient")),
    responses((status = 200, body = BackLinks), (status = 403, body = carechain_api::ErrorBody)),
)]
/// Back-links of the lanes that the caller may read.
pub(crate) async fn back_links(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<BackLinks>, GatewayError> {
    let lanes = app.readable(subject, caller.subject).await?;
    if lanes.is_empty() {
        return Err(GatewayError::NothingGranted);
    }
    let links = app.vault.back_links(subject, lanes).await?;
    let links = links.into_iter().map(|link| BackLink {
        lane: link.lane,
        epoch: link.epoch,
        sealed: link.link.into(),
    });
    Ok(Json(BackLinks {
        links: links.collect(),
    }))
}

impl App {
    /// Lanes that the reader may read now.
    async fn readable(
        &self,
        subject: SubjectId,
        reader: SubjectId,
    ) -> Result<LaneSet, GatewayError> {
        Ok(self.chain.lanes_of(subject, reader, unix_secs()).await?.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::U256;
    use carechain_api::Base64;
    use carechain_crypto::SigningKey;
    use carechain_domain::Epochs;

    #[test]
    fn a_wrap_is_signed_over_every_field_that_it_names() {
        let key = SigningKey::from_bytes(&[4; 32]).unwrap();
        let mut wrap = SignedWrap {
            grant: GrantId(B256::repeat_byte(1)),
            subject: SubjectId(B256::repeat_byte(2)),
            grantee: SubjectId(B256::repeat_byte(3)),
            key_version: 1,
            read: LaneSet(1),
            write: LaneSet(2),
            epochs: Epochs(U256::from(5)),
            signed_at: 100,
            device: key.address(),
            sealed: Base64(vec![7; 50]),
            signature: Base64::default(),
        };
        wrap.signature = key.sign_digest(&digest(7, &wrap)).to_vec().into();
        check_form(&wrap, 100).unwrap();
        let signer =
            |wrap: &SignedWrap, chain| recover(&digest(chain, wrap), wrap.signature.as_ref());
        assert_eq!(signer(&wrap, 7), Ok(key.address()));
        assert_ne!(signer(&wrap, 8), Ok(key.address()));
        let changes: [fn(&mut SignedWrap); 9] = [
            |w| w.grant = GrantId::default(),
            |w| w.subject = SubjectId::default(),
            |w| w.grantee = SubjectId::default(),
            |w| w.key_version = 2,
            |w| w.read = LaneSet(3),
            |w| w.write = LaneSet(3),
            |w| w.epochs = Epochs(U256::from(6)),
            |w| w.signed_at = 99,
            |w| w.sealed.0[0] ^= 1,
        ];
        for change in changes {
            let mut changed = wrap.clone();
            change(&mut changed);
            assert_ne!(signer(&changed, 7), Ok(key.address()));
        }
        let unread = SignedWrap {
            epochs: Epochs(U256::from(5) << 16),
            ..wrap.clone()
        };
        assert!(check_form(&unread, 100).is_err());
        assert!(check_form(&wrap, 39).is_err());
        assert!(
            check_form(
                &SignedWrap {
                    sealed: Base64(vec![0; WRAP_MAX_BYTES + 1]),
                    ..wrap
                },
                100
            )
            .is_err()
        );
    }
}
