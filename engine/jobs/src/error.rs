use gangway_model::{JobId, PluginError, System, SystemId, TenantId, code};
use gangway_store::StoreError;

/// Why a job ends before its straight line does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The source, or its transformation as a whole, failed.
    #[error("{0}")]
    Source(PluginError),
    /// The store failed: nothing more can be made durable.
    #[error("{0}")]
    Store(StoreError),
    /// What the job was to carry out no longer fits what there is.
    #[error("{0}")]
    Refused(String),
    /// An administrator or the shutdown of the engine.
    #[error("the job is being stopped")]
    Cancelled,
}

/// Refused credentials are looked for on the wrong side unless the error says whose they are.
pub(crate) fn sided(error: PluginError, system: &System, side: &str) -> PluginError {
    if error.code != code::UNAUTHORIZED || error.details.iter().any(|(key, _)| key == "side") {
        return error;
    }
    error.with("system", system.name.as_str()).with("side", side)
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such tenant.
    #[error("tenant {0} does not exist")]
    UnknownTenant(TenantId),
    /// There is no such system.
    #[error("tenant {tenant} has no system {system}")]
    UnknownSystem {
        /// The tenant.
        tenant: TenantId,
        /// What was asked for.
        system: SystemId,
    },
    /// Jobs start from a source.
    #[error("system {0:?} is no source; start the job of a source system that feeds it")]
    NotASource(String),
    /// A disabled system receives no request.
    #[error("source {0:?} is disabled; enable it first")]
    Disabled(String),
    /// One job waits already.
    #[error("job {job} of source {source_name:?} is waiting to start already; stop it or wait for it")]
    AlreadyQueued {
        /// The waiting job.
        job: JobId,
        /// The source's name.
        source_name: String,
    },
    /// A plan that cannot be applied.
    #[error("plan {plan} is not applied: {why}")]
    Plan {
        /// Which.
        plan: JobId,
        /// What is in the way, and what to do.
        why: String,
    },
    /// A schedule does not wait.
    #[error("job {job} of source {source_name:?} has not ended; the point is skipped")]
    Busy {
        /// The job in the way.
        job: JobId,
        /// The source's name.
        source_name: String,
    },
    /// The engine goes down.
    #[error("the engine is shutting down; start the job again when it is back")]
    ShuttingDown,
    /// An undo without a job that could be undone.
    #[error(
        "nothing is remembered that could be undone: the job changed nothing, ips.undo is off, or its time is up"
    )]
    NothingToUndo,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was validated.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// There is no such source, or it takes part in nothing.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file that is not as it has to be.
    #[error("{0}")]
    File(String),
    /// A transformation cannot be used at all.
    #[error("{0}")]
    Plugin(PluginError),
}

/// Why a job was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no such job.
    #[error("tenant {tenant} has no job {job}")]
    UnknownJob {
        /// The tenant.
        tenant: TenantId,
        /// What was asked for.
        job: JobId,
    },
    /// It has ended.
    #[error("job {0} has ended already")]
    Ended(JobId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
