//! Requests, grants, epochs and freshness.

use carechain_bindings::consent::{
    Answered, ConsentEvents, Ended, EpochsMoved, FreshUntilLowered, Granted, Requested, Withdrawn,
};
use carechain_domain::{Epochs, GrantId, LaneSet, RequestId, SubjectId};

use super::Place;
use crate::rows::RequestStatus;
use crate::sql::{Tx, int, keep_bits};
use crate::{IndexError, What};

pub(super) async fn apply(
    tx: &mut Tx,
    place: Place,
    event: ConsentEvents,
) -> Result<What, IndexError> {
    match event {
        ConsentEvents::Requested(event) => requested(tx, place, event).await,
        ConsentEvents::Answered(event) => answered(tx, place, event).await,
        ConsentEvents::Withdrawn(event) => withdrawn(tx, place, event).await,
        ConsentEvents::Granted(event) => granted(tx, place, event).await,
        ConsentEvents::Ended(event) => ended(tx, place, event).await,
        ConsentEvents::EpochsMoved(event) => epochs_moved(tx, place, event).await,
        ConsentEvents::FreshUntilLowered(event) => lowered(tx, event).await,
    }
}

async fn requested(tx: &mut Tx, place: Place, event: Requested) -> Result<What, IndexError> {
    sqlx::query(
        "INSERT INTO requests
         (request, subject, requester, purpose, expiry, sealed_hash, status, block, log_index, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(event.request.as_slice())
    .bind(event.subject.as_slice())
    .bind(event.requester.as_slice())
    .bind(i64::from(event.purpose))
    .bind(int("expiry", event.expiry)?)
    .bind(event.sealedHash.as_slice())
    .bind(RequestStatus::Open.number())
    .bind(place.sql_block()?)
    .bind(i64::from(place.log_index))
    .bind(place.sql_time()?)
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("write a request"))?;
    Ok(What::Requested {
        request: RequestId(event.request),
        subject: SubjectId(event.subject),
        requester: SubjectId(event.requester),
    })
}

async fn close(
    tx: &mut Tx,
    place: Place,
    request: RequestId,
    status: RequestStatus,
    grant: Option<GrantId>,
) -> Result<(), IndexError> {
    let done = sqlx::query(
        "UPDATE requests SET status = ?, grant_id = ?, closed_block = ?, closed_at = ?
         WHERE request = ?",
    )
    .bind(status.number())
    .bind(grant.as_ref().map(|grant| grant.as_bytes().as_slice()))
    .bind(place.sql_block()?)
    .bind(place.sql_time()?)
    .bind(request.as_bytes().as_slice())
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("close a request"))?;
    if done.rows_affected() == 0 {
        return Err(place.bad("request"));
    }
    Ok(())
}

async fn answered(tx: &mut Tx, place: Place, event: Answered) -> Result<What, IndexError> {
    let request = RequestId(event.request);
    let (subject, requester) = (SubjectId(event.subject), SubjectId(event.requester));
    if event.accepted {
        let grant = GrantId(event.grant);
        close(tx, place, request, RequestStatus::Accepted, Some(grant)).await?;
        return Ok(What::Accepted {
            request,
            subject,
            requester,
            grant,
        });
    }
    close(tx, place, request, RequestStatus::Refused, None).await?;
    Ok(What::Refused {
        request,
        subject,
        requester,
    })
}

async fn withdrawn(tx: &mut Tx, place: Place, event: Withdrawn) -> Result<What, IndexError> {
    let request = RequestId(event.request);
    close(tx, place, request, RequestStatus::Withdrawn, None).await?;
    Ok(What::Withdrawn {
        request,
        subject: SubjectId(event.subject),
        requester: SubjectId(event.requester),
    })
}

async fn granted(tx: &mut Tx, place: Place, event: Granted) -> Result<What, IndexError> {
    sqlx::query(
        "INSERT INTO grants (grant_id, subject, grantee, read_lanes, write_lanes, purpose,
         granted_at, not_after, ended, revoked, block, log_index)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
    )
    .bind(event.grant.as_slice())
    .bind(event.subject.as_slice())
    .bind(event.grantee.as_slice())
    .bind(i64::from(event.readLanes))
    .bind(i64::from(event.writeLanes))
    .bind(i64::from(event.purpose))
    .bind(place.sql_time()?)
    .bind(int("notAfter", event.notAfter)?)
    .bind(place.sql_block()?)
    .bind(i64::from(place.log_index))
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("write a grant"))?;
    Ok(What::Granted {
        grant: GrantId(event.grant),
        subject: SubjectId(event.subject),
        grantee: SubjectId(event.grantee),
    })
}

async fn ended(tx: &mut Tx, place: Place, event: Ended) -> Result<What, IndexError> {
    let done = sqlx::query(
        "UPDATE grants SET ended = 1, revoked = ?, ended_at = ? WHERE grant_id = ? AND ended = 0",
    )
    .bind(i64::from(event.revoked))
    .bind(place.sql_time()?)
    .bind(event.grant.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("end a grant"))?;
    if done.rows_affected() == 0 {
        return Err(place.bad("grant"));
    }
    Ok(What::Ended {
        grant: GrantId(event.grant),
        subject: SubjectId(event.subject),
        grantee: SubjectId(event.grantee),
        revoked: event.revoked,
    })
}

async fn epochs_moved(tx: &mut Tx, place: Place, event: EpochsMoved) -> Result<What, IndexError> {
    // Without lanes nothing moved but freshUntil; movedAt stays.
    let moved_at = if event.lanes == 0 {
        0
    } else {
        place.sql_time()?
    };
    sqlx::query(
        "INSERT INTO freshness (subject, epochs, fresh_until, moved_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (subject) DO UPDATE SET epochs = excluded.epochs,
         fresh_until = excluded.fresh_until,
         moved_at = CASE WHEN excluded.moved_at = 0 THEN freshness.moved_at
                    ELSE excluded.moved_at END",
    )
    .bind(event.subject.as_slice())
    .bind(event.epochs.to_be_bytes::<32>().as_slice())
    .bind(keep_bits(event.freshUntil))
    .bind(moved_at)
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("move epochs"))?;
    Ok(What::EpochsMoved {
        subject: SubjectId(event.subject),
        lanes: LaneSet(event.lanes),
        epochs: Epochs(event.epochs),
        fresh_until: event.freshUntil,
    })
}

async fn lowered(tx: &mut Tx, event: FreshUntilLowered) -> Result<What, IndexError> {
    sqlx::query(
        "INSERT INTO freshness (subject, epochs, fresh_until, moved_at) VALUES (?, ?, ?, 0)
         ON CONFLICT (subject) DO UPDATE SET fresh_until = excluded.fresh_until",
    )
    .bind(event.subject.as_slice())
    .bind([0u8; 32].as_slice())
    .bind(keep_bits(event.freshUntil))
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("lower freshUntil"))?;
    Ok(What::FreshUntilLowered {
        subject: SubjectId(event.subject),
        fresh_until: event.freshUntil,
    })
}
