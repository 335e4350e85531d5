//! Where a run happens: folders, state, and a resolver that knows nobody.

use crate::config::{Config, ConfigError};
use gangway_model::ports::{Resolver, StateSpace};
use gangway_model::{FileGrant, Grants, PluginError, System};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// The temporary folder of a run, with the files that the configuration asks for.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let folder = tempfile::tempdir()
            .map_err(|error| ConfigError::Place(format!("cannot make a temporary folder: {error}")))?;
        Ok(Self { folder })
    }

    /// For compiled code.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The configuration's grants, and the right to read and write its temporary files.
    pub(crate) fn grants(&self, config: &Config, folder: &Path) -> Result<Grants, ConfigError> {
        let mut grants = config.grants(folder);
        for (number, (name, content)) in config.temporary.iter().enumerate() {
            // The name is the plugin's word and no file name.
            let path = self.folder.path().join(format!("file-{number}"));
            std::fs::write(&path, content).map_err(|error| {
                ConfigError::Place(format!("cannot write the temporary file {name:?}: {error}"))
            })?;
            let path = path.to_string_lossy().into_owned();
            grants.files.push(FileGrant { name: name.clone(), path, write: true });
        }
        Ok(grants)
    }
}

/// What plugins keep, in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl StateSpace for Memory {
    fn get(&self, _: &System, key: &str) -> Result<Option<Vec<u8>>, PluginError> {
        Ok(self.values.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn set(&self, _: &System, key: &str, value: Option<&[u8]>) -> Result<(), PluginError> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => values.insert(key.to_owned(), value.to_vec()),
            None => values.remove(key),
        };
        Ok(())
    }
}

/// Nothing was provisioned, so nobody stands for anybody.
pub(crate) struct Nobody;

impl Resolver for Nobody {
    fn resolve(
        &self,
        _: &str,
        ids: &[String],
        _: Option<&str>,
        _: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError> {
        Ok(ids.iter().map(|_| Vec::new()).collect())
    }
}
