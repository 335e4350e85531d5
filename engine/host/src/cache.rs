//! Compiled code on disk, so that a restart or a second tenant does not compile again.
//!
//! A file is named by the SHA-256 of the component and by what the compiler's output depends on. It
//! is written beside its place, moved there, and never changed. Its last 32 bytes are the SHA-256 of
//! the rest: a file that was damaged is recompiled, not run. The folder must be as well protected
//! as the engine's own program file, and compiled code from anywhere else is never accepted.

use crate::LoadError;
use crate::verify::hexadecimal;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash as _, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const CHECKSUM: usize = 32;

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    compatibility: String,
}

impl Cache {
    pub(crate) fn new(folder: &Path, engine: &Engine) -> Result<Self, LoadError> {
        std::fs::create_dir_all(folder).map_err(|error| {
            LoadError::Engine(format!(
                "the folder for compiled plugins {} cannot be made: {error}",
                folder.display()
            ))
        })?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(|error| {
                LoadError::Engine(format!(
                    "the folder for compiled plugins {} cannot be protected: {error}",
                    folder.display()
                ))
            })?;
        }
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hexadecimal(hasher.0.finalize().get(..16).unwrap_or_default());
        Ok(Self { folder: folder.to_owned(), compatibility })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.compatibility))
    }

    /// Compiled code, if there is any and it is whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).ok()?;
        let loaded = bytes
            .split_last_chunk::<CHECKSUM>()
            .filter(|(code, checksum)| Sha256::digest(code).as_slice() == checksum.as_slice())
            .ok_or_else(|| wasmtime::format_err!("the checksum is wrong"))
            .and_then(|(code, _)| {
                // SAFETY: the bytes are what this engine's `Component::serialize` gave: they come from a
                // folder that only the engine's user can write to, under a name that only `store` gives,
                // and their checksum is right.
                #[allow(unsafe_code)]
                unsafe {
                    Component::deserialize(engine, code)
                }
            });
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(file = %path.display(), "compiled code is damaged and is made again: {error:#}");
                // If it cannot be removed, it cannot be replaced either, and stays refused.
                let _ = std::fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps compiled code. The cache being full or read-only is no reason not to run a plugin.
    pub(crate) fn store(&self, digest: &str, component: &Component) {
        if let Err(error) = self.try_store(digest, component) {
            tracing::warn!(folder = %self.folder.display(), "compiled code is not kept: {error:#}");
        }
    }

    fn try_store(&self, digest: &str, component: &Component) -> anyhow::Result<()> {
        let code = component.serialize()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&code)?;
        file.write_all(&Sha256::digest(&code))?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(self.path(digest)) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error.into()),
        }
    }
}

/// The standard library's hasher may give other numbers in the next release of the compiler.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
