//! What the plugin may know of the system it serves.

use crate::error::{Error, Result};
use std::ops::RangeInclusive;

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::system as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::system as host;

/// The system's properties. Of a secret one only the name is given.
pub fn properties() -> Properties {
    Properties(host::properties())
}

/// Whether the running job is being stopped.
pub fn cancelled() -> bool {
    host::cancelled()
}

/// The error `cancelled` if the running job is being stopped: for plugins that loop.
pub fn check_cancelled() -> Result<()> {
    if cancelled() { Err(Error::cancelled("The job is being stopped.")) } else { Ok(()) }
}

/// The system's properties, by name. An empty value counts as not set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    /// Properties from pairs of name and value.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Properties(pairs)
    }

    /// Every pair of name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the property is there at all; the only question that a secret one answers.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The value exactly as it was given, white space included, unless it is empty.
    pub fn verbatim(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    /// The value without white space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.verbatim(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The value, or another one if it is not set.
    pub fn get_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.get(name).unwrap_or(default)
    }

    /// The value, or an error that names the property.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| {
            Error::configuration(format!("The property `{name}` is not set. Set it on the system."))
                .with_detail("property", name)
        })
    }

    /// A property by the end of its name, such as `.content.type`: one with the prefix of a particular
    /// system beats the generic `scim.` one. Its name and value.
    pub fn prefixed(&self, ending: &str) -> Option<(&str, &str)> {
        let named = || {
            self.iter()
                .filter_map(|(name, value)| Some((name, name.strip_suffix(ending)?, value.trim())))
                .filter(|(_, prefix, value)| !prefix.is_empty() && !value.is_empty())
        };
        let own = named().find(|(_, prefix, _)| *prefix != "scim");
        own.or_else(|| named().next()).map(|(name, _, value)| (name, value))
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(wrong(name, value, "`true` or `false`")),
        }
    }

    /// A whole number within a range.
    pub fn number(&self, name: &str, default: u64, range: RangeInclusive<u64>) -> Result<u64> {
        let Some(value) = self.get(name) else { return Ok(default) };
        value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            wrong(name, value, &format!("a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// One of some words.
    pub fn choice<'a>(&'a self, name: &str, default: &'a str, words: &[&str]) -> Result<&'a str> {
        match self.get(name) {
            None => Ok(default),
            Some(value) if words.contains(&value) => Ok(value),
            Some(value) => Err(wrong(name, value, &format!("one of `{}`", words.join("`, `")))),
        }
    }

    /// The parts of a value separated by commas, without white space around them; none if it is not set.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.get(name)
            .map(|value| value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect())
            .unwrap_or_default()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Properties(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The error for a property whose value is not what it has to be.
pub fn wrong(name: &str, value: &str, expected: &str) -> Error {
    Error::configuration(format!("The property `{name}` is {value:?}, but it must be {expected}."))
        .with_detail("property", name)
}
