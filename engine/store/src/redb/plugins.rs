use super::tables::{COMPONENTS, PLUGINS, past, prefix};
use super::tenant::{Tenant, from_json, to_json};
use crate::{PluginRecord, StoreError};
use ::redb::ReadableTable;
use gangway_model::PluginId;

/// A component is kept in pieces: redb gives a large value a stretch of the next power of two.
const PIECE: usize = 60 << 10;

impl Tenant {
    pub(super) fn write_plugin(&self, plugin: &PluginRecord) -> Result<(), StoreError> {
        let json = to_json("plugin", plugin)?;
        self.file.write(|write| {
            write.txn.open_table(PLUGINS)?.insert(plugin.id.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    pub(super) fn read_plugins(&self) -> Result<Vec<PluginRecord>, StoreError> {
        self.file.read(|txn| {
            let mut plugins = Vec::new();
            for entry in txn.open_table(PLUGINS)?.iter()? {
                plugins.push(from_json("plugin", entry?.1.value())?);
            }
            Ok(plugins)
        })
    }

    pub(super) fn remove_plugin(&self, id: &PluginId) -> Result<bool, StoreError> {
        self.file.write(|write| {
            let found = write.txn.open_table(PLUGINS)?.remove(id.as_str())?.is_some();
            Ok(found)
        })
    }

    pub(super) fn write_component(&self, digest: &str, wasm: &[u8]) -> Result<(), StoreError> {
        self.file.write(|write| {
            let mut table = write.txn.open_table(COMPONENTS)?;
            let start = prefix(&[digest]);
            table.retain_in(start.as_slice()..past(&start).as_slice(), |_, _| false)?;
            // An empty component still is one: it has one empty piece.
            let pieces = wasm.chunks(PIECE).chain(wasm.is_empty().then_some(wasm));
            for (number, piece) in (0u32..).zip(pieces) {
                let mut key = start.clone();
                key.extend_from_slice(&number.to_be_bytes());
                table.insert(key.as_slice(), piece)?;
            }
            Ok(())
        })
    }

    pub(super) fn read_component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|txn| {
            let start = prefix(&[digest]);
            let mut wasm = None;
            for entry in txn.open_table(COMPONENTS)?.range(start.as_slice()..past(&start).as_slice())? {
                wasm.get_or_insert_with(Vec::new).extend_from_slice(entry?.1.value());
            }
            Ok(wasm)
        })
    }
}
