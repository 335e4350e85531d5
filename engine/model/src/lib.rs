//! The nouns of Gangway.
//!
//! Types that every other engine crate speaks in, and the traits through which they meet. Nothing
//! here does I/O, knows a clock, or depends on wasmtime, redb or axum, so a decision can be tested
//! without any of them.

#![forbid(unsafe_code)]

mod delta;
mod entity;
mod error;
mod grant;
mod id;
mod job;
mod manifest;
mod operation;
mod plan;
pub mod ports;
mod relation;
mod settings;
mod system;
mod transformation;

pub use delta::{DeltaState, Reading};
pub use entity::{Entity, Page, Problem};
pub use error::{PluginError, code};
pub use grant::{ConnectionGrant, FileGrant, Grants, HttpGrant};
pub use id::{EntityType, JobId, PluginId, SystemId, TenantId};
pub use job::{
    Action, Checkpoint, Counters, EntityEvent, EntityState, Event, Job, JobEvent, JobStatus, JobType, Phase,
    ReadMode, StatisticsKey, StatisticsRow, Trace, Trigger, Undo,
};
pub use manifest::{CapabilityRequest, Manifest, PropertySpec};
pub use operation::{Member, MemberChanges, Operation, OperationKind, Outcome};
pub use plan::{Approval, Delivered, Plan, PlannedContent, PlannedOperation, PlannedSystem, PlannedVerb};
pub use relation::{Hash, Intent, Relation, RelationKey, RelationState};
pub use settings::TenantSettings;
pub use system::{Property, Role, System, TransformationRef};
pub use transformation::{
    Answer, AnswerOutcome, Diagnostic, Direction, Needs, Request, Severity, TransformOperation,
};
