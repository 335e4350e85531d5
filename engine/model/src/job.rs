use crate::{EntityType, JobId, PluginError, Reading, SystemId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What kind of run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobType {
    /// Writes what is new or changed in the source, deletes what is gone.
    Read,
    /// Writes every entity read, changed or not.
    Resync,
    /// Writes nothing: makes a plan of what a Resync would do.
    Simulate,
    /// Carries out a plan, and nothing else.
    Apply,
    /// Takes back what another job did to the targets.
    Undo,
    /// One entity that the source reported: no job to whoever looks at jobs.
    RealTime,
}

impl JobType {
    /// Whether every entity read is written, changed or not, or would be.
    pub fn is_resync(self) -> bool {
        matches!(self, Self::Resync | Self::Simulate)
    }

    /// Whether what is as it was written last is left alone.
    pub fn passes_over_unchanged(self) -> bool {
        matches!(self, Self::Read | Self::RealTime)
    }
}

/// How much of the source is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReadMode {
    /// Everything.
    Full,
    /// What changed since the last successful job.
    Delta,
}

/// Who or what started the job.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// `IMMEDIATE` (by hand, by API, resumed) or `REPEAT` (scheduled).
    #[serde(rename = "type")]
    pub kind: String,
    /// The caller, for `IMMEDIATE`.
    pub by: Option<String>,
}

impl Trigger {
    /// By hand, through the API, or resumed.
    pub const IMMEDIATE: &str = "IMMEDIATE";
    /// By a schedule.
    pub const REPEAT: &str = "REPEAT";
    /// By the source, which reported an entity.
    pub const EVENT: &str = "EVENT";
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Waits for another job of the same source or a shared target.
    Queued,
    /// In progress, nothing failed so far.
    Running,
    /// In progress, something failed.
    RunningWithError,
    /// Nothing failed.
    Success,
    /// Some entity failed, or the source could not be read.
    FinishedWithError,
    /// Stopped by an administrator.
    ManuallyTerminated,
    /// The engine went down; resumes as a new job.
    PendingRestart,
    /// Went on under another id after a restart.
    Resumed,
}

impl JobStatus {
    /// Whether nothing more will happen under this id.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::FinishedWithError | Self::ManuallyTerminated | Self::Resumed)
    }
}

/// Which side of the statistics.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// The source's row.
    Read,
    /// A target's row.
    Write,
}

/// A row of the statistics: one entity type of one system.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsKey {
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// The system.
    pub system: SystemId,
    /// Its side.
    pub action: Action,
}

/// What a row counts, in entities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counters {
    /// Source only.
    pub read: u64,
    /// Target only.
    pub created: u64,
    /// Target only.
    pub updated: u64,
    /// Target only.
    pub deleted: u64,
    /// Either side.
    pub skipped: u64,
    /// Either side.
    pub failed: u64,
    /// Target only: known, and nothing to write. Not in the reference product's table.
    pub unchanged: u64,
    /// Of those updated: the source entity is what it was, and a transformation or a property changed.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated_by_configuration: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A row with its numbers, as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsRow {
    /// Which row.
    #[serde(flatten)]
    pub key: StatisticsKey,
    /// The system's name when the job ran.
    pub system_name: String,
    /// The numbers.
    #[serde(flatten)]
    pub counters: Counters,
}

/// How far a job has come. Committed together with what it says is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// What comes next.
    pub phase: Phase,
    /// Pages committed so far over all entity types; numbers the "seen" marks.
    pub pages: u64,
    /// Whether an entity of the type being read refers to one that is not in the target yet.
    #[serde(default)]
    pub unresolved: bool,
}

/// The stretch of a job that comes next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum Phase {
    /// Read the page at `cursor` of the entity type at `index` in the job's list.
    #[serde(rename_all = "camelCase")]
    Reading {
        /// Position in the job's list of entity types.
        index: u32,
        /// None for the first page.
        cursor: Option<String>,
    },
    /// Read the type again: entities that were written when what they refer to was not there yet (a
    /// team inside a department) are completed.
    #[serde(rename_all = "camelCase")]
    Completing {
        /// Position in the job's list of entity types.
        index: u32,
        /// None for the first page.
        cursor: Option<String>,
    },
    /// Delete what was not seen.
    Deleting,
    /// Carry out the operations of a plan above this number.
    #[serde(rename_all = "camelCase")]
    Applying {
        /// The number of the last operation that is done.
        after: u64,
    },
    /// Take back the changes of another job, the last one first.
    Undoing {
        /// Changes with this number and above are done; none at the start.
        below: Option<u64>,
    },
    /// Nothing left.
    Done,
}

/// What an Undo takes back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// The job, the first of its chain.
    pub job: JobId,
    /// Whether what it created is removed.
    #[serde(default)]
    pub remove_created: bool,
}

/// What a source reports of one of its entities.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `user` or `group`.
    pub entity_type: EntityType,
    /// The identifier in the source.
    pub id: String,
    /// It was removed; made or changed otherwise.
    #[serde(default)]
    pub deleted: bool,
}

/// One execution, as it is stored and shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Whose it is.
    pub tenant: TenantId,
    /// Sorts by start time.
    pub id: JobId,
    /// The job this one resumes.
    #[serde(default)]
    pub resumes: Option<JobId>,
    /// The source system.
    pub source: SystemId,
    /// Its name when the job started.
    pub source_name: String,
    /// What kind of run.
    #[serde(rename = "type")]
    pub kind: JobType,
    /// How much of the source it reads.
    pub read_mode: ReadMode,
    /// A simulation that looks at the targets too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
    /// The plan that an Apply carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<JobId>,
    /// What an Undo takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// What a RealTime carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Why, and from where; none before that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Who or what started it.
    pub trigger: Trigger,
    /// Where it stands.
    pub status: JobStatus,
    /// Milliseconds since 1970.
    pub start_ms: u64,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub end_ms: Option<u64>,
    /// The source's error, if reading failed.
    #[serde(default)]
    pub error: Option<String>,
    /// What influenced deletion at the end, for a person.
    #[serde(default)]
    pub outcome: Vec<String>,
    /// Numbers by row.
    #[serde(default)]
    pub statistics: Vec<StatisticsRow>,
    /// Targets that broke off, with why: not continued in this job.
    #[serde(default)]
    pub broken: BTreeMap<SystemId, String>,
    /// How far it has come.
    pub checkpoint: Checkpoint,
    /// What of the entity log may be downloaded.
    #[serde(default)]
    pub trace: Trace,
}

/// The trace properties of the source when the job started.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trace {
    /// Lists that are collected beside that of the failed entities.
    pub lists: Vec<EntityState>,
    /// Lists whose lines hold the attributes of the entity.
    pub contents: Vec<EntityState>,
}

/// What happened to an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityState {
    /// In the target.
    Created,
    /// In the target.
    Updated,
    /// In the target.
    Deleted,
    /// With a reason.
    Skipped,
    /// With an error.
    Failed,
}

/// A line of a job's entity log. Holds no attribute value of a person outside `content`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityEvent {
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// The system it happened in.
    pub system: SystemId,
    /// The identifier in the source, where known.
    pub source_id: Option<String>,
    /// The identifier in the target, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// What happened.
    pub state: EntityState,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<PluginError>,
    /// The attributes of the entity, if the source's trace properties ask for them. Sealed in the store,
    /// and never part of what is shown without being asked for.
    #[serde(skip)]
    pub content: Option<String>,
    /// Milliseconds since 1970.
    pub time_ms: u64,
}

/// What a watcher of a running job is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum JobEvent {
    /// A page was committed: the job as it stands now.
    Progress {
        /// The job.
        job: Box<Job>,
        /// Entities of the type being read, where the source says so.
        total: Option<u64>,
    },
    /// The job has ended.
    End {
        /// The job.
        job: Box<Job>,
    },
}
