//! The record of a job that is to be done.

use super::Runner;
use crate::services::Order;
use gangway_model::{Checkpoint, Job, JobStatus, JobType, Phase, ReadMode, System, TenantId, Trigger};

impl Runner {
    /// A job that is to be done.
    pub(super) fn job(&self, tenant: &TenantId, system: &System, order: Order, trigger: Trigger) -> Job {
        let Order { kind, live, plan, undo, event } = order;
        Job {
            tenant: tenant.clone(),
            id: (self.inner.services.ids)(),
            resumes: None,
            source: system.id.clone(),
            source_name: system.name.clone(),
            kind,
            live,
            plan,
            read_mode: ReadMode::Full,
            undo,
            event,
            reading: None,
            trigger,
            status: JobStatus::Queued,
            start_ms: self.inner.services.clock.now_ms(),
            end_ms: None,
            error: None,
            outcome: Vec::new(),
            statistics: Vec::new(),
            broken: Default::default(),
            checkpoint: Checkpoint {
                phase: match kind {
                    JobType::Undo => Phase::Undoing { below: None },
                    _ => Phase::Reading { index: 0, cursor: None },
                },
                pages: 0,
                unresolved: false,
            },
            trace: Default::default(),
        }
    }
}

/// Whether two events speak of the same entity of a source.
pub(super) fn same_entity(one: &Job, other: &Job) -> bool {
    match (&one.event, &other.event) {
        (Some(one), Some(other)) => one.entity_type == other.entity_type && one.id == other.id,
        _ => false,
    }
}
