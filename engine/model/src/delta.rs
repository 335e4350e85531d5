use crate::{EntityType, JobId, SystemId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a job reads its source, decided when it starts and kept through its restarts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Why everything is read, or only what changed.
    pub reason: String,
    /// The job was started by a schedule.
    pub scheduled: bool,
    /// The moment from which the next delta read goes on if this job succeeds: the start of this one,
    /// set back by what clocks may differ.
    pub from_ms: u64,
    /// The source's own words for that moment.
    pub marks: BTreeMap<EntityType, String>,
    /// Of a delta read: where it starts. A type that is not in it is not read.
    #[serde(default)]
    pub since: BTreeMap<EntityType, String>,
    /// Of a delta read: relations found so far whose entity is gone or no longer wanted.
    #[serde(default)]
    pub candidates: u64,
}

/// How far the delta reads of a source have come. Kept from the first successful full read on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaState {
    /// The last job whose success moved the cursor on.
    pub job: JobId,
    /// The moment from which the next delta read goes on.
    pub from_ms: u64,
    /// The source's own words for that moment.
    pub marks: BTreeMap<EntityType, String>,
    /// The targets that have had a full read.
    pub targets: BTreeSet<SystemId>,
    /// Scheduled delta runs since the last full read.
    pub deltas: u64,
    /// The last run that was counted.
    pub counted: JobId,
}

impl DeltaState {
    /// Where a system's is kept, among the small values of its plugin, which cannot reach it.
    pub const KEY: &str = "gangway:delta";
}
