//! The two hashes by which an unchanged entity is known.
//!
//! Both are keyed with the tenant's own key, so that the hash of a guessable value says nothing to
//! who reads the database file.

use crate::decide::UNKNOWN;
use gangway_model::{Answer, Entity, Hash, Relation};
use serde_json::Value;

/// Bytes of a fingerprint that tell of the entity; the others tell of the configuration.
const HALF: usize = 8;

/// The fingerprint of an entity, and whether the last transformations depended on more than it covers.
#[derive(Clone, Copy)]
pub(crate) struct Trust {
    pub(crate) fingerprint: Hash,
    pub(crate) read_depends: bool,
    pub(crate) write_depends: bool,
}

impl Trust {
    /// After another answer of the write transformation.
    pub(crate) fn after(self, answer: &Answer) -> Self {
        Self { write_depends: answer.depends, ..self }
    }

    /// Whether the same entity may come out differently.
    pub(crate) fn depends(self) -> bool {
        self.read_depends || self.write_depends
    }

    /// What the relation keeps: a fingerprint that an entity equals only if it needs no transformation.
    pub(crate) fn kept(self) -> Hash {
        if self.depends() { UNKNOWN } else { self.fingerprint }
    }
}

/// Makes the hashes of one tenant.
#[derive(Clone)]
pub(crate) struct Fingerprints {
    key: [u8; 32],
}

/// What the fingerprint of one entity has in common over all targets.
#[derive(Clone, Copy)]
pub(crate) struct Base([u8; 32]);

impl Fingerprints {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Hash of the entity as the source delivered it.
    pub(crate) fn base(&self, entity_type: &str, entity: &Entity) -> Base {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [entity_type, &entity.id, &entity.json] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Base(*hasher.finalize().as_bytes())
    }

    /// Hash of the entity alone, to know it again.
    pub(crate) fn entity(&self, entity_type: &str, entity: &Entity) -> Hash {
        let Base(base) = self.base(entity_type, entity);
        truncate(blake3::Hash::from_bytes(base))
    }

    /// Hash of some texts, whatever they are.
    pub(crate) fn texts(&self, texts: &[&str]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for text in texts {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        truncate(hasher.finalize())
    }

    /// Hash of a relation as it stands.
    pub(crate) fn relation(&self, relation: &Relation) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&relation.fingerprint);
        hasher.update(&relation.payload);
        hasher.update(&[u8::from(relation.existed_before), relation.state as u8]);
        hasher.update(relation.target_id.as_bytes());
        truncate(hasher.finalize())
    }

    /// Hashes of entities and of everything that shapes what a target gets of them. Equal to the
    /// relation's means that neither transformation needs to run.
    pub(crate) fn fingerprints(&self, bases: &[Base], read: &[u8; 32], write: &[u8; 32]) -> Vec<Hash> {
        let mut input = [0; 64];
        for (place, byte) in input.iter_mut().zip(read.iter().chain(write)) {
            *place = *byte;
        }
        let configuration = blake3::keyed_hash(&self.key, &input);
        let fingerprint = |base: &Base| {
            let halves = base.0.iter().take(HALF).chain(configuration.as_bytes().iter().take(HALF));
            let mut fingerprint = UNKNOWN;
            fingerprint.iter_mut().zip(halves).for_each(|(place, byte)| *place = *byte);
            fingerprint
        };
        bases.iter().map(fingerprint).collect()
    }

    /// Hash of an update payload. The order of object members and of list elements does not take
    /// part: multi-valued attributes are sets in SCIM and in LDAP, and many systems give them back
    /// in another order each time.
    pub(crate) fn payload(&self, json: &str) -> Hash {
        let mut text = String::with_capacity(json.len());
        match serde_json::from_str::<Value>(json) {
            Ok(value) => canonical(&value, &mut text),
            Err(_) => text.push_str(json),
        }
        marked(truncate(blake3::keyed_hash(&self.key, text.as_bytes())), false)
    }

    /// Hash of what a create wrote, as the transformation made it. It is compared with what the same
    /// transformation makes of a create later, so the order takes part and costs nothing.
    pub(crate) fn created(&self, json: &str) -> Hash {
        marked(truncate(blake3::keyed_hash(&self.key, json.as_bytes())), true)
    }
}

/// Whether two fingerprints are of the same entity under different configurations.
pub(crate) fn only_configuration_differs(one: &Hash, other: &Hash) -> bool {
    let known = *one != UNKNOWN && *other != UNKNOWN;
    let (one, other) = (one.split_at(HALF), other.split_at(HALF));
    known && one.0 == other.0 && one.1 != other.1
}

/// Whether a relation's payload hash is that of a create.
pub(crate) fn is_of_create(payload: &Hash) -> bool {
    payload.last().is_some_and(|byte| byte & 1 == 1)
}

/// The last bit of a payload hash tells a create's from an update's.
fn marked(mut hash: Hash, of_create: bool) -> Hash {
    if let Some(byte) = hash.last_mut() {
        *byte = *byte & 0xfe | u8::from(of_create);
    }
    hash
}

fn truncate(hash: blake3::Hash) -> Hash {
    let mut short = UNKNOWN;
    for (place, byte) in short.iter_mut().zip(hash.as_bytes()) {
        *place = *byte;
    }
    short
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in members {
                push_text(name, out);
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            let mut texts: Vec<String> = items
                .iter()
                .map(|item| {
                    let mut text = String::new();
                    canonical(item, &mut text);
                    text
                })
                .collect();
            texts.sort_unstable();
            out.push('[');
            for text in texts {
                out.push_str(&text);
                out.push(',');
            }
            out.push(']');
        }
        Value::String(text) => push_text(text, out),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
}

/// Unambiguous without escaping: the length goes first.
fn push_text(text: &str, out: &mut String) {
    out.push_str(&text.len().to_string());
    out.push('"');
    out.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(id: &str, json: &str) -> Entity {
        Entity { id: id.into(), version: None, created_ms: None, json: json.into() }
    }

    #[test]
    fn a_payload_hash_ignores_order_and_nothing_else() {
        let hashes = Fingerprints::new([7; 32]);
        let hash = |json| hashes.payload(json);
        let one = hash(r#"{"a":1,"b":[{"x":"1","y":"2"},{"x":"3"}]}"#);
        assert_eq!(one, hash(r#"{ "b": [ {"x":"3"}, {"y":"2","x":"1"} ], "a": 1 }"#));
        for other in [
            r#"{"a":2,"b":[{"x":"1","y":"2"},{"x":"3"}]}"#,
            r#"{"a":"1","b":[{"x":"1","y":"2"},{"x":"3"}]}"#,
            r#"{"a":1,"b":[{"x":"1"},{"x":"3","y":"2"}]}"#,
            r#"{"a":1,"b":[{"x":"1","y":"2"},{"x":"3"},{"x":"3"}]}"#,
            r#"{"a":1}"#,
        ] {
            assert_ne!(one, hash(other), "{other}");
        }
        assert_ne!(hash(r#"["a","b"]"#), hash(r#"["a\",1\"b"]"#), "texts cannot run into one another");
        assert_ne!(one, Fingerprints::new([8; 32]).payload(r#"{"a":1,"b":[{"x":"1","y":"2"},{"x":"3"}]}"#));
    }

    #[test]
    fn creates_and_updates_are_told_apart() {
        let hashes = Fingerprints::new([7; 32]);
        for json in ["{}", r#"{"a":1}"#, r#"{"a":2}"#, "[]"] {
            assert!(!is_of_create(&hashes.payload(json)));
            assert!(is_of_create(&hashes.created(json)));
        }
        assert_ne!(hashes.created("{}"), hashes.created("{ }"));
        assert!(!is_of_create(&UNKNOWN));
    }

    #[test]
    fn a_fingerprint_covers_entity_type_configuration_and_key() {
        let hashes = Fingerprints::new([7; 32]);
        let fingerprint = |h: &Fingerprints, kind: &str, e: &Entity, read: u8, write: u8| {
            h.fingerprints(&[h.base(kind, e)], &[read; 32], &[write; 32])[0]
        };
        let one = fingerprint(&hashes, "user", &entity("1", "{}"), 1, 2);
        assert_eq!(one, fingerprint(&hashes, "user", &entity("1", "{}"), 1, 2));
        for other in [
            fingerprint(&hashes, "group", &entity("1", "{}"), 1, 2),
            fingerprint(&hashes, "user", &entity("2", "{}"), 1, 2),
            fingerprint(&hashes, "user", &entity("1", "{ }"), 1, 2),
            fingerprint(&hashes, "user", &entity("1", "{}"), 9, 2),
            fingerprint(&hashes, "user", &entity("1", "{}"), 1, 9),
            fingerprint(&Fingerprints::new([8; 32]), "user", &entity("1", "{}"), 1, 2),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_fingerprint_tells_a_changed_configuration_from_a_changed_entity() {
        let hashes = Fingerprints::new([7; 32]);
        let fingerprint = |json, write| {
            hashes.fingerprints(&[hashes.base("user", &entity("1", json))], &[1; 32], &[write; 32])[0]
        };
        let one = fingerprint("{}", 2);
        assert!(only_configuration_differs(&one, &fingerprint("{}", 3)));
        assert!(!only_configuration_differs(&one, &fingerprint("{}", 2)));
        assert!(!only_configuration_differs(&one, &fingerprint("{ }", 3)));
        assert!(!only_configuration_differs(&one, &UNKNOWN));
    }

    #[test]
    fn f072_the_same_entity_has_another_hash_in_another_tenant() {
        let (one, other) = (Fingerprints::new([7; 32]), Fingerprints::new([8; 32]));
        assert_ne!(one.payload("{}"), other.payload("{}"));
        assert_ne!(one.created("{}"), other.created("{}"));
        let of = |hashes: &Fingerprints| {
            hashes.fingerprints(&[hashes.base("user", &entity("1", "{}"))], &[1; 32], &[2; 32])[0]
        };
        assert!(of(&one).iter().zip(of(&other)).filter(|(a, b)| **a != *b).count() > 8, "both halves differ");
    }
}
