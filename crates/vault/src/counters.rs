//! Numbers that only rise, by series and subject, so that a deleted row's number never comes again.

use carechain_domain::SubjectId;

use crate::VaultError;
use crate::sql::{Columns, Tx};

/// The next number of `series` for `subject`, from 1.
pub(crate) async fn next(
    tx: &mut Tx,
    series: &'static str,
    subject: SubjectId,
) -> Result<i64, VaultError> {
    let row = sqlx::query(
        "INSERT INTO counters (series, subject, value) VALUES (?, ?, 1)
         ON CONFLICT (series, subject) DO UPDATE SET value = counters.value + 1 RETURNING value",
    )
    .bind(series)
    .bind(subject.as_bytes().as_slice())
    .fetch_one(&mut **tx)
    .await
    .map_err(VaultError::sql("count up"))?;
    Columns(&row).number(0, "counter")
}
