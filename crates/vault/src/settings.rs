//! What the node itself remembers: small values under a name.

use crate::sql::{Columns, bounded};
use crate::{Vault, VaultError};

/// Largest value of a setting, in bytes.
pub const MAX_SETTING_BYTES: usize = 64 << 10;

impl Vault {
    /// The value under `key`.
    pub async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let row = sqlx::query("SELECT value FROM settings WHERE key = ?")
            .bind(key)
            .fetch_optional(self.sql.read())
            .await
            .map_err(VaultError::sql("read a setting"))?;
        row.map(|row| Columns(&row).bytes(0, "setting").map(<[u8]>::to_vec))
            .transpose()
    }

    /// Sets the value under `key`.
    pub async fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), VaultError> {
        bounded("setting", value.len(), MAX_SETTING_BYTES)?;
        sqlx::query(
            "INSERT INTO settings (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(self.sql.write())
        .await
        .map_err(VaultError::sql("write a setting"))?;
        Ok(())
    }
}
