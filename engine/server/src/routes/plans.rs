//! Plans.

use super::Route;
use crate::api::plans;

const PLAN: &str = "/api/v1/tenants/{tenant}/plans/{plan}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("get", "/api/v1/tenants/{tenant}/plans", "listPlans", "What simulations found, newest first", plans::list)
            .answers(200, "PlanList")
            .errors(&[404]),
        Route::new("get", PLAN, "getPlan", "One plan; its id is that of the simulation", plans::get)
            .answers(200, "Plan")
            .errors(&[404]),
        Route::new("delete", PLAN, "deletePlan", "Remove a plan with its operations", plans::delete)
            .nothing()
            .errors(&[404]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/plans/{plan}/operations",
            "readPlan",
            "What a plan does about single entities, with the attributes that differ; their values only if asked for",
            plans::operations,
        )
        .query(&[
            ("verb", "create, update, delete, retire, release, skip or fail; several with commas"),
            ("target", "Name or id of a target"),
            ("entityType", "user, group, …"),
            ("entity", "The identifier of an entity in the source or in the target"),
            ("changed", "true leaves out what the target holds already"),
            ("values", "true shows attribute values"),
            ("after", "The number of an operation: answer those after it"),
            ("limit", "1 to 1000; 50 if not given"),
        ])
        .answers(200, "PlannedOperations")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plans/{plan}/approve",
            "approvePlan",
            "Agree to a plan",
            plans::approve,
        )
        .answers(200, "Plan")
        .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plans/{plan}/apply",
            "applyPlan",
            "Start the job that carries out an approved plan: exactly its operations, and only if nothing moved since",
            plans::apply,
        )
        .answers(202, "Job")
        .errors(&[404, 409, 503]),
    ]
}
