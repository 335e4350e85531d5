use super::fault::Fault;
use super::tables::{STATE, past, prefix};
use super::tenant::Tenant;
use crate::StoreError;
use ::redb::{ReadableTable, WriteTransaction};
use gangway_model::SystemId;

/// How many values a system may have.
const LIMIT: usize = 1_000;

/// Removes all values of a system.
pub(super) fn clear(txn: &WriteTransaction, system: &SystemId) -> Result<(), Fault> {
    let start = prefix(&[system.as_str()]);
    txn.open_table(STATE)?.retain_in(start.as_slice()..past(&start).as_slice(), |_, _| false)?;
    Ok(())
}

// The values are sealed: a plugin may keep a token there.
impl Tenant {
    pub(super) fn read_state(&self, system: &SystemId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let place = prefix(&[system.as_str(), key]);
        let sealed = self.file.read(|txn| {
            let value = txn.open_table(STATE)?.get(place.as_slice())?.map(|value| value.value().to_vec());
            Ok(value)
        })?;
        sealed.map(|sealed| self.sealer.open(&["state value", system.as_str(), key], &sealed)).transpose()
    }

    pub(super) fn write_state(
        &self,
        system: &SystemId,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let place = prefix(&[system.as_str(), key]);
        let sealed =
            value.map(|value| self.sealer.seal(&["state value", system.as_str(), key], value)).transpose()?;
        self.file.write(|write| {
            let mut table = write.txn.open_table(STATE)?;
            let Some(sealed) = &sealed else {
                table.remove(place.as_slice())?;
                return Ok(());
            };
            let is_new = table.insert(place.as_slice(), sealed.as_slice())?.is_none();
            let start = prefix(&[system.as_str()]);
            if is_new && table.range(start.as_slice()..past(&start).as_slice())?.count() > LIMIT {
                return Err(StoreError::Full(format!(
                    "system {system} of tenant {} has {LIMIT} state values already; its plugin must remove some before it adds {key:?}",
                    self.name
                ))
                .into());
            }
            Ok(())
        })
    }
}
