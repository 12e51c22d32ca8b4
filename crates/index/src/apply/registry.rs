//! Pointers of the registry.

use carechain_bindings::registry::RegistryEvents;

use crate::sql::{Tx, int};
use crate::{IndexError, What};

pub(super) async fn apply(tx: &mut Tx, event: RegistryEvents) -> Result<Option<What>, IndexError> {
    let doing = "write a pointer";
    match event {
        RegistryEvents::PointerMoved(event) => {
            sqlx::query(
                "INSERT INTO pointers (name, target, version) VALUES (?, ?, ?)
                 ON CONFLICT (name) DO UPDATE SET target = excluded.target,
                 version = excluded.version, proposed = NULL, eta = NULL",
            )
            .bind(event.name.as_slice())
            .bind(event.target.as_slice())
            .bind(i64::from(event.version))
            .execute(&mut **tx)
            .await
            .map_err(IndexError::sql(doing))?;
            let (name, target, version) = (event.name, event.target, event.version);
            Ok(Some(What::PointerMoved {
                name,
                target,
                version,
            }))
        }
        RegistryEvents::PointerScheduled(event) => {
            // A name may be scheduled before it points anywhere: version 0, target zero.
            sqlx::query(
                "INSERT INTO pointers (name, target, version, proposed, eta) VALUES (?, ?, 0, ?, ?)
                 ON CONFLICT (name) DO UPDATE SET proposed = excluded.proposed, eta = excluded.eta",
            )
            .bind(event.name.as_slice())
            .bind([0u8; 20].as_slice())
            .bind(event.target.as_slice())
            .bind(int("eta", event.eta)?)
            .execute(&mut **tx)
            .await
            .map_err(IndexError::sql(doing))?;
            Ok(None)
        }
        RegistryEvents::PointerCancelled(event) => {
            sqlx::query("UPDATE pointers SET proposed = NULL, eta = NULL WHERE name = ?")
                .bind(event.name.as_slice())
                .execute(&mut **tx)
                .await
                .map_err(IndexError::sql(doing))?;
            Ok(None)
        }
        RegistryEvents::PointerProposed(_) => Ok(None),
    }
}
