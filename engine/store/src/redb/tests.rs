use super::*;
use crate::contract;
use tempfile::tempdir;

fn key() -> MasterKey {
    MasterKey::from_bytes([3; 32])
}

/// Every way in which index entries can be kept: at once in the tables, mostly waiting, between.
#[test]
fn keeps_the_contract_in_memory() {
    for waiting_relations in [0, 7, 1 << 16] {
        contract::run(|| {
            let options = Options { waiting_relations, cache_bytes: 1 << 20, ..Options::default() };
            Arc::new(RedbStore::on(Arc::new(Memory::default()), key(), options).unwrap())
        });
    }
}
