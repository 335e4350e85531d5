//! The installation itself and its tenants.

use super::Route;
use crate::api::{health, tenants};

const TENANTS: &str = "/api/v1/tenants";
const TENANT: &str = "/api/v1/tenants/{tenant}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("get", "/healthz", "alive", "Whether the process answers", health::alive)
            .answers(200, "Health")
            .open(),
        Route::new("get", "/readyz", "ready", "Whether the engine takes work", health::ready)
            .answers(200, "Health")
            .errors(&[503])
            .open(),
        Route::new("get", "/api/openapi.json", "openapi", "This document", health::openapi)
            .answers(200, "application/json")
            .open(),
        Route::new("get", TENANTS, "listTenants", "All tenants", tenants::list).answers(200, "TenantList"),
        Route::new("post", TENANTS, "createTenant", "Make an empty tenant", tenants::create)
            .body("Tenant")
            .answers(201, "Tenant")
            .errors(&[409, 422]),
        Route::new("get", TENANT, "getTenant", "One tenant", tenants::get)
            .answers(200, "Tenant")
            .errors(&[404]),
        Route::new("delete", TENANT, "deleteTenant", "Erase a tenant with everything in it", tenants::delete)
            .nothing()
            .errors(&[404, 409]),
    ]
}
