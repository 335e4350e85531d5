//! What makes a reading so doubtful that nothing may be deleted on its word.

use crate::error::Stop;
use crate::ledger::Ledger;
use crate::run::{Lane, Run};
use crate::safety;
use gangway_model::{EntityType, Given};
use gangway_store::LastRead;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The gates of one target: they go by what it was given of the source.
pub(super) struct Gates {
    /// Entities that failed at the source, by type; also of types that the target does not take.
    failed: BTreeMap<EntityType, u64>,
    /// Types of which far fewer were read than before, with the explanation.
    dropped: BTreeMap<EntityType, String>,
    /// Types whose limit for that was set by somebody.
    explicit: bool,
    /// The full read before this one, by type.
    before: BTreeMap<EntityType, LastRead>,
}

impl Gates {
    pub(super) async fn of(run: &Arc<Run>, ledger: &Ledger, lane: &Lane) -> Result<Self, Stop> {
        let given: BTreeMap<EntityType, Given> = ledger.look(|books| {
            run.types
                .iter()
                .map(|entity_type| (entity_type.clone(), books.given(lane, entity_type)))
                .collect()
        });
        let (source, types) = (run.source.id.clone(), run.types.clone());
        let before: BTreeMap<EntityType, LastRead> = run
            .blocking(move |store| {
                let mut before = BTreeMap::new();
                for entity_type in types {
                    if let Some(read) = store.last_read(&source, &entity_type)? {
                        before.insert(entity_type, read);
                    }
                }
                Ok(before)
            })
            .await?;
        let limit = safety::drop_limit(&run.source);
        let mut dropped = BTreeMap::new();
        for (entity_type, read) in &before {
            let now = given.get(entity_type).map_or(0, |given| given.delivered);
            let then = read.count;
            // A job that resumes in its deletion phase compares with the read before its own.
            // A delta read says nothing about how many there are.
            if read.run == run.run || run.is_delta() {
                continue;
            }
            match &limit {
                Ok(limit) if safety::is_drop(*limit, then, now) => {
                    let line = format!(
                        "{:?} delivered {now} {entity_type} entities, and {then} in the full read before; check the source, and if it is right, start the job again with ips.read.drop.limit = unlimited (a number or a percentage sets another limit)",
                        run.source.name
                    );
                    dropped.insert(entity_type.clone(), line);
                }
                Ok(_) => {}
                Err(wrong) => {
                    dropped.insert(entity_type.clone(), wrong.clone());
                }
            }
        }
        let failed = given.into_iter().map(|(entity_type, given)| (entity_type, given.failed)).collect();
        Ok(Self { failed, dropped, explicit: !matches!(limit, Ok(None)), before })
    }

    /// Why no deletion of any type may happen in any target.
    pub(super) fn closed_for_all(&self, run: &Run) -> Option<String> {
        let failed: u64 = self.failed.values().sum();
        let by_type = run.lanes.iter().any(|lane| safety::gates_by_type(&lane.system));
        (failed > 0 && !by_type).then(|| format!("{failed} {} failed at the source", entities(failed)))
    }

    /// Why none of this type may happen in this target.
    pub(super) fn closed(&self, lane: &Lane, entity_type: &EntityType) -> Option<String> {
        if safety::gates_by_type(&lane.system) {
            let failed = self.failed.get(entity_type).copied().unwrap_or_default();
            if failed > 0 {
                return Some(format!("{failed} {entity_type} {} failed at the source", entities(failed)));
            }
        } else {
            let failed: u64 = self.failed.values().sum();
            if failed > 0 {
                return Some(format!("{failed} {} failed at the source", entities(failed)));
            }
        }
        // Who set a threshold said how much may go, whatever the read before brought.
        let said = matches!(
            safety::Threshold::of(&lane.system, entity_type.as_str()),
            Ok(safety::Threshold::Set(..))
        );
        self.dropped.get(entity_type).filter(|_| self.explicit || !said).cloned()
    }

    /// The run of the full read before this one.
    pub(super) fn run_before(&self, entity_type: &EntityType) -> Option<&gangway_model::JobId> {
        self.before.get(entity_type).map(|read| &read.run)
    }
}

pub(super) fn entities(count: u64) -> &'static str {
    if count == 1 { "entity" } else { "entities" }
}
