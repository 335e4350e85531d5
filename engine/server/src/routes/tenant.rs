//! Settings, audit and resets.

use super::Route;
use crate::api::{audit, identities, settings, systems};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/reset",
            "resetSystem",
            "Forget what is known of the system's entities: the next job treats each as seen for the first time",
            systems::reset,
        )
        .answers(200, "System")
        .errors(&[404, 409]),
        Route::new("get", "/api/v1/tenants/{tenant}/settings", "getSettings", "The tenant's settings", settings::get)
            .answers(200, "Settings")
            .errors(&[404]),
        Route::new("put", "/api/v1/tenants/{tenant}/settings", "replaceSettings", "Change the tenant's settings", settings::replace)
            .body("Settings")
            .answers(200, "Settings")
            .errors(&[404, 422]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/reset",
            "resetTenant",
            "Remove all systems, schedules, subscriptions and job logs",
            settings::reset,
        )
        .body("Confirmation")
        .answers(200, "Reset")
        .errors(&[404, 409, 422]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/identities",
            "countIdentities",
            "How many people the users of all sources are (correlationAttribute). Reads the sources",
            identities::count,
        )
        .answers(200, "Identities")
        .errors(&[404, 422])
        .patient(),
        Route::new("get", "/api/v1/tenants/{tenant}/audit", "readAudit", "Who did what, newest first", audit::list)
            .answers(200, "Audit")
            .errors(&[404]),
    ]
}
