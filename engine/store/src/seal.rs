//! Encryption at rest.
//!
//! What would harm if the files were read by someone else (credentials, a plugin's state values,
//! the tenant's hash key) is sealed with XChaCha20-Poly1305 under a key derived from the
//! installation's master key. The nonce has 192 bits, so a random one never repeats in practice,
//! and the place a value belongs to is authenticated with it: a sealed value copied to another
//! tenant, system or property does not open.

use crate::StoreError;
use crate::private::{file_options, make_dir};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::io::{ErrorKind, Write};
use std::path::Path;
use zeroize::Zeroize;

/// Fills a buffer with unpredictable bytes.
pub type Random = fn(&mut [u8]) -> Result<(), StoreError>;

const KEY_FILE: &str = "master.key";
const NONCE: usize = 24;

/// The operating system's randomness.
pub fn os_random(buffer: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(buffer)
        .map_err(|error| StoreError::Failed(format!("the operating system gives no random bytes: {error}")))
}

/// The key everything sealed depends on. Whoever loses it loses the credentials kept in the store.
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// A key kept elsewhere and handed in.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads `master.key` in the data directory; at first start makes it, and the directory.
    ///
    /// A data directory that has a database and no key gets no new key: it could not open what is
    /// there, and would hide that the right one is missing.
    pub fn load_or_create(data_dir: &Path, random: Random) -> Result<Self, StoreError> {
        let path = data_dir.join(KEY_FILE);
        match std::fs::read_to_string(&path) {
            Ok(mut text) => {
                let key = check_private(&path).and_then(|()| parse(&text, &path));
                text.zeroize();
                key
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if data_dir.join("engine.redb").exists() {
                    return Err(StoreError::Failed(format!(
                        "{} is missing, but {} holds a database sealed under it; put the key back from your backup",
                        path.display(),
                        data_dir.display()
                    )));
                }
                create(data_dir, &path, random)
            }
            Err(error) => Err(StoreError::Failed(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// Names the key without giving it away, so that a wrong key is told from damage.
    pub(crate) fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        let derived = blake3::derive_key("gangway 2026-11 name of the master key", &self.0);
        id.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
        id
    }

    /// What seals the values of one tenant.
    pub(crate) fn sealer(&self, tenant: &str, random: Random) -> Sealer {
        let mut material = self.0.to_vec();
        material.extend_from_slice(tenant.as_bytes());
        let mut key = blake3::derive_key("gangway 2026-11 sealed values of a tenant", &material);
        let cipher = XChaCha20Poly1305::new(&key.into());
        material.zeroize();
        key.zeroize();
        Sealer { cipher, tenant: tenant.to_owned(), random }
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(master key)")
    }
}

fn parse(text: &str, path: &Path) -> Result<MasterKey, StoreError> {
    let digits = text.trim().as_bytes();
    let mut key = MasterKey([0; 32]);
    let well_formed = digits.len() == 64
        && key.0.iter_mut().zip(digits.chunks_exact(2)).all(|(byte, pair)| {
            let parsed = std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok());
            parsed.inspect(|value| *byte = *value).is_some()
        });
    if well_formed {
        Ok(key)
    } else {
        Err(StoreError::Failed(format!(
            "{} is not a key: it should hold 64 hexadecimal digits; put it back from your backup",
            path.display()
        )))
    }
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path)
        .map_err(|error| StoreError::Failed(format!("cannot read {}: {error}", path.display())))?;
    if metadata.permissions().mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(StoreError::Failed(format!(
            "{0} can be read by others than its owner; run: chmod 600 {0}",
            path.display()
        )))
    }
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Written in full under another name first and then linked, which fails if the key is there: two
/// engines that start at once end up with one key.
fn create(data_dir: &Path, path: &Path, random: Random) -> Result<MasterKey, StoreError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            StoreError::Full(format!("no room for {}: {error}", path.display()))
        }
        _ => StoreError::Failed(format!("cannot make {}: {error}", path.display())),
    };
    let mut key = MasterKey([0; 32]);
    random(&mut key.0)?;
    let mut text: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    let draft = data_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let written = make_dir(data_dir)
        .and_then(|()| file_options().create(true).truncate(true).open(&draft))
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::hard_link(&draft, path));
    text.zeroize();
    // The draft holds the key too; that it is gone matters more than why it could not go.
    let removed = std::fs::remove_file(&draft);
    match written {
        Ok(()) => {
            removed.map_err(failed)?;
            std::fs::File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => MasterKey::load_or_create(data_dir, random),
        Err(error) => Err(failed(error)),
    }
}

/// Seals and opens the values of one tenant.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    tenant: String,
    random: Random,
}

impl Sealer {
    /// Seals a value for its place; the result is the nonce followed by the ciphertext.
    pub(crate) fn seal(&self, place: &[&str], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE];
        (self.random)(&mut nonce)?;
        self.seal_with(nonce, place, value)
    }

    fn seal_with(&self, nonce: [u8; NONCE], place: &[&str], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let aad = self.aad(place);
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: value, aad: &aad })
            .map_err(|_| StoreError::Failed(format!("cannot encrypt {}", self.describe(place))))?;
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens a value that was sealed for this place.
    pub(crate) fn open(&self, place: &[&str], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let damaged = || {
            StoreError::Damaged(format!(
                "{} does not decrypt: it was altered, or sealed for another place; set it again",
                self.describe(place)
            ))
        };
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        let aad = self.aad(place);
        self.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| damaged())
    }

    /// Every part with its length, so that no two places have the same bytes.
    fn aad(&self, place: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in std::iter::once(self.tenant.as_str()).chain(place.iter().copied()) {
            crate::codec::put_str(&mut out, part);
        }
        out
    }

    fn describe(&self, place: &[&str]) -> String {
        format!("{} of tenant {}", place.join(" "), self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealer(tenant: &str) -> Sealer {
        MasterKey::from_bytes(KEY).sealer(tenant, os_random)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let place = ["property", "s1", "Password"];
        let sealed = sealer("acme").seal(&place, b"hunter2").unwrap();
        assert_eq!(sealer("acme").open(&place, &sealed).unwrap(), b"hunter2");
        assert!(sealer("other").open(&place, &sealed).is_err());
        assert!(sealer("acme").open(&["property", "s2", "Password"], &sealed).is_err());
        assert!(sealer("acme").open(&["property", "s1", "Token"], &sealed).is_err());
        assert!(sealer("acme").open(&["property", "s1P", "assword"], &sealed).is_err());
        assert!(MasterKey::from_bytes([8; 32]).sealer("acme", os_random).open(&place, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer("acme").open(&place, &altered).is_err(), "byte {at}");
            assert!(sealer("acme").open(&place, &sealed[..at]).is_err(), "length {at}");
        }
    }

    #[test]
    fn sealing_twice_differs() {
        let place = ["property", "s1", "Password"];
        let sealer = sealer("acme");
        assert_ne!(sealer.seal(&place, b"same").unwrap(), sealer.seal(&place, b"same").unwrap());
    }

    /// The persisted form: a change here means that stored credentials no longer open.
    #[test]
    fn golden_sealed_value() {
        let sealed =
            sealer("acme").seal_with([9; NONCE], &["property", "s1", "Password"], b"hunter2").unwrap();
        assert_eq!(
            hex(&sealed),
            "090909090909090909090909090909090909090909090909580eda2ea8609471a55afef274b20bf851d9e2d75cd14f"
        );
        assert_eq!(hex(&MasterKey::from_bytes(KEY).id()), "a85a99820cb5907e");
    }

    #[test]
    fn the_key_file_is_made_once_and_private() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data");
        let first = MasterKey::load_or_create(&dir, os_random).unwrap();
        let again = MasterKey::load_or_create(&dir, os_random).unwrap();
        assert_eq!(first.0, again.0);
        assert_ne!(first.0, [0; 32]);
        let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_FILE]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = dir.join(KEY_FILE);
            assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = MasterKey::load_or_create(&dir, os_random).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn two_first_starts_at_once_end_up_with_one_key() {
        let dir = tempfile::tempdir().unwrap();
        // As if another process had made its key between our look and our link.
        let theirs = MasterKey::load_or_create(dir.path(), os_random).unwrap();
        let ours = create(dir.path(), &dir.path().join(KEY_FILE), os_random).unwrap();
        assert_eq!(ours.0, theirs.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lost_or_broken_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("engine.redb"), b"").unwrap();
        let error = MasterKey::load_or_create(dir.path(), os_random).unwrap_err().to_string();
        assert!(error.contains("missing") && error.contains("backup"), "{error}");
        assert!(!dir.path().join(KEY_FILE).exists());

        for text in ["", "abc", &"g".repeat(64), &"a".repeat(66), &"é".repeat(32)] {
            let path = dir.path().join(KEY_FILE);
            std::fs::write(&path, text).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let error = MasterKey::load_or_create(dir.path(), os_random).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{text:?}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", MasterKey::from_bytes(KEY)), "(master key)");
    }
}
