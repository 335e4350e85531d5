//! The logs of jobs as files.

use super::Route;
use crate::api::{exports, jobs};

const LOG_TYPE: &[(&str, &str)] = &[
    (
        "logType",
        "commonLog, failedEntitiesLog, skippedEntitiesLog, createdEntitiesLog, updatedEntitiesLog or deletedEntitiesLog",
    ),
    ("action", "export"),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "delete",
            "/api/v1/tenants/{tenant}/jobs",
            "deleteJobLogs",
            "Remove the logs of all jobs that have ended; running jobs and their logs stay",
            jobs::delete,
        )
        .answers(200, "Deleted")
        .errors(&[404]),
        Route::new("get", "/api/v1/tenants/{tenant}/jobs/{job}/export", "exportJobLog", "One log of a job as an archive", exports::job)
            .query(LOG_TYPE)
            .answers(200, "application/zip")
            .errors(&[404])
            .patient(),
        Route::new(
            "get",
            "/ips/service/publicapi/v1/jobLogs/{job}",
            "exportJobLogAsBefore",
            "The same at the reference product's address",
            exports::by_job,
        )
        .query(LOG_TYPE)
        .answers(200, "application/zip")
        .errors(&[404])
        .patient(),
        Route::new(
            "get",
            "/ips/publicapi/v1/jobLogs/{job}",
            "exportJobLogAsBeforeShort",
            "The same at the other spelling of that address",
            exports::by_job,
        )
        .query(LOG_TYPE)
        .answers(200, "application/zip")
        .errors(&[404])
        .patient(),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/job-logs",
            "exportJobLogs",
            "The logs of all jobs, newest first, in parts of 3000; the header gangway-parts says how many there are",
            exports::all,
        )
        .query(&[("part", "From 1; 1 if not given")])
        .answers(200, "application/zip")
        .errors(&[404])
        .patient(),
    ]
}
