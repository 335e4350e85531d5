use super::fault::Fault;
use super::owners::{Holder, Owners};
use super::pairs::{self, Pair};
use super::tables::{INTENTS, OWNERS, RELATIONS, SYSTEM_NAMES, SYSTEMS, past};
use super::tenant::{Tenant, from_json, to_json};
use super::{relations, state};
use crate::StoreError;
use ::redb::{ReadableTable, WriteTransaction};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gangway_model::{System, SystemId};
use std::collections::BTreeSet;

/// Relations whose owners are removed at a time, when a system goes.
const CHUNK: usize = 4_096;

impl Tenant {
    fn seal_system(&self, system: &System) -> Result<Vec<u8>, StoreError> {
        let mut sealed = system.clone();
        for (name, property) in sealed.properties.iter_mut().filter(|(_, property)| property.secret) {
            let bytes =
                self.sealer.seal(&["property", system.id.as_str(), name], property.value.as_bytes())?;
            property.value = STANDARD.encode(bytes);
        }
        to_json("system", &sealed)
    }

    fn open_system(&self, json: &[u8]) -> Result<System, StoreError> {
        let mut system: System = from_json("system", json)?;
        let id = system.id.clone();
        for (name, property) in system.properties.iter_mut().filter(|(_, property)| property.secret) {
            let damaged = || {
                StoreError::Damaged(format!(
                    "property {name} of system {id} of tenant {} does not decrypt; set it again",
                    self.name
                ))
            };
            let sealed = STANDARD.decode(&property.value).map_err(|_| damaged())?;
            let clear = self.sealer.open(&["property", id.as_str(), name], &sealed)?;
            property.value = String::from_utf8(clear).map_err(|_| damaged())?;
        }
        Ok(system)
    }

    pub(super) fn write_system(&self, system: &System) -> Result<(), StoreError> {
        let json = self.seal_system(system)?;
        let (id, name) = (system.id.as_str(), system.name.as_str());
        self.file.write(|write| {
            let mut names = write.txn.open_table(SYSTEM_NAMES)?;
            if names.get(name)?.is_some_and(|holder| holder.value() != id) {
                return Err(StoreError::Exists(format!("a system named {name:?}")).into());
            }
            let old = write.txn.open_table(SYSTEMS)?.insert(id, json.as_slice())?.map(|v| v.value().to_vec());
            if let Some(old) = old {
                let old: System = from_json("system", &old)?;
                names.remove(old.name.as_str())?;
            }
            names.insert(name, id)?;
            Ok(())
        })
    }

    pub(super) fn read_system(&self, id: &SystemId) -> Result<Option<System>, StoreError> {
        self.file.read(|txn| {
            let found = txn.open_table(SYSTEMS)?.get(id.as_str())?;
            Ok(found.map(|value| self.open_system(value.value())).transpose()?)
        })
    }

    pub(super) fn read_systems(&self) -> Result<Vec<System>, StoreError> {
        self.file.read(|txn| {
            let systems = txn.open_table(SYSTEMS)?;
            let mut by_name = Vec::new();
            for entry in txn.open_table(SYSTEM_NAMES)?.iter()? {
                if let Some(value) = systems.get(entry?.1.value())? {
                    by_name.push(self.open_system(value.value())?);
                }
            }
            Ok(by_name)
        })
    }

    pub(super) fn remove_system(&self, id: &SystemId) -> Result<bool, StoreError> {
        self.file.write(|write| {
            let old = write.txn.open_table(SYSTEMS)?.remove(id.as_str())?.map(|v| v.value().to_vec());
            let Some(old) = old else { return Ok(false) };
            let old: System = from_json("system", &old)?;
            write.txn.open_table(SYSTEM_NAMES)?.remove(old.name.as_str())?;
            state::clear(write.txn, id)?;
            let mut spaces = BTreeSet::new();
            for (key, pair) in pairs::all(write.txn)? {
                if key.target == *id {
                    spaces.insert(pair.space);
                    pairs::remove_space(write.txn, &key)?;
                } else if key.source == *id {
                    release_owners(write.txn, pair)?;
                } else {
                    continue;
                }
                let start = pair.id.to_be_bytes();
                let end = past(&start);
                let all = start.as_slice()..end.as_slice();
                write.txn.open_table(RELATIONS)?.retain_in(all.clone(), |_, _| false)?;
                write.txn.open_table(INTENTS)?.retain_in(all, |_, _| false)?;
                pairs::remove(write.txn, &key)?;
            }
            let mut owners = Owners::new(write.txn.open_table(OWNERS)?);
            for space in spaces {
                owners.clear(space)?;
            }
            Ok(true)
        })
    }
}

/// Other sources may hold entities of the same target: the pair's are picked out one by one.
fn release_owners(txn: &WriteTransaction, pair: Pair) -> Result<(), Fault> {
    let table = txn.open_table(RELATIONS)?;
    let mut owners = Owners::new(txn.open_table(OWNERS)?);
    let mut after: Option<String> = None;
    loop {
        let mut held = relations::scan(&table, pair.id, after.as_deref(), CHUNK)?;
        let Some(last) = held.last() else { return Ok(()) };
        after = Some(last.source_id.clone());
        held.sort_unstable_by(|a, b| a.target_id.cmp(&b.target_id));
        for relation in &held {
            let holder = Holder { pair: pair.id, source_id: &relation.source_id };
            owners.remove(pair.space, &relation.target_id, holder)?;
        }
    }
}
