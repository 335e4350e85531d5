use crate::{EntityType, Hash, JobId, SystemId, TenantId};
use serde::{Deserialize, Serialize};

/// What a simulation found that a job would do. Its operations are stored beside it, in the order in
/// which they were found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Whose it is.
    pub tenant: TenantId,
    /// The simulation that made it; of a resumed one the first.
    pub id: JobId,
    /// The source system.
    pub source: SystemId,
    /// Its name when the simulation ran.
    pub source_name: String,
    /// The targets were looked at.
    pub live: bool,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// After this it can no longer be applied, and is removed.
    pub expires_ms: u64,
    /// The simulation read the source to its end and looked at all deletions.
    pub complete: bool,
    /// How the systems that take part were configured, the source first.
    pub systems: Vec<PlannedSystem>,
    /// Who agreed to it.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// The job that carries it out.
    #[serde(default)]
    pub applied: Option<JobId>,
}

/// A system that takes part in a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSystem {
    /// Which.
    pub id: SystemId,
    /// Its name when the simulation ran.
    pub name: String,
    /// Hash of everything that shapes what it reads or is written.
    #[serde(with = "hex")]
    pub configuration: Hash,
}

/// Somebody's consent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The caller.
    pub by: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// What a plan does about one entity in one target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedVerb {
    /// Makes it.
    Create,
    /// Gives it the content.
    Update,
    /// Removes it.
    Delete,
    /// Gives it the content that stands in for a removal, and manages it no longer.
    Retire,
    /// Leaves it alone and manages it no longer.
    Release,
    /// Nothing; the reason says why.
    Skip,
    /// Nothing, because it cannot; the reason says why.
    Fail,
}

impl PlannedVerb {
    /// Whether a request goes to the target.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::Retire)
    }
}

/// One operation of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedOperation {
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// Where.
    pub target: SystemId,
    /// What.
    pub verb: PlannedVerb,
    /// Why.
    pub reason: String,
    /// The identifier in the source; empty if it could not be read.
    pub source_id: String,
    /// The identifier in the target, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// The target holds the content already (as far as is known): it is written once more.
    #[serde(default)]
    pub unchanged: bool,
    /// What an earlier create came to is unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
    /// The account was there before the engine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existed_before: bool,
    /// Hash of the relation as it stood; none if there was none.
    #[serde(default, with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub relation: Option<Hash>,
    /// The relation's fingerprint once it is carried out.
    #[serde(default, with = "hex", skip_serializing_if = "hex::is_zero")]
    pub fingerprint: Hash,
    /// Hash of what was written last; zero if it is not known.
    #[serde(default, with = "hex", skip_serializing_if = "hex::is_zero")]
    pub old: Hash,
    /// Hash of what is written.
    #[serde(default, with = "hex", skip_serializing_if = "hex::is_zero")]
    pub new: Hash,
    /// Hash of the target's entity, where it was looked at.
    #[serde(default, with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub seen: Option<Hash>,
    /// What it holds of a person; sealed where it is stored.
    #[serde(skip)]
    pub content: PlannedContent,
}

/// The attribute values of a planned operation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlannedContent {
    /// What is written.
    pub json: String,
    /// What the target held, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The identifier that the transformation decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_id: Option<String>,
}

/// The entities of one page of the source, by identifier with a hash of each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// In the order of the source.
    pub entities: Vec<(String, Hash)>,
}

/// Hashes as hexadecimal texts.
mod hex {
    use crate::Hash;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Nothing is known; most operations have such hashes, and need not carry them.
    pub(super) fn is_zero(hash: &Hash) -> bool {
        *hash == [0; 16]
    }

    pub(super) fn text(hash: &Hash) -> String {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
        hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    pub(super) fn hash(text: &str) -> Option<Hash> {
        let mut hash = [0; 16];
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        for (place, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(hash)
    }

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        hash(&text).ok_or_else(|| D::Error::custom("a hash has 32 hexadecimal digits"))
    }
}

/// The same, where there may be none.
mod maybe_hex {
    use crate::Hash;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
        hash.as_ref().map(super::hex::text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hash>, D::Error> {
        let wrong = || D::Error::custom("a hash has 32 hexadecimal digits");
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::hex::hash(&text).ok_or_else(wrong)).transpose()
    }
}
