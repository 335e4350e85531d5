use super::fault::Fault;
use super::pairs;
use super::pending::{Draft, Pending};
use super::pipeline::remove_pair;
use super::state;
use super::tables::{PAIRS, SYSTEM_NAMES, SYSTEMS};
use super::tenant::{Tenant, from_json, to_json};
use crate::StoreError;
use ::redb::{ReadableTable, WriteTransaction};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gangway_model::{System, SystemId};

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
        self.write_indexed(|write, pending| {
            let mut draft = Draft::new(write.txn, pending)?;
            let old = write.txn.open_table(SYSTEMS)?.remove(id.as_str())?.map(|v| v.value().to_vec());
            if let Some(old) = &old {
                let old: System = from_json("system", old)?;
                write.txn.open_table(SYSTEM_NAMES)?.remove(old.name.as_str())?;
                forget(write.txn, pending, &mut draft, id)?;
            }
            Ok((old.is_some(), draft.finish(self.waiting_relations)?))
        })
    }

    pub(super) fn forget_system(&self, id: &SystemId) -> Result<bool, StoreError> {
        self.write_indexed(|write, pending| {
            let mut draft = Draft::new(write.txn, pending)?;
            let known = write.txn.open_table(SYSTEMS)?.get(id.as_str())?.is_some();
            if known {
                forget(write.txn, pending, &mut draft, id)?;
            }
            Ok((known, draft.finish(self.waiting_relations)?))
        })
    }
}

/// Forgets everything that is known of a system's entities.
fn forget(
    txn: &WriteTransaction,
    pending: &Pending,
    draft: &mut Draft<'_>,
    id: &SystemId,
) -> Result<(), Fault> {
    state::clear(txn, id)?;
    super::absences::clear_reads(txn, id)?;
    let all = pairs::all(&txn.open_table(PAIRS)?)?;
    for (key, pair) in all {
        if key.source != *id && key.target != *id {
            continue;
        }
        remove_pair(txn, pending, draft, pair)?;
        pairs::remove(txn, &key)?;
        if key.target == *id {
            pairs::remove_space(txn, &key)?;
        }
    }
    Ok(())
}
