//! Jobs, and what happened to an entity.

use super::Route;
use crate::api::{events, history, jobs, undo, validate};

const JOB: &str = "/api/v1/tenants/{tenant}/jobs/{job}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/jobs",
            "startJob",
            "Start a job of a source, or queue it behind those in its way",
            jobs::start,
        )
        .body("NewJob")
        .answers(202, "Job")
        .errors(&[404, 409, 503]),
        Route::new("get", "/api/v1/tenants/{tenant}/jobs", "listJobs", "Jobs, newest first", jobs::list)
            .query(&[
                ("system", "Name or id of the source"),
                ("type", "READ, RESYNC, …"),
                ("status", "RUNNING, SUCCESS, FINISHED_WITH_ERROR, …"),
                ("before", "The id of a job: answer older ones"),
                ("limit", "1 to 1000; 50 if not given"),
            ])
            .answers(200, "JobList")
            .errors(&[404]),
        Route::new("get", JOB, "getJob", "A job as it stands, with its statistics", jobs::get)
            .answers(200, "Job")
            .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/jobs/{job}/stop",
            "stopJob",
            "Stop a job: it ends after the requests under way and deletes nothing",
            jobs::stop,
        )
        .answers(200, "Job")
        .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/jobs/{job}/undo",
            "undoJob",
            "Start a job that takes back what another did to the targets; with dryRun say what it would do (200)",
            undo::start,
        )
        .body("UndoRequest")
        .answers(202, "Job")
        .errors(&[404, 409, 503]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/jobs/{job}/events",
            "watchJob",
            "Server-sent events `progress` and, last, `end`; each holds the job",
            events::stream,
        )
        .answers(200, "text/event-stream")
        .errors(&[404])
        .patient(),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/jobs/{job}/log",
            "readJobLog",
            "What happened to single entities",
            jobs::log,
        )
        .query(&[
            ("state", "created, updated, deleted, skipped or failed"),
            ("after", "The number of a line: answer those after it"),
            ("limit", "1 to 1000; 50 if not given"),
        ])
        .answers(200, "EntityLog")
        .errors(&[404]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/entities/{entity}/history",
            "readEntityHistory",
            "What became of an entity over all jobs, and why; by its identifier in the source or a target",
            history::get,
        )
        .query(&[
            ("system", "Name or id: only what happened in it, or in jobs that read it"),
            ("limit", "1 to 1000; 50 if not given"),
        ])
        .answers(200, "EntityHistory")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/validate",
            "validate",
            "What the transformations make of the first ten rows of two CSV files; asks no system, keeps nothing",
            validate::validate,
        )
        .body("Validation")
        .answers(200, "application/zip")
        .errors(&[404, 409, 422])
        .patient(),
    ]
}
