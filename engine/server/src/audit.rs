//! Who saw what is personal, and who removed what cannot be brought back: records that a tenant's
//! administrators can read and nobody can change.

use crate::extract::Caller;
use crate::problem::Problem;
use crate::services::Services;
use gangway_jobs::records;
use gangway_model::TenantId;
use serde::{Deserialize, Serialize};

/// The kind of the records.
pub(crate) const AUDIT: &str = "audit";

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// The caller, as he names himself.
    pub(crate) by: String,
    /// `JOB_CONTENT_READ`, `SYSTEM_RESET`, …
    pub(crate) action: String,
    /// The job or the system.
    pub(crate) object: String,
}

/// Records an action before it is done: what cannot be recorded does not happen.
pub(crate) async fn record(
    services: &Services,
    tenant: &TenantId,
    caller: &Caller,
    action: &str,
    object: &str,
) -> Result<(), Problem> {
    let time_ms = services.inner.clock.now_ms();
    let entry = Entry { time_ms, by: caller.0.clone(), action: action.to_owned(), object: object.to_owned() };
    // Sorts by time.
    let key = format!("{time_ms:015}-{}", services.inner.ids.next());
    tracing::info!(%tenant, by = entry.by, action, object, "audit");
    services
        .of_tenant(tenant, move |store| store.put_records(&[records::record(AUDIT, &key, Some(&entry))?]))
        .await
}
