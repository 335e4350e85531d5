mod faults;
mod files;
mod full_disk;
mod golden;
mod kill;

use super::*;
use crate::{Commit, NewRelation, contract};
use gangway_model::{RelationKey, RelationState};

fn key() -> MasterKey {
    MasterKey::from_bytes([3; 32])
}

/// Little memory, and index entries that go to the tables now and then.
fn small() -> Options {
    Options { waiting_relations: 100, cache_bytes: 1 << 20, ..Options::default() }
}

fn users() -> RelationKey {
    RelationKey { source: "a".into(), target: "x".into(), entity_type: "user".into() }
}

fn relation(source_id: impl Into<String>, target_id: impl Into<String>) -> NewRelation {
    NewRelation {
        source_id: source_id.into(),
        target_id: target_id.into(),
        existed_before: false,
        fingerprint: [1; 16],
        payload: [2; 16],
        state: RelationState::Active,
    }
}

/// Relations `s0 → t0`, `s1 → t1`, ….
fn relations(numbers: std::ops::Range<usize>) -> Commit {
    let list = numbers.map(|n| relation(format!("s{n}"), format!("t{n}"))).collect();
    Commit { relations: vec![(users(), list)], ..Commit::default() }
}

/// Every way in which index entries can be kept: at once in the tables, between, mostly waiting.
#[test]
fn keeps_the_contract_in_memory() {
    for waiting_relations in [0, 7, 1 << 16] {
        contract::run(|| {
            let options = Options { waiting_relations, ..small() };
            Arc::new(RedbStore::on(Arc::new(Memory::default()), key(), options).unwrap())
        });
    }
}

#[test]
fn keeps_the_contract_in_a_directory() {
    let dirs = std::cell::RefCell::new(Vec::new());
    contract::run(|| {
        let dir = tempfile::tempdir().unwrap();
        let store = RedbStore::open_with(dir.path(), key(), small()).unwrap();
        dirs.borrow_mut().push(dir);
        Arc::new(store)
    });
}
