use crate::{EntityType, SystemId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a job has come. Committed together with what it says is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// What comes next. Of a job with a place for each target, that of the slowest which still runs.
    pub phase: Phase,
    /// Pages committed so far, over all entity types and targets.
    pub pages: u64,
    /// Of jobs that know no places of single targets: whether an entity of the type being read refers to
    /// one that is not in the target yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unresolved: bool,
    /// Where each target stands, of jobs that read their source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lanes: BTreeMap<SystemId, LaneCheckpoint>,
    /// What of the source the job's numbers hold already, by type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub booked: BTreeMap<EntityType, Booked>,
}

impl Checkpoint {
    /// Nothing is done yet.
    pub fn at(phase: Phase) -> Self {
        Self { phase, pages: 0, unresolved: false, lanes: BTreeMap::new(), booked: BTreeMap::new() }
    }
}

/// How far one target of a job has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaneCheckpoint {
    /// What comes next.
    pub phase: Phase,
    /// Pages of the type at hand that it has behind it.
    #[serde(default)]
    pub page: u64,
    /// Whether an entity of the type at hand refers to one that is not in the target yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unresolved: bool,
    /// What it was given of the source, by type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<EntityType, Given>,
    /// Of a delta read: its relations found so far whose entity is gone or no longer wanted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub candidates: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a target was given of one entity type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Given {
    /// Entities that the source delivered, whatever became of them.
    pub delivered: u64,
    /// Those of them that failed at the source.
    pub failed: u64,
}

/// How much of one entity type the numbers of the source hold: each page once, whoever came to it first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Booked {
    /// Pages.
    pub pages: u64,
    /// Where the next one starts.
    pub cursor: Option<String>,
    /// There is no next one.
    pub complete: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_before_there_were_lanes_is_read() {
        let old = r#"{"phase":{"name":"completing","index":1,"cursor":"20"},"pages":7,"unresolved":true}"#;
        let read: Checkpoint = serde_json::from_str(old).unwrap();
        assert_eq!(read.phase, Phase::Completing { index: 1, cursor: Some("20".to_owned()) });
        assert!(read.unresolved && read.lanes.is_empty() && read.booked.is_empty());
        let written = serde_json::to_string(&Checkpoint::at(Phase::Deleting)).unwrap();
        assert_eq!(written, r#"{"phase":{"name":"deleting"},"pages":0}"#);
    }
}
