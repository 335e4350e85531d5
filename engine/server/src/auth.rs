//! One token for the API and for SCIM: shown once, and only its hash is kept.

use crate::problem::Problem;
use axum::http::{HeaderMap, header};
use gangway_store::{Store, StoreError};

/// Where the store keeps the hash.
const SETTING: &str = "api-token";
/// So that people and scanners recognise one.
const PREFIX: &str = "gw_";

/// Recognises the token.
#[derive(Clone, Copy)]
pub(crate) struct Guard {
    hash: blake3::Hash,
}

impl Guard {
    /// The installation's guard. At first start, or if asked for, it has a new token, which is given
    /// this one time.
    pub(crate) fn open(
        store: &dyn Store,
        renew: bool,
        random: impl FnOnce(&mut [u8]) -> Result<(), StoreError>,
    ) -> Result<(Self, Option<String>), StoreError> {
        if let (false, Some(stored)) = (renew, store.setting(SETTING)?) {
            let bytes: [u8; 32] =
                stored.try_into().map_err(|_| StoreError::Damaged("the hash of the API token".to_owned()))?;
            return Ok((Self { hash: blake3::Hash::from_bytes(bytes) }, None));
        }
        let mut secret = [0; 32];
        random(&mut secret)?;
        // Hexadecimal: every shell, header and password manager takes it.
        let token = secret.iter().fold(PREFIX.to_owned(), |text, byte| format!("{text}{byte:02x}"));
        // 256 random bits need no slow hash.
        let hash = blake3::hash(token.as_bytes());
        store.set_setting(SETTING, hash.as_bytes())?;
        Ok((Self { hash }, Some(token)))
    }

    /// What the token is called where it stands for its holder: the beginning of its hash.
    pub(crate) fn name(&self) -> String {
        self.hash.to_hex().chars().take(8).collect()
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            // Comparing two `blake3::Hash` takes the same time wherever they differ.
            Some(token) if blake3::hash(token.as_bytes()) == self.hash => Ok(()),
            Some(_) => Err(Problem::unauthorized(
                "the API token is not the engine's",
                "Bearer realm=\"gangway\", error=\"invalid_token\"",
            )),
            None => Err(Problem::unauthorized("the request has no bearer token", "Bearer realm=\"gangway\"")),
        }
    }
}
