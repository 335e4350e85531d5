//! What is in the files. `docs/store.md` explains the layout; a change to it raises [`FORMAT`].

use super::owners::OwnerKey;
use crate::StoreError;
use crate::codec::put_str;
use ::redb::TableDefinition;

/// Written into each file; a file with a higher one is refused.
pub(super) const FORMAT: u32 = 1;

/// Keys and values as bytes: their order is that of the bytes, and comparing them is a `memcmp`.
pub(super) type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;
/// Keys that are texts.
pub(super) type Texts = TableDefinition<'static, &'static str, &'static [u8]>;

/// Facts about the file itself.
pub(super) const META: Texts = TableDefinition::new("meta");
/// Of the installation.
pub(super) const SETTINGS: Texts = TableDefinition::new("settings");

/// Relation key → number of the pair, number of its owner space, number of relations.
pub(super) const PAIRS: Bytes = TableDefinition::new("pairs");
/// Target and entity type → number of the owner space.
pub(super) const SPACES: Bytes = TableDefinition::new("spaces");
/// Ordinal → relation.
pub(super) const RELATIONS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("relations");
/// Pair, source identifier → ordinal.
pub(super) const SOURCES: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("sources");
/// Owner space, hash of the target identifier, ordinal.
pub(super) const OWNERS: TableDefinition<'static, &'static OwnerKey, ()> = TableDefinition::new("owners");
/// Pair, source identifier → time of the first attempt.
pub(super) const INTENTS: Bytes = TableDefinition::new("intents");
/// Pair, source identifier → since when and how often full reads missed it.
pub(super) const ABSENCES: Bytes = TableDefinition::new("absences");
/// Source, entity type → JSON of what its last full read counted.
pub(super) const READS: Bytes = TableDefinition::new("reads");
/// Run, number → sealed before-image.
pub(super) const IMAGES: Bytes = TableDefinition::new("images");
/// Run → until when its before-images are kept.
pub(super) const IMAGE_RUNS: Texts = TableDefinition::new("image-runs");
/// Pair, source identifier → members of a group.
pub(super) const MEMBERS: Bytes = TableDefinition::new("members");
/// Run, pair, number of the commit → ordinals.
pub(super) const SEEN: Bytes = TableDefinition::new("seen");

/// Job → JSON.
pub(super) const JOBS: Texts = TableDefinition::new("jobs");
/// Jobs that have not ended → 1 if something failed in them.
pub(super) const UNFINISHED: TableDefinition<'static, &'static str, u8> = TableDefinition::new("unfinished");
/// Jobs with news → which.
pub(super) const NEWS: TableDefinition<'static, &'static str, u8> = TableDefinition::new("news");
/// Run, number of the first line → block of lines.
pub(super) const EVENTS: Bytes = TableDefinition::new("events");
/// Run, entity state, number of the first line of a block that has such lines.
pub(super) const EVENT_STATES: TableDefinition<'static, &'static [u8], ()> =
    TableDefinition::new("event-states");

/// System → JSON with sealed secrets.
pub(super) const SYSTEMS: Texts = TableDefinition::new("systems");
/// Name → system.
pub(super) const SYSTEM_NAMES: TableDefinition<'static, &'static str, &'static str> =
    TableDefinition::new("system-names");
/// Kind, key → sealed record.
pub(super) const RECORDS: Bytes = TableDefinition::new("records");
/// System, key → sealed value.
pub(super) const STATE: Bytes = TableDefinition::new("state");
/// Plugin → JSON.
pub(super) const PLUGINS: Texts = TableDefinition::new("plugins");
/// Digest, number of the piece → piece of a component.
pub(super) const COMPONENTS: Bytes = TableDefinition::new("components");

/// Plan → JSON.
pub(super) const PLANS: Texts = TableDefinition::new("plans");
/// Plan, number of the first operation → block of operations, their values sealed.
pub(super) const PLANNED: Bytes = TableDefinition::new("planned");
/// Plan, number of the page → the source's entities with their hashes.
pub(super) const PLAN_PAGES: Bytes = TableDefinition::new("plan-pages");

/// Keys of [`META`].
pub(super) const FORMAT_KEY: &str = "format";
/// How many commits the file has seen.
pub(super) const COMMITS: &str = "commits";
/// Which master key the file was made with.
pub(super) const KEY_ID: &str = "key-id";
/// Whose file it is.
pub(super) const TENANT: &str = "tenant";
/// The tenant's key for hashes, sealed.
pub(super) const HASH_KEY: &str = "hash-key";
/// Counts the commits that changed relations.
pub(super) const RELATIONS_VERSION: &str = "relations-version";
/// Rows from this ordinal on are not in the indexes yet.
pub(super) const INDEXED: &str = "indexed";
/// The next ordinal.
pub(super) const NEXT_ORDINAL: &str = "next-ordinal";
/// The next number of a pair.
pub(super) const NEXT_PAIR: &str = "next-pair";
/// The next number of an owner space.
pub(super) const NEXT_SPACE: &str = "next-space";

/// A number from [`META`]; none counts as 0.
pub(super) fn number(bytes: Option<&[u8]>, what: &str) -> Result<u64, StoreError> {
    match bytes {
        None => Ok(0),
        Some(bytes) => bytes
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| StoreError::Damaged(format!("the number {what} has {} bytes", bytes.len()))),
    }
}

/// A number followed by an identifier: the key of a relation or an intent.
pub(super) fn numbered(key: &mut Vec<u8>, number: u32, id: &str) {
    key.clear();
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
}

/// Texts with their lengths: a key prefix that is the prefix of no other.
pub(super) fn prefix(parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 2).sum());
    for part in parts {
        put_str(&mut key, part);
    }
    key
}

/// A key prefix followed by a number: keys in the order of the numbers.
pub(super) fn counted(prefix: &[u8], number: u64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number at the end of such a key.
pub(super) fn counter(key: &[u8]) -> Result<u64, StoreError> {
    key.last_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| StoreError::Damaged("a numbered key is cut short".to_owned()))
}

/// The first key above all keys that start with `prefix`, which has a byte below 255.
pub(super) fn past(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}
