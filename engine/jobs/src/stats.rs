//! The job's numbers: one row for each entity type, system and side.

use gangway_model::{Action, Counters, EntityType, Job, StatisticsKey, StatisticsRow, System};

/// Adds to a row of the job, making it if it is new. A row stands there with zeros from the moment
/// its entity type is read, so that "nothing to do" is told from "not looked at".
pub(crate) fn add(job: &mut Job, entity_type: &EntityType, system: &System, action: Action, more: Counters) {
    let found = job.statistics.iter_mut().find(|row| {
        row.key.action == action && row.key.system == system.id && row.key.entity_type == *entity_type
    });
    match found {
        Some(row) => sum(&mut row.counters, &more),
        None => job.statistics.push(StatisticsRow {
            key: StatisticsKey { entity_type: entity_type.clone(), system: system.id.clone(), action },
            system_name: system.name.clone(),
            counters: more,
        }),
    }
}

/// A row's numbers; zeros if there is no such row.
pub(crate) fn row(job: &Job, entity_type: &EntityType, system: &System, action: Action) -> Counters {
    job.statistics
        .iter()
        .find(|row| {
            row.key.action == action && row.key.system == system.id && row.key.entity_type == *entity_type
        })
        .map(|row| row.counters)
        .unwrap_or_default()
}

/// How many entities failed on one side, over all rows.
pub(crate) fn failed(job: &Job, action: Action) -> u64 {
    job.statistics.iter().filter(|row| row.key.action == action).map(|row| row.counters.failed).sum()
}

fn sum(to: &mut Counters, more: &Counters) {
    to.read += more.read;
    to.created += more.created;
    to.updated += more.updated;
    to.deleted += more.deleted;
    to.skipped += more.skipped;
    to.failed += more.failed;
    to.unchanged += more.unchanged;
    to.updated_by_configuration += more.updated_by_configuration;
}
