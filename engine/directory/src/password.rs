//! Passwords are turned into Argon2id hashes before a request reaches the writer.

use crate::patch::field;
use crate::{Ids, ScimError};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// The least that OWASP advises.
const MEMORY_KB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
const LANES: u32 = 1;

/// A hash takes 19 MB: one at a time.
#[derive(Default)]
pub(crate) struct Passwords(Mutex<()>);

impl Passwords {
    /// Replaces the passwords in a resource or a PATCH by their hashes.
    pub(crate) fn hide(&self, body: &mut Value, ids: &dyn Ids) -> Result<(), ScimError> {
        let Some(map) = body.as_object_mut() else { return Ok(()) };
        self.in_map(map, ids)?;
        let operations = map.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case("Operations")).map(|(_, v)| v);
        for operation in operations.and_then(Value::as_array_mut).into_iter().flatten() {
            let names_password = field(operation, "path").and_then(Value::as_str).is_some_and(is_password);
            let Some(operation) = operation.as_object_mut() else { continue };
            for (key, value) in operation.iter_mut() {
                match value {
                    Value::String(text) if names_password && key.eq_ignore_ascii_case("value") => {
                        *text = self.hash(text, ids)?;
                    }
                    Value::Object(map) if key.eq_ignore_ascii_case("value") => self.in_map(map, ids)?,
                    // An operation of a bulk request.
                    data if key.eq_ignore_ascii_case("data") => self.hide(data, ids)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn in_map(&self, map: &mut serde_json::Map<String, Value>, ids: &dyn Ids) -> Result<(), ScimError> {
        for (key, value) in map.iter_mut() {
            if is_password(key)
                && let Value::String(text) = value
            {
                *text = self.hash(text, ids)?;
            }
        }
        Ok(())
    }

    fn hash(&self, password: &str, ids: &dyn Ids) -> Result<String, ScimError> {
        const LONGEST: usize = 1024;
        if password.is_empty() || password.len() > LONGEST {
            return Err(ScimError::value(format!("\"password\" must have 1 to {LONGEST} bytes")));
        }
        let failed =
            |e: argon2::Error| ScimError::new(500, None, format!("the password could not be hashed: {e}"));
        let salt = *ids.next().as_bytes();
        let mut hash = [0; 32];
        {
            let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let parameters = Params::new(MEMORY_KB, ROUNDS, LANES, None).map_err(failed)?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
                .hash_password_into(password.as_bytes(), &salt, &mut hash)
                .map_err(failed)?;
        }
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$argon2id$v=19$m={MEMORY_KB},t={ROUNDS},p={LANES}${salt}${hash}"))
    }
}

fn is_password(path: &str) -> bool {
    const NAME: &str = "password";
    let name = path.trim().rsplit(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case(NAME)
}
