//! What runs beside requests: expired rows and blobs that no record came for are removed, in bounded steps.

use std::time::Duration;

use carechain_api::STAGED_GRACE_SECS;

use crate::GatewayError;
use crate::clock::{unix_millis, unix_secs};
use crate::follow::NOTICE_AGE_SECS;
use crate::records::cid;
use crate::state::{App, Shared};

/// How often.
const EVERY: Duration = Duration::from_secs(60);
/// How long a blob may wait for its record.
const ORPHAN_GRACE_SECS: u64 = 86_400;
/// Blobs removed in one step.
const MAX_ORPHANS: u32 = 1_000;

/// Sweeps until the gateway stops.
pub(crate) async fn run(app: Shared) {
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = app.sweep().await {
            tracing::error!(
                cause = error.causes(),
                "a sweep failed; trying again in a minute"
            );
        }
        if let Some(metrics) = &app.metrics {
            metrics.run_upkeep();
        }
    }
}

impl App {
    async fn sweep(&self) -> Result<(), GatewayError> {
        let now = unix_secs();
        let vault = &self.vault;
        let nonces = vault.sweep_nonces(now).await?;
        let sessions = vault.sweep_sessions(now).await?;
        let vouchers = vault.sweep_vouchers(now).await?;
        let documents = vault.sweep_documents(now).await?;
        let notifications = vault.sweep_notifications(now, NOTICE_AGE_SECS).await?;
        // Before everything that the chain holds is published, a staged row may still be wanted.
        let staged = if self.progress.lag().is_zero() {
            vault.sweep(now, STAGED_GRACE_SECS).await?.len()
        } else {
            0
        };
        let orphans = self.sweep_orphans(now).await?;
        tracing::debug!(
            nonces,
            sessions,
            vouchers,
            documents,
            notifications,
            staged,
            orphans,
            "swept"
        );
        Ok(())
    }

    /// Removes blobs that no row refers to. Not while the store reports damage: what is missing there may be wanted.
    async fn sweep_orphans(&self, now: u64) -> Result<u64, GatewayError> {
        if !self.store.open_report().damage.is_empty() {
            return Ok(0);
        }
        let doomed = self
            .vault
            .doom_orphans(now.saturating_sub(ORPHAN_GRACE_SECS), MAX_ORPHANS)
            .await?;
        if doomed.is_empty() {
            return Ok(0);
        }
        let cids = doomed.iter().filter_map(|text| cid(text)).collect();
        let before = unix_millis().saturating_sub(ORPHAN_GRACE_SECS * 1_000);
        // A blob put again meanwhile stays, and its upload is noted again.
        let removed = self.store.sweep(cids, before).await?;
        self.vault.forget_uploads(&doomed).await?;
        Ok(removed.blocks)
    }
}
