//! `gangway:plugin/files`: files that the administrator named one by one. A plugin gives a name from
//! that list, never a path, so there is no path to climb out of.

use crate::bindings::v0_1::gangway::plugin::files::{FileInfo, Host, HostReplacement};
use crate::bindings::v0_1::gangway::plugin::types::PluginError as Refusal;
use crate::guest::GuestState;
use crate::scope::{Open, denied};
use gangway_model::{FileGrant, PluginError, code};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tempfile::NamedTempFile;
use wasmtime::component::Resource;

/// A file being written beside the one whose place it takes on commit. Dropping it removes it.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the bindings re-export it")]
pub struct Replacement {
    name: String,
    target: PathBuf,
    /// None once it is committed.
    file: Option<NamedTempFile>,
    written: u64,
}

impl Host for GuestState {
    async fn list(&mut self) -> Result<Vec<FileInfo>, Refusal> {
        let files = self.scope.files()?.system.grants.files.clone();
        let _wait = self.meter.wait();
        blocking(move || {
            let mut infos = Vec::new();
            for grant in files {
                match std::fs::metadata(&grant.path) {
                    Ok(metadata) if metadata.is_file() => infos.push(FileInfo {
                        name: grant.name,
                        size: metadata.len(),
                        modified_ms: modified_ms(&metadata),
                        writable: grant.write,
                    }),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(&grant.name, "looked at", &error)),
                }
            }
            Ok(infos)
        })
        .await
    }

    async fn read(&mut self, name: String, offset: u64, max: u32) -> Result<Vec<u8>, Refusal> {
        let path = PathBuf::from(&granted(self.scope.files()?, &self.scope.plugin, &name, false)?.path);
        let max = max.min(self.limits.file_read_bytes);
        let _wait = self.meter.wait();
        blocking(move || {
            let mut file = open(&path).map_err(|error| failed(&name, "opened", &error))?;
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(offset))
                .and_then(|_| file.take(u64::from(max)).read_to_end(&mut bytes))
                .map_err(|error| failed(&name, "read", &error))?;
            Ok(bytes)
        })
        .await
    }

    async fn replace(&mut self, name: String) -> Result<Resource<Replacement>, Refusal> {
        let target = PathBuf::from(&granted(self.scope.files()?, &self.scope.plugin, &name, true)?.path);
        if self.replacements >= self.limits.file_replacements {
            return Err(too_many().into());
        }
        let replacement = {
            let _wait = self.meter.wait();
            blocking(move || {
                let file = beside(&target).map_err(|error| failed(&name, "replaced", &error))?;
                Ok(Replacement { name, target, file: Some(file), written: 0 })
            })
            .await?
        };
        let resource = self.table.push(replacement).map_err(|_| too_many())?;
        self.replacements += 1;
        Ok(resource)
    }
}

impl HostReplacement for GuestState {
    async fn write(&mut self, replacement: Resource<Replacement>, bytes: Vec<u8>) -> Result<(), Refusal> {
        let limit = self.limits.file_write_bytes;
        let replacement = self.table.get_mut(&replacement).map_err(|_| finished())?;
        let name = replacement.name.clone();
        let file = replacement.file.as_ref().ok_or_else(finished)?;
        let written = replacement.written.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if written > limit {
            return Err(PluginError::new(
                code::TOO_LARGE,
                format!("the file {name:?} would have more than {limit} bytes"),
            )
            .into());
        }
        let mut handle = file.as_file().try_clone().map_err(|error| failed(&name, "written", &error))?;
        replacement.written = written;
        let _wait = self.meter.wait();
        blocking(move || handle.write_all(&bytes).map_err(|error| failed(&name, "written", &error))).await
    }

    async fn commit(&mut self, replacement: Resource<Replacement>) -> Result<(), Refusal> {
        let replacement = self.table.get_mut(&replacement).map_err(|_| finished())?;
        let file = replacement.file.take().ok_or_else(finished)?;
        let (name, target) = (replacement.name.clone(), replacement.target.clone());
        let _wait = self.meter.wait();
        blocking(move || take_place(file, &target).map_err(|error| failed(&name, "replaced", &error))).await
    }

    async fn drop(&mut self, replacement: Resource<Replacement>) -> wasmtime::Result<()> {
        self.table.delete(replacement)?;
        self.replacements = self.replacements.saturating_sub(1);
        Ok(())
    }
}

/// The second key: the administrator named the file.
fn granted<'a>(open: &'a Open, plugin: &str, name: &str, write: bool) -> Result<&'a FileGrant, PluginError> {
    let system = &open.system.name;
    let shown: String = name.chars().take(100).collect();
    let line = |path: &str| {
        let write = if write { ", \"write\": true" } else { "" };
        format!("\"files\": [{{\"name\": {shown:?}, \"path\": {path:?}{write}}}]")
    };
    match open.system.grants.files.iter().find(|grant| grant.name == name) {
        Some(grant) if write && !grant.write => Err(denied(format!(
            "the system \"{system}\" grants the plugin {plugin} to read the file {shown:?}, but not to write it. To allow \
             it, change the system's grants: {}",
            line(&grant.path)
        ))),
        Some(grant) if Path::new(&grant.path).is_absolute() => Ok(grant),
        Some(_) => Err(PluginError::new(
            code::CONFIGURATION,
            format!("system \"{system}\": the path of the granted file {shown:?} must be absolute"),
        )),
        None => Err(denied(format!(
            "the plugin {plugin} declares \"files\", but the system \"{system}\" grants it no file named {shown:?}. To \
             allow it, add this to the system's grants: {}",
            line("/absolute/path")
        ))),
    }
}

/// A regular file; a pipe or a device would block, or never end.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

/// A new file in the same folder, so that it can be moved into place, with the permissions of the
/// one it replaces.
fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    let file = tempfile::Builder::new().prefix(".gangway-").suffix(".tmp").tempfile_in(folder)?;
    match std::fs::metadata(target) {
        Ok(metadata) if metadata.is_file() => file.as_file().set_permissions(metadata.permissions())?,
        Ok(_) => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(file)
}

/// After this the new content is there, whole, even if the power fails.
fn take_place(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    if let Some(folder) = target.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn modified_ms(metadata: &std::fs::Metadata) -> u64 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| u64::try_from(age.as_millis()).ok())
        .unwrap_or(0)
}

/// Names the file as the plugin knows it: the path stays with the host.
fn failed(name: &str, done: &str, error: &io::Error) -> PluginError {
    let code = match error.kind() {
        io::ErrorKind::NotFound => code::NOT_FOUND,
        io::ErrorKind::PermissionDenied => code::FORBIDDEN,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            code::TOO_LARGE
        }
        _ => code::UNAVAILABLE,
    };
    // Other texts may contain the path.
    let reason = match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    };
    PluginError::new(code, format!("the file {name:?} cannot be {done}: {reason}")).with("file", name)
}

fn finished() -> PluginError {
    PluginError::new(code::INVALID, "this replacement is committed already")
}

fn too_many() -> PluginError {
    PluginError::new(
        code::UNAVAILABLE,
        "too many files are being written at once; the plugin must finish some",
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PluginError> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            Err(PluginError::new(code::INTERNAL, format!("the file operation failed: {error}")).into())
        }
    }
}
