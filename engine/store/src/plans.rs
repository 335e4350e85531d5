//! Plans: what simulations found, kept until they are applied or too old.

use crate::StoreError;
use gangway_model::{Delivered, EntityType, JobId, Plan, PlannedOperation, PlannedVerb, SystemId};

/// The plans of a tenant. Operations come in with a [`Commit`](crate::Commit).
pub trait Plans: Send + Sync {
    /// Creates or replaces a plan's record.
    fn put(&self, plan: &Plan) -> Result<(), StoreError>;
    /// A plan.
    fn get(&self, id: &JobId) -> Result<Option<Plan>, StoreError>;
    /// All plans, newest first.
    fn list(&self) -> Result<Vec<Plan>, StoreError>;
    /// Removes a plan with its operations. False if there was none.
    fn delete(&self, id: &JobId) -> Result<bool, StoreError>;
    /// Operations with their numbers, starting above `after`; without contents unless asked for.
    fn operations(
        &self,
        plan: &JobId,
        wanted: &PlanFilter,
        after: Option<u64>,
        limit: usize,
        contents: bool,
    ) -> Result<Vec<(u64, PlannedOperation)>, StoreError>;
    /// The pages of the source as the simulation read them, with their numbers, starting above `after`.
    fn pages(
        &self,
        plan: &JobId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Delivered)>, StoreError>;
}

/// Which operations of a plan.
#[derive(Clone, Debug, Default)]
pub struct PlanFilter {
    /// One of these; any if empty.
    pub verbs: Vec<PlannedVerb>,
    /// In this target.
    pub target: Option<SystemId>,
    /// Of this type.
    pub entity_type: Option<EntityType>,
    /// Of the entity with this identifier, in the source or in the target.
    pub entity: Option<String>,
    /// Leaves out what the target holds already.
    pub changed_only: bool,
}

impl PlanFilter {
    /// Whether an operation is wanted.
    pub fn wants(&self, operation: &PlannedOperation) -> bool {
        let entity = |id: &String| operation.source_id == *id || operation.target_id.as_ref() == Some(id);
        (self.verbs.is_empty() || self.verbs.contains(&operation.verb))
            && self.target.as_ref().is_none_or(|target| operation.target == *target)
            && self.entity_type.as_ref().is_none_or(|wanted| operation.entity_type == *wanted)
            && self.entity.as_ref().is_none_or(entity)
            && !(self.changed_only && operation.unchanged)
    }
}
