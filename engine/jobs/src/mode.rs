//! Full or delta: a pure function of what is known when a job starts, and what a job that ended means for
//! the next one.

use gangway_model::{DeltaState, Job, JobType, ReadMode, SystemId};
use std::collections::BTreeSet;

/// What the decision needs.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Read or Resync.
    pub kind: JobType,
    /// Whether the connector can read changes now; otherwise why not.
    pub capable: Result<(), &'a str>,
    /// By property, or by the connector's default.
    pub enabled: bool,
    /// What earlier jobs came to; none before the first successful full read.
    pub state: Option<&'a DeltaState>,
    /// A target or an entity type that no full read has reached yet.
    pub unread: Option<&'a str>,
    /// The job was started by a schedule.
    pub scheduled: bool,
    /// `ips.full.read.force.count`.
    pub force_count: Option<u64>,
}

/// How much of the source is read, and why.
pub fn decide(facts: &Facts<'_>) -> (ReadMode, String) {
    let full = |why: String| (ReadMode::Full, why);
    if facts.kind != JobType::Read {
        return full("a job of this type reads everything".to_owned());
    }
    if !facts.enabled {
        return full("delta read is not switched on (ips.delta.read)".to_owned());
    }
    if let Err(why) = facts.capable {
        return full(why.to_owned());
    }
    let Some(state) = facts.state else {
        return full("no full read has succeeded yet".to_owned());
    };
    if let Some(unread) = facts.unread {
        return full(format!("no full read has reached {unread} yet"));
    }
    match facts.force_count {
        Some(count) if facts.scheduled && state.deltas >= count => full(format!(
            "{} scheduled delta runs came after the last full read (ips.full.read.force.count = {count})",
            state.deltas
        )),
        _ => (ReadMode::Delta, "what changed since the last successful job".to_owned()),
    }
}

/// What is remembered after a job that read its source, with success or not.
pub fn after(
    state: Option<DeltaState>,
    job: &Job,
    targets: BTreeSet<SystemId>,
    success: bool,
) -> Option<DeltaState> {
    let (JobType::Read | JobType::Resync, Some(reading)) = (job.kind, &job.reading) else { return state };
    let full = job.read_mode == ReadMode::Full;
    let mut state = match state {
        Some(state) => state,
        None if full && success && !reading.marks.is_empty() => DeltaState {
            job: job.id.clone(),
            from_ms: 0,
            marks: Default::default(),
            targets: Default::default(),
            deltas: 0,
            counted: job.id.clone(),
        },
        None => return None,
    };
    if !full && reading.scheduled && state.counted != job.id {
        state.deltas += 1;
    }
    state.counted = job.id.clone();
    if success && !reading.marks.is_empty() {
        state.job = job.id.clone();
        state.from_ms = reading.from_ms;
        if full {
            state.marks.clone_from(&reading.marks);
            state.targets = targets;
            state.deltas = 0;
        } else {
            // A type that this job did not read goes on from where it was read last.
            let read =
                reading.marks.iter().filter(|(entity_type, _)| reading.since.contains_key(*entity_type));
            state.marks.extend(read.map(|(entity_type, mark)| (entity_type.clone(), mark.clone())));
        }
    }
    Some(state)
}

#[cfg(test)]
mod tests;
