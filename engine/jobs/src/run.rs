//! One job's open systems and what else its stages share.

use crate::assignments;
use crate::error::Stop;
use crate::fingerprint::Fingerprints;
use crate::trace::Tracing;
use crate::writeback::WriteBack;
use futures_util::{StreamExt, stream};
use gangway_model::ports::{Clock, Source, Target, Transformation};
use gangway_model::{
    Entity, EntityType, JobId, JobType, Needs, Operation, Outcome, PluginError, RelationKey, System, code,
};
use gangway_store::{StoreError, TenantStore};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Searches under way at once in one target; its plugin's host paces the requests below that.
const SEARCHES: usize = 8;

/// What the stages of a running job share. Nothing here changes but the two kinds of flags.
pub(crate) struct Run {
    /// The first job of the chain: seen marks and entity log belong to it.
    pub(crate) run: JobId,
    pub(crate) kind: JobType,
    /// A simulation looks at the targets too.
    pub(crate) live: bool,
    /// The plan that is carried out.
    pub(crate) plan: Option<JobId>,
    pub(crate) source: System,
    pub(crate) tracing: Tracing,
    pub(crate) reader: Arc<dyn Source>,
    pub(crate) read: Arc<dyn Transformation>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) store: Arc<dyn TenantStore>,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_size: u32,
    /// Where a delta read starts, by type; none in a full read.
    pub(crate) since: Option<BTreeMap<EntityType, String>>,
    /// Entity types in the order of the job.
    pub(crate) types: Vec<EntityType>,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// With `cancelled`: the engine goes down, and the job goes on after its restart.
    pub(crate) suspended: Arc<AtomicBool>,
    /// Where the identifiers of new users are written back to.
    pub(crate) write_back: Option<WriteBack>,
    /// Changes remembered so that they can be undone.
    pub(crate) remembered: AtomicU64,
}

/// One target's side of the job.
pub(crate) struct Lane {
    pub(crate) system: System,
    /// None if it could not be opened; then it is broken from the start.
    pub(crate) open: Option<OpenLane>,
    /// Why it could not be opened; none if it broke off before the job was resumed.
    pub(crate) failure: Option<PluginError>,
    /// It broke off: no more requests.
    pub(crate) broken: AtomicBool,
}

/// What a target is written through.
pub(crate) struct OpenLane {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) write: Arc<dyn Transformation>,
    /// Read once: it decides for every entity.
    pub(crate) configuration: [u8; 32],
}

impl Lane {
    /// The open lane, if this target takes part in the provisioning of the type and has not broken.
    pub(crate) fn takes(&self, entity_type: &EntityType) -> Option<&OpenLane> {
        if self.broken.load(Ordering::Acquire) {
            return None;
        }
        self.open.as_ref().filter(|open| open.handles(entity_type))
    }
}

impl OpenLane {
    /// Whether the write transformation mentions the type without ignoring it, and the plugin can
    /// write it.
    pub(crate) fn handles(&self, entity_type: &EntityType) -> bool {
        needs(self.write.as_ref(), entity_type).is_some_and(|needs| !needs.ignored)
            && self.target.entity_types().iter().any(|t| t == entity_type.as_str())
    }

    /// The accounts that have these attributes, two of each at most, in the order of the filters. None finds nothing.
    pub(crate) async fn search(
        &self,
        entity_type: &EntityType,
        filters: Vec<Option<Vec<(String, String)>>>,
    ) -> Vec<Result<Vec<Entity>, PluginError>> {
        stream::iter(filters)
            .map(|filter| async move {
                match filter {
                    Some(filter) => self.target.find(entity_type.as_str(), filter, 2).await,
                    None => Ok(Vec::new()),
                }
            })
            .buffered(SEARCHES)
            .collect()
            .await
    }

    /// Carries out operations. As many outcomes as operations: anything else is an error of the whole call.
    pub(crate) async fn carry_out(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        let refused: Vec<Option<Outcome>> = operations
            .iter()
            .map(|operation| assignments::refusal(self.target.as_ref(), operation))
            .collect();
        let left: Vec<Operation> =
            operations.into_iter().zip(&refused).filter(|(_, no)| no.is_none()).map(|(o, _)| o).collect();
        let count = left.len();
        let outcomes = if count == 0 { Vec::new() } else { self.target.write(left).await? };
        if outcomes.len() == count {
            let mut outcomes = outcomes.into_iter();
            return Ok(refused.into_iter().filter_map(|no| no.or_else(|| outcomes.next())).collect());
        }
        let outcomes = outcomes.len();
        let defect = format!(
            "the target plugin gave {outcomes} outcomes for {count} operations: a defect of the plugin"
        );
        Err(PluginError::new(code::INTERNAL, defect))
    }
}

/// Why a target counts as broken off after a call: each of its operations failed with an error that speaks of the
/// whole system.
pub(crate) fn broke_off(outcomes: &[Outcome]) -> Option<PluginError> {
    let of_system =
        |outcome: &Outcome| outcome.error.clone().filter(|e| e.is_of_system() && e.code != code::CANCELLED);
    let errors: Option<Vec<PluginError>> = outcomes.iter().map(of_system).collect();
    errors?.into_iter().next()
}

impl Run {
    pub(crate) fn key(&self, lane: &Lane, entity_type: &EntityType) -> RelationKey {
        RelationKey {
            source: self.source.id.clone(),
            target: lane.system.id.clone(),
            entity_type: entity_type.clone(),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Calls the store off the runtime.
    pub(crate) async fn blocking<T, F>(&self, call: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: FnOnce(&dyn TenantStore) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || call(store.as_ref())).await {
            Ok(result) => result.map_err(Stop::Store),
            Err(_) => Err(Stop::Store(StoreError::Failed("a call to the store panicked".to_owned()))),
        }
    }
}

/// What a document needs for a type; none if it does not mention it.
pub(crate) fn needs(transformation: &dyn Transformation, entity_type: &EntityType) -> Option<Needs> {
    transformation.needs().into_iter().find(|(name, _)| name == entity_type.as_str()).map(|(_, needs)| needs)
}
