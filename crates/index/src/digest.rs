//! One hash over all of the projection, to show that an index built anew is the same.
//!
//! SHA-256 over each table's name and rows in order of its key; a value is its type (one byte), its length (u64,
//! big-endian) and its bytes, numbers as eight bytes.

use alloy_primitives::B256;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, TypeInfo, ValueRef};

use crate::{Index, IndexError};

/// Tables of the projection with their keys. The outbox is not part of it.
const TABLES: [(&str, &str); 12] = [
    ("chain", "SELECT * FROM chain"),
    ("subjects", "SELECT * FROM subjects ORDER BY subject"),
    ("devices", "SELECT * FROM devices ORDER BY device"),
    ("votes", "SELECT * FROM votes ORDER BY block, log_index"),
    ("requests", "SELECT * FROM requests ORDER BY request"),
    ("grants", "SELECT * FROM grants ORDER BY grant_id"),
    ("freshness", "SELECT * FROM freshness ORDER BY subject"),
    (
        "anchors",
        "SELECT * FROM anchors ORDER BY subject, lane, sequence",
    ),
    ("tips", "SELECT * FROM tips ORDER BY record"),
    ("lanes", "SELECT * FROM lanes ORDER BY subject, lane"),
    ("pointers", "SELECT * FROM pointers ORDER BY name"),
    (
        "schema",
        "SELECT version FROM _sqlx_migrations ORDER BY version",
    ),
];

impl Index {
    /// Hash over all tables, of one moment.
    pub async fn digest(&self) -> Result<B256, IndexError> {
        let doing = "hash the index";
        let mut tx = self
            .sql
            .read()
            .begin()
            .await
            .map_err(IndexError::sql(doing))?;
        let mut hasher = Sha256::new();
        for (name, query) in TABLES {
            add(&mut hasher, b'T', name.as_bytes());
            let mut rows = sqlx::query(query).fetch(&mut *tx);
            while let Some(row) = rows.try_next().await.map_err(IndexError::sql(doing))? {
                add_row(&mut hasher, &row)?;
            }
        }
        Ok(B256::from(<[u8; 32]>::from(hasher.finalize())))
    }
}

fn add(hasher: &mut Sha256, tag: u8, bytes: &[u8]) {
    hasher.update([tag]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

fn add_row(hasher: &mut Sha256, row: &SqliteRow) -> Result<(), IndexError> {
    let fault = |_| IndexError::Malformed { what: "column" };
    add(hasher, b'R', &[]);
    for at in 0..row.len() {
        let value = row.try_get_raw(at).map_err(fault)?;
        if value.is_null() {
            add(hasher, b'N', &[]);
            continue;
        }
        let kind = value.type_info().name().to_owned();
        match kind.as_str() {
            "INTEGER" => {
                let number: i64 = row.try_get(at).map_err(fault)?;
                add(hasher, b'I', &number.to_be_bytes());
            }
            "BLOB" => add(hasher, b'B', row.try_get(at).map_err(fault)?),
            _ => {
                return Err(IndexError::Malformed {
                    what: "column type",
                });
            }
        }
    }
    Ok(())
}
