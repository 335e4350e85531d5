//! The directory of a tenant, beside SCIM.

use super::Route;
use crate::api::directory;

/// Largest CSV table: 25,000 rows.
const MAX_TABLE: usize = 32 << 20;

const DIRECTORY_SETTINGS: &str = "/api/v1/tenants/{tenant}/directory/settings";
const DIRECTORY_TABLE: &str = "/api/v1/tenants/{tenant}/directory/tables/{kind}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/directory/check",
            "checkDirectory",
            "Whether the directory's records, indexes and memberships agree with one another. Reads everything",
            directory::check,
        )
        .answers(200, "DirectoryReport")
        .errors(&[404])
        .patient(),
        Route::new("get", DIRECTORY_SETTINGS, "getDirectorySettings", "What the tenant decided about its directory", directory::settings)
            .answers(200, "DirectorySettings")
            .errors(&[404]),
        Route::new("put", DIRECTORY_SETTINGS, "replaceDirectorySettings", "Decide anew", directory::set_settings)
            .body("DirectorySettings")
            .answers(200, "DirectorySettings")
            .errors(&[404, 422]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/directory/inactivity",
            "applyInactivity",
            "Block and delete inactive users now, not at 04:00 UTC",
            directory::apply_inactivity,
        )
        .answers(200, "InactivityReport")
        .errors(&[404])
        .patient(),
        Route::new(
            "post",
            DIRECTORY_TABLE,
            "importTable",
            "Take a CSV table of users or groups in; a report for each row",
            directory::import,
        )
        .body("text/csv")
        .answers(200, "ImportReport")
        .errors(&[404, 413, 422])
        .takes(MAX_TABLE)
        .patient(),
        Route::new("get", DIRECTORY_TABLE, "exportTable", "All users or groups as a CSV table", directory::export)
            .answers(200, "text/csv")
            .errors(&[404])
            .patient(),
    ]
}
