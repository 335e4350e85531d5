//! Systems, their relations and their transformations.

use super::Route;
use crate::api::{deltas, impact, relations, systems, transformations};

const SYSTEMS: &str = "/api/v1/tenants/{tenant}/systems";
const SYSTEM: &str = "/api/v1/tenants/{tenant}/systems/{system}";
const TRANSFORMATION: &str = "/api/v1/tenants/{tenant}/systems/{system}/transformations/{direction}";
const ID_MAPPING: (&str, &str) = (
    "idMapping",
    "accept: take a change of how identifiers are made although there are relations; refused otherwise",
);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "get",
            "/api/v1/system-types",
            "listSystemTypes",
            "Kinds of applications, with the defaults that a new system of the type takes",
            systems::types,
        )
        .answers(200, "SystemTypeList"),
        Route::new("get", SYSTEMS, "listSystems", "All systems of a tenant, by name", systems::list)
            .answers(200, "SystemList")
            .errors(&[404]),
        Route::new("post", SYSTEMS, "createSystem", "Make a system", systems::create)
            .body("NewSystem")
            .answers(201, "System")
            .errors(&[404, 409, 422])
            .patient(),
        Route::new("get", SYSTEM, "getSystem", "A system by name or id; secrets are masked", systems::get)
            .answers(200, "System")
            .errors(&[404]),
        Route::new(
            "put",
            SYSTEM,
            "replaceSystem",
            "Replace a system. A masked secret is kept, unless the address it was given for changes",
            systems::replace,
        )
        .query(&[ID_MAPPING])
        .body("NewSystem")
        .answers(200, "System")
        .errors(&[404, 409, 422])
        .patient(),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/impact",
            "checkImpact",
            "What the next Read job would do if the system were as sent: reads the sources, writes nothing",
            impact::check,
        )
        .body("NewSystem")
        .answers(200, "ImpactReport")
        .errors(&[404, 409, 422])
        .patient(),
        Route::new("delete", SYSTEM, "deleteSystem", "Remove a system with its relations", systems::delete)
            .nothing()
            .errors(&[404, 409]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/systems/{system}/relations",
            "listRelations",
            "Which entity of a target stands for which of a source",
            relations::list,
        )
        .query(&[
            ("source", "Name or id of the source"),
            ("entityType", "user, group, …"),
            ("after", "The identifier of a source entity: answer those above it"),
            ("limit", "1 to 10000; 50 if not given"),
        ])
        .answers(200, "RelationList")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/relations/{action}",
            "changeRelations",
            "adopt: answer for entities that existed before; release: leave entities alone; forget: find them again",
            relations::change,
        )
        .body("RelationChange")
        .answers(200, "Changed")
        .errors(&[404, 409, 422]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/systems/{system}/delta",
            "getDelta",
            "Where the next delta read of a source starts",
            deltas::get,
        )
        .answers(200, "Delta")
        .errors(&[404]),
        Route::new("get", TRANSFORMATION, "getTransformation", "The document of a direction: read or write", transformations::get)
            .answers(200, "Transformation")
            .errors(&[404]),
        Route::new(
            "put",
            TRANSFORMATION,
            "replaceTransformation",
            "Take a document into use; one with errors is refused with all of them",
            transformations::replace,
        )
        .query(&[ID_MAPPING])
        .body("Transformation")
        .answers(200, "CheckedTransformation")
        .errors(&[404, 409, 422])
        .patient(),
    ]
}
