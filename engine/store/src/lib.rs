//! What the engine remembers, behind one trait.
//!
//! [`Store`] is the installation, [`TenantStore`] one tenant. The operations come in batches shaped
//! like the job pipeline's pages, because that is where the time goes: one read of many relations
//! before a page is decided, one commit when it is done. A store never interprets what it keeps.
//!
//! [`redb`](mod@redb) is the implementation that needs no set-up: one database file per tenant, so that tenants do
//! not wait for each other's writer and a tenant is backed up or erased as one file. [`contract`]
//! is the suite every implementation passes.
//!
//! All calls block; an asynchronous caller moves them off its runtime.

#![forbid(unsafe_code)]

use gangway_model::{
    Delivered, EntityEvent, EntityState, EntityType, Hash, Intent, Job, JobId, Manifest, PlannedOperation,
    PluginId, Relation, RelationKey, RelationState, System, SystemId, TenantId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

mod codec;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod plans;
mod private;
pub mod redb;
mod seal;

pub use crate::redb::{Options, RedbStore};
pub use plans::{PlanFilter, Plans};
pub use seal::{MasterKey, Random, os_random};

/// The installation.
pub trait Store: Send + Sync {
    /// All tenants, by name.
    fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;
    /// Makes an empty tenant; [`StoreError::Exists`] if there is one of that name.
    fn create_tenant(&self, tenant: &TenantId) -> Result<(), StoreError>;
    /// Opens a tenant; [`StoreError::Missing`] if there is none of that name.
    fn tenant(&self, tenant: &TenantId) -> Result<Arc<dyn TenantStore>, StoreError>;
    /// Erases a tenant and everything in it.
    fn delete_tenant(&self, tenant: &TenantId) -> Result<(), StoreError>;
    /// A value of the installation itself (such as the hash of its API token).
    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets such a value.
    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// A value of the installation that is sealed, because it is or holds a secret.
    fn secret(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets (or with none removes) such a value.
    fn set_secret(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError>;
}

/// One tenant.
pub trait TenantStore: Send + Sync {
    /// The tenant's key for [`Hash`]es; made at creation, never shown.
    fn hash_key(&self) -> [u8; 32];

    /// Creates or replaces a system. [`StoreError::Exists`] if another system has its name.
    fn put_system(&self, system: &System) -> Result<(), StoreError>;
    /// A system, with its secrets in clear.
    fn system(&self, id: &SystemId) -> Result<Option<System>, StoreError>;
    /// All systems, by name.
    fn systems(&self) -> Result<Vec<System>, StoreError>;
    /// Removes a system with its relations, intents and state values. False if there was none.
    fn delete_system(&self, id: &SystemId) -> Result<bool, StoreError>;

    /// Forgets what the engine knows of a system's entities: relations, intents, state values. The system
    /// itself stays. False if there was none.
    fn reset_system(&self, id: &SystemId) -> Result<bool, StoreError>;

    /// Creates or replaces a plugin's record.
    fn put_plugin(&self, plugin: &PluginRecord) -> Result<(), StoreError>;
    /// All plugins, by name.
    fn plugins(&self) -> Result<Vec<PluginRecord>, StoreError>;
    /// Removes a plugin's record. False if there was none.
    fn delete_plugin(&self, id: &PluginId) -> Result<bool, StoreError>;
    /// Keeps the bytes of a component under their SHA-256 (lower-case hexadecimal).
    fn put_component(&self, digest: &str, wasm: &[u8]) -> Result<(), StoreError>;
    /// The bytes of a component.
    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Creates or replaces a job.
    fn put_job(&self, job: &Job) -> Result<(), StoreError>;
    /// A job.
    fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError>;
    /// Jobs from the newest to the oldest, starting below `before`.
    fn jobs(&self, before: Option<&JobId>, limit: usize) -> Result<Vec<Job>, StoreError>;
    /// Jobs that have not ended, oldest first.
    fn unfinished_jobs(&self) -> Result<Vec<Job>, StoreError>;
    /// Removes a job that has ended, with its entity log and marks. False if there was none, or it has
    /// not ended.
    fn delete_job(&self, id: &JobId) -> Result<bool, StoreError>;
    /// Jobs that began to fail or ended since somebody last settled it, oldest first. Known as durably as
    /// the change itself.
    fn news(&self) -> Result<Vec<(JobId, News)>, StoreError>;
    /// Marks news as dealt with, and writes records in the same step.
    fn settle_news(&self, job: &JobId, news: News, records: &[Record]) -> Result<(), StoreError>;

    /// The relations of the given source entities, in their order.
    fn relations(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Relation>>, StoreError>;
    /// The open intents of the given source entities, in their order, without their unique attributes.
    fn intents(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Intent>>, StoreError>;
    /// What is known of the absence of the given source entities, in their order.
    fn absences(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Absence>>, StoreError>;
    /// What the last full read of a source counted that nothing spoke against.
    fn last_read(&self, source: &SystemId, entity_type: &EntityType) -> Result<Option<LastRead>, StoreError>;
    /// Before-images of a run with their numbers, from the last to the first, starting below `before`.
    fn images(&self, run: &JobId, before: Option<u64>, limit: usize)
    -> Result<Vec<(u64, Image)>, StoreError>;
    /// Forgets the before-images of runs that are not to be kept any longer; says of how many runs.
    fn purge_images(&self, now_ms: u64) -> Result<u64, StoreError>;
    /// The members that a group was last written with, as the job engine encodes them; none if that is
    /// not known.
    fn members(&self, key: &RelationKey, source_id: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Open intents with their unique attributes, in the order of their source identifiers, starting above `after`.
    fn scan_intents(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Intent>, StoreError>;
    /// Which source entity (of any source) holds each of these target entities, in their order; of
    /// several the one whose relation is oldest.
    fn owners(&self, key: &RelationKey, target_ids: &[&str]) -> Result<Vec<Option<String>>, StoreError>;
    /// Relations in the order of their source identifiers, starting above `after`.
    fn scan_relations(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError>;
    /// Every source-target pair and entity type that has relations or had some.
    fn relation_keys(&self) -> Result<Vec<RelationKey>, StoreError>;
    /// How many relations there are.
    fn count_relations(&self, key: &RelationKey) -> Result<u64, StoreError>;
    /// Makes everything in the batch durable, all of it or nothing.
    fn commit(&self, batch: &Commit) -> Result<(), StoreError>;
    /// What a run has seen of these relations so far.
    fn seen(&self, run: &JobId, key: &RelationKey) -> Result<SeenSet, StoreError>;
    /// Forgets what a run has seen, when it is over.
    fn forget_seen(&self, run: &JobId) -> Result<(), StoreError>;

    /// Lines of a job's entity log with their numbers, starting above `after`.
    fn events(
        &self,
        run: &JobId,
        state: Option<EntityState>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, EntityEvent)>, StoreError>;

    /// What happened to the entity with this identifier, in the source or in a target, over all jobs whose
    /// log is still there, newest first. With a system only what happened in it, or in jobs that read it.
    fn history(
        &self,
        id: &str,
        system: Option<&SystemId>,
        limit: usize,
    ) -> Result<Vec<PastEvent>, StoreError>;

    /// A record by its kind and key.
    fn record(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Records of a kind in the order of their keys, starting above `after`.
    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// Writes or removes records, all of them or none.
    fn put_records(&self, records: &[Record]) -> Result<(), StoreError>;
    /// What simulations found.
    fn plans(&self) -> &dyn Plans;

    /// A small value that a plugin keeps for a system.
    fn state(&self, system: &SystemId, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets (or with none removes) such a value; [`StoreError::Full`] above 1,000 keys a system.
    fn set_state(&self, system: &SystemId, key: &str, value: Option<&[u8]>) -> Result<(), StoreError>;
}

/// What one step of a job makes durable at once.
///
/// What is settled or removed goes first, so that an entity may leave and come in one step. An
/// entity that is twice in a list counts once, as the last one says.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The first job of the chain of resumed jobs: seen marks and the entity log belong to it.
    pub run: Option<JobId>,
    /// The job as it stands after this step.
    pub job: Option<Job>,
    /// Creates about to go out. An intent that is open already stays as it is.
    pub intents: Vec<(RelationKey, Vec<Intent>)>,
    /// Intents whose effect is known now, by source identifier.
    pub settled: Vec<(RelationKey, Vec<String>)>,
    /// Relations written or rewritten. They count as seen by the run.
    pub relations: Vec<(RelationKey, Vec<NewRelation>)>,
    /// Relations rewritten without counting as seen: those that a delta read found to be unwanted.
    pub unwanted: Vec<(RelationKey, Vec<NewRelation>)>,
    /// What groups were written with. It goes with the relation.
    pub members: Vec<(RelationKey, Vec<GroupMembers>)>,
    /// Relations dropped, by source identifier.
    pub removed: Vec<(RelationKey, Vec<String>)>,
    /// Ordinals of relations that the run has seen and not rewritten.
    pub seen: Vec<(RelationKey, Vec<u64>)>,
    /// Lines for the entity log, numbered on from 1.
    pub events: Vec<EntityEvent>,
    /// Operations of the run's plan, numbered on from 1.
    pub planned: Vec<PlannedOperation>,
    /// Pages of the source that the plan was made from.
    pub delivered: Vec<Delivered>,
    /// Absences as they stand now. The one of a relation that is removed goes with it.
    pub absences: Vec<(RelationKey, Vec<Absence>)>,
    /// What full reads counted.
    pub reads: Vec<LastRead>,
    /// Before-images, numbered on from 1.
    pub images: Vec<Image>,
}

/// A group's source identifier, and the members it was written with; none if they are not known.
pub type GroupMembers = (String, Option<Vec<u8>>);

/// That full reads in a row did not bring an entity which the engine manages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Absence {
    /// The entity's identifier in the source.
    pub source_id: String,
    /// How many reads in a row.
    pub reads: u32,
    /// When the first of them ended, in milliseconds since 1970.
    pub since_ms: u64,
    /// The run of the last of them.
    pub run: JobId,
}

/// What a full read of a source counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRead {
    /// The source.
    pub source: SystemId,
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// Entities that the source delivered.
    pub count: u64,
    /// The run.
    pub run: JobId,
}

/// What a run did to a target entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Made it.
    Created,
    /// Gave it other content.
    Updated,
    /// Removed it.
    Deleted,
}

/// A target entity before a run changed it: what it takes to undo that. Kept sealed, and for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// What was about to happen, or had happened.
    pub change: Change,
    /// Of the relation.
    pub target: SystemId,
    /// Of the relation.
    pub entity_type: EntityType,
    /// Of the relation.
    pub source_id: String,
    /// Of the relation.
    pub target_id: String,
    /// Of the relation.
    pub existed_before: bool,
    /// The entity as the target showed it; empty for one that was created.
    pub content: String,
    /// When it may be forgotten, in milliseconds since 1970.
    pub keep_until_ms: u64,
}

/// A line of the entity log with where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastEvent {
    /// The first job of the chain of resumed jobs.
    pub run: JobId,
    /// The line's number in that job's log.
    pub number: u64,
    /// What happened.
    pub event: EntityEvent,
}

/// What is new about a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Something failed in it for the first time.
    pub failing: bool,
    /// It has ended.
    pub ended: bool,
}

/// A small sealed record of a kind that the store does not know: schedules, subscriptions, settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Which kind.
    pub kind: &'static str,
    /// Which of its kind.
    pub key: String,
    /// None removes it.
    pub value: Option<Vec<u8>>,
}

/// A relation to be written: the store gives a new one its ordinal and keeps that of an old one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRelation {
    /// See [`Relation`].
    pub source_id: String,
    /// See [`Relation`].
    pub target_id: String,
    /// See [`Relation`].
    pub existed_before: bool,
    /// See [`Relation`].
    pub fingerprint: Hash,
    /// See [`Relation`].
    pub payload: Hash,
    /// See [`Relation`].
    pub state: RelationState,
}

/// Marks, one bit for each ordinal.
#[derive(Clone, Debug, Default)]
pub struct SeenSet {
    bits: Vec<u64>,
}

impl SeenSet {
    /// Marks an ordinal.
    pub fn insert(&mut self, ordinal: u64) {
        let Ok(word) = usize::try_from(ordinal / 64) else { return };
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= 1 << (ordinal % 64);
        }
    }

    /// How many are marked.
    pub fn len(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether none is marked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an ordinal is marked.
    pub fn contains(&self, ordinal: u64) -> bool {
        usize::try_from(ordinal / 64)
            .ok()
            .and_then(|word| self.bits.get(word))
            .is_some_and(|bits| bits & (1 << (ordinal % 64)) != 0)
    }
}

/// A plugin with the versions that were loaded under its name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginRecord {
    /// The name it is loaded under.
    pub id: PluginId,
    /// Oldest first; the last entry that is not rolled back is in use.
    pub versions: Vec<PluginVersion>,
    /// Digest of the version in use.
    pub current: String,
}

/// One version of a plugin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginVersion {
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub digest: String,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_ms: u64,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is one already.
    #[error("{0} exists already")]
    Exists(String),
    /// There is none.
    #[error("{0} does not exist")]
    Missing(String),
    /// No room: on the disk, or within a limit. Nothing of the batch was written.
    #[error("the store is full: {0}")]
    Full(String),
    /// Something stored cannot be read back.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The storage engine or the operating system failed.
    #[error("the store failed: {0}")]
    Failed(String),
}
