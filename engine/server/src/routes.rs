//! Every route with its handler and its description, in one table: the router and the OpenAPI
//! document are both made of it, so neither can have what the other has not.

use crate::api::{
    audit, deltas, directory, events, exports, health, history, impact, jobs, notifications, plans, plugins,
    relations, schedules, settings, systems, tenants, transformations, undo, validate,
};
use crate::services::Services;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

/// Largest JSON body: systems carry their transformation documents.
const MAX_JSON: usize = 4 << 20;

/// Largest CSV table: 25,000 rows.
const MAX_TABLE: usize = 32 << 20;

/// One method of one path.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) doc: Doc,
    pub(crate) handler: MethodRouter<Services>,
}

/// What the OpenAPI document says of a route.
#[derive(Clone, Copy)]
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// Name of a schema, or a media type.
    pub(crate) body: Option<&'static str>,
    pub(crate) status: u16,
    /// Name of a schema, a media type, or nothing.
    pub(crate) answer: Option<&'static str>,
    pub(crate) errors: &'static [u16],
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Works without a token.
    pub(crate) open: bool,
    /// May take as long as it takes.
    pub(crate) patient: bool,
}

impl Route {
    fn new<H, T>(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Services>,
        T: 'static,
    {
        let filter = match method {
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "delete" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        Self {
            method,
            path,
            doc: Doc {
                id,
                summary,
                body: None,
                status: 200,
                answer: None,
                errors: &[],
                query: &[],
                open: false,
                patient: false,
            },
            handler: on(filter, handler).layer(DefaultBodyLimit::max(MAX_JSON)),
        }
    }

    /// Takes bodies of another size.
    fn takes(mut self, bytes: usize) -> Self {
        self.handler = self.handler.layer(DefaultBodyLimit::max(bytes));
        self
    }

    fn body(mut self, body: &'static str) -> Self {
        self.doc.body = Some(body);
        self
    }

    fn answers(mut self, status: u16, answer: &'static str) -> Self {
        self.doc.status = status;
        self.doc.answer = Some(answer);
        self
    }

    fn nothing(mut self) -> Self {
        self.doc.status = 204;
        self
    }

    fn errors(mut self, errors: &'static [u16]) -> Self {
        self.doc.errors = errors;
        self
    }

    fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.doc.query = query;
        self
    }

    fn open(mut self) -> Self {
        self.doc.open = true;
        self
    }

    fn patient(mut self) -> Self {
        self.doc.patient = true;
        self
    }
}

const ID_MAPPING: (&str, &str) = (
    "idMapping",
    "accept: take a change of how identifiers are made although there are relations; refused otherwise",
);
const LOG_TYPE: &[(&str, &str)] = &[
    (
        "logType",
        "commonLog, failedEntitiesLog, skippedEntitiesLog, createdEntitiesLog, updatedEntitiesLog or deletedEntitiesLog",
    ),
    ("action", "export"),
];
const COUNT: &[(&str, &str)] = &[("count", "How many of the next points, 1 to 100; 5 if not given")];

/// All routes of the control API.
pub(crate) fn routes() -> Vec<Route> {
    const TENANTS: &str = "/api/v1/tenants";
    const TENANT: &str = "/api/v1/tenants/{tenant}";
    const DIRECTORY_SETTINGS: &str = "/api/v1/tenants/{tenant}/directory/settings";
    const DIRECTORY_TABLE: &str = "/api/v1/tenants/{tenant}/directory/tables/{kind}";
    const PLUGINS: &str = "/api/v1/tenants/{tenant}/plugins";
    const PLUGIN: &str = "/api/v1/tenants/{tenant}/plugins/{plugin}";
    const SYSTEMS: &str = "/api/v1/tenants/{tenant}/systems";
    const SYSTEM: &str = "/api/v1/tenants/{tenant}/systems/{system}";
    const TRANSFORMATION: &str = "/api/v1/tenants/{tenant}/systems/{system}/transformations/{direction}";
    const MAIL_SERVER: &str = "/api/v1/mail-server";
    const SUBSCRIPTIONS: &str = "/api/v1/tenants/{tenant}/systems/{system}/subscriptions";
    const SCHEDULE: &str = "/api/v1/tenants/{tenant}/systems/{system}/schedule";
    const JOB: &str = "/api/v1/tenants/{tenant}/jobs/{job}";
    const PLAN: &str = "/api/v1/tenants/{tenant}/plans/{plan}";
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
        Route::new("get", TENANT, "getTenant", "One tenant", tenants::get).answers(200, "Tenant").errors(&[404]),
        Route::new("delete", TENANT, "deleteTenant", "Erase a tenant with everything in it", tenants::delete)
            .nothing()
            .errors(&[404, 409]),
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
        Route::new("get", PLUGINS, "listPlugins", "The plugins of a tenant, with their state", plugins::list)
            .answers(200, "PluginList")
            .errors(&[404]),
        Route::new("get", PLUGIN, "getPlugin", "One plugin", plugins::get).answers(200, "Plugin").errors(&[404]),
        Route::new(
            "put",
            PLUGIN,
            "loadPlugin",
            "Take a component into use. Running jobs end on the version they started with; a refused component changes nothing",
            plugins::load,
        )
        .body("application/wasm")
        .answers(200, "LoadReport")
        .errors(&[404, 413, 422])
        .patient(),
        Route::new("delete", PLUGIN, "removePlugin", "Remove a plugin that no system uses", plugins::delete)
            .nothing()
            .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plugins/{plugin}/roll-back",
            "rollBackPlugin",
            "Go back to the version before",
            plugins::roll_back,
        )
        .answers(200, "Plugin")
        .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plugins/{plugin}/release",
            "releasePlugin",
            "Let a quarantined plugin try again",
            plugins::release,
        )
        .answers(200, "Plugin")
        .errors(&[404, 409]),
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
        Route::new("get", "/api/v1/tenants/{tenant}/schedules", "listSchedules", "All recurring jobs", schedules::list)
            .query(COUNT)
            .answers(200, "ScheduleList")
            .errors(&[404]),
        Route::new("get", SCHEDULE, "getSchedule", "The recurring job of a source, with its next points", schedules::get)
            .query(COUNT)
            .answers(200, "Schedule")
            .errors(&[404]),
        Route::new(
            "put",
            SCHEDULE,
            "replaceSchedule",
            "Save the recurring job of a source. It starts nothing before it is turned on",
            schedules::replace,
        )
        .body("NewSchedule")
        .answers(200, "Schedule")
        .errors(&[404, 422]),
        Route::new("delete", SCHEDULE, "deleteSchedule", "Remove the recurring job of a source", schedules::delete)
            .nothing()
            .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/schedule/on",
            "turnScheduleOn",
            "Start jobs from the next point on",
            schedules::on,
        )
        .answers(200, "Schedule")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/schedule/off",
            "turnScheduleOff",
            "Start no more jobs; a running one goes on",
            schedules::off,
        )
        .answers(200, "Schedule")
        .errors(&[404]),
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
        Route::new("get", "/api/v1/tenants/{tenant}/audit", "readAudit", "Who did what, newest first", audit::list)
            .answers(200, "Audit")
            .errors(&[404]),
        Route::new("get", SUBSCRIPTIONS, "listSubscriptions", "Who is told about the jobs of a source", notifications::list)
            .answers(200, "SubscriptionList")
            .errors(&[404]),
        Route::new(
            "post",
            SUBSCRIPTIONS,
            "subscribe",
            "Tell somebody about the jobs of a source: by mail (without an address the caller), or a webhook",
            notifications::subscribe,
        )
        .body("NewSubscription")
        .answers(201, "Subscription")
        .errors(&[404, 409, 422]),
        Route::new(
            "delete",
            "/api/v1/tenants/{tenant}/systems/{system}/subscriptions/{subscription}",
            "unsubscribe",
            "Tell somebody no more",
            notifications::unsubscribe,
        )
        .nothing()
        .errors(&[404]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/notifications",
            "listNotifications",
            "Messages that wait to be delivered, or were given up",
            notifications::waiting,
        )
        .answers(200, "NotificationList")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/notifications/retry",
            "retryNotifications",
            "Try all of them now",
            notifications::retry,
        )
        .answers(200, "Retried")
        .errors(&[404]),
        Route::new("get", MAIL_SERVER, "getMailServer", "The server that mail is handed to; the password is masked", notifications::server)
            .answers(200, "MailServer")
            .errors(&[404]),
        Route::new("put", MAIL_SERVER, "setMailServer", "Set it; mail that waits is tried at once", notifications::set_server)
            .body("MailServer")
            .answers(200, "MailServer")
            .errors(&[422]),
        Route::new("delete", MAIL_SERVER, "removeMailServer", "Send no mail", notifications::remove_server).nothing(),
    ]
}
