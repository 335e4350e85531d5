use crate::{EntityType, SystemId};
use serde::{Deserialize, Serialize};

/// A keyed 128-bit hash. The key is the tenant's, so that a stored hash of a guessable value says
/// nothing to who reads the file.
pub type Hash = [u8; 16];

/// Which relations are meant: those of one source-target pair and one entity type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RelationKey {
    /// Where the entities come from.
    pub source: SystemId,
    /// Where they are written to.
    pub target: SystemId,
    /// `user`, `group`, …
    pub entity_type: EntityType,
}

/// What became of a relation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationState {
    /// The engine manages the target entity.
    Active,
    /// It should be deleted and was not yet; later jobs try again.
    PendingDelete,
    /// It existed before the engine came and was therefore left alone when the source entity went.
    Released,
    /// Gone from the source; the target entity got the content that stands in for a deletion (an
    /// account that is disabled) and is managed on: when the source entity returns, it is written.
    Disabled,
}

/// A source entity and its counterpart in a target. Holds no attribute value of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relation {
    /// The entity's identifier in the source.
    pub source_id: String,
    /// The entity's identifier in the target.
    pub target_id: String,
    /// Found in the target, not created by the engine.
    pub existed_before: bool,
    /// Hash of the source entity and of all configuration that takes part: equal means that nothing
    /// needs to be transformed. Zero if the last write did not succeed.
    pub fingerprint: Hash,
    /// Hash of the update payload last written: equal means that nothing needs to be written.
    pub payload: Hash,
    /// Active, pending or released.
    pub state: RelationState,
    /// A dense number given by the store, for marking what a full read has seen in one bit each.
    pub ordinal: u64,
}

/// "The engine is about to create this": committed before the request goes out, removed with its
/// result. An intent that is still there says that the effect of a request is unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The entity's identifier in the source.
    pub source_id: String,
    /// When it was first committed, in milliseconds since 1970. An account older than this is not
    /// of the engine's making.
    pub since_ms: u64,
    /// The unique attributes of the entity with their values, by which its account can be looked for when the
    /// source no longer has it. Kept encrypted, and no longer than the intent; empty where they are not asked for.
    pub unique: Vec<(String, String)>,
}
