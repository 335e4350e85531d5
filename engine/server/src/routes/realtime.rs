//! Events of single entities.

use super::Route;
use crate::api::realtime;

const ENTITIES: &str = "/api/v1/tenants/{tenant}/systems/{system}/entities/{entityType}";
const ID: (&str, &str) = ("id", "The identifier in the source, if there is no body with one");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "post",
            ENTITIES,
            "reportChanged",
            "An entity (user, group) of a source was made or changed: provision it now. The body is the entity, or its id alone",
            realtime::changed,
        )
        .query(&[ID])
        .body("Reported")
        .answers(202, "Noticed")
        .errors(&[404, 409, 422, 429]),
        Route::new(
            "delete",
            ENTITIES,
            "reportRemoved",
            "An entity (user, group) of a source was removed: deprovision it now",
            realtime::removed,
        )
        .query(&[ID])
        .answers(202, "Noticed")
        .errors(&[404, 409, 422, 429]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/real-time",
            "listEvents",
            "What became of reported entities, the latest first",
            realtime::list,
        )
        .query(&[
            ("source", "Name of the source"),
            ("entityType", "user or group"),
            ("entityId", "In the source or in a target"),
            ("status", "QUEUED, RUNNING, FINISHED_SUCCESSFULLY or FINISHED_WITH_ERROR"),
            ("before", "An event: answer those before it"),
            ("limit", "1 to 100; 20 if not given"),
        ])
        .answers(200, "EventList")
        .errors(&[404]),
    ]
}
