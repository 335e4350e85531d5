//! Java's regular expressions on an engine with look-around and back-references.
//!
//! The pattern is rewritten so that it means here what it means in Java (see `translate`); matching
//! is bounded by a backtrack limit, so a catastrophic pattern ends as an error of the entity.

mod class;
mod replace;
mod translate;

pub use replace::Replace;

use fancy_regex::RegexBuilder;

/// How often the engine may backtrack for one match.
const BACKTRACK_LIMIT: usize = 200_000;
/// Bytes a compiled pattern may take.
const SIZE_LIMIT: usize = 1 << 20;
/// Longest pattern.
const MAX_LENGTH: usize = 16 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    source: String,
    inner: fancy_regex::Regex,
}

/// The groups of one match as byte ranges; the first is the whole match.
pub type Groups = Vec<Option<(usize, usize)>>;

impl Regex {
    /// A pattern that has to match the whole text.
    pub fn full(pattern: &str, flags: &str) -> Result<Regex, String> {
        Self::build(pattern, flags, true)
    }

    /// A pattern that is searched for in the text.
    pub fn search(pattern: &str) -> Result<Regex, String> {
        Self::build(pattern, "", false)
    }

    fn build(pattern: &str, flags: &str, full: bool) -> Result<Regex, String> {
        if pattern.len() > MAX_LENGTH {
            return Err(format!("a pattern of more than {MAX_LENGTH} bytes"));
        }
        let translated = translate::translate(pattern, flags)
            .map_err(|e| format!("the pattern /{pattern}/ is wrong: {e}"))?;
        let text = if full { format!(r"\A(?:{translated})\z") } else { translated };
        let inner = RegexBuilder::new(&text)
            .backtrack_limit(BACKTRACK_LIMIT)
            .delegate_size_limit(SIZE_LIMIT)
            .delegate_dfa_size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| format!("the pattern /{pattern}/ is wrong: {error}"))?;
        Ok(Regex { source: pattern.to_owned(), inner })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many groups the pattern has, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.inner.captures_len().saturating_sub(1)
    }

    /// The number of a named group.
    pub fn named_group(&self, name: &str) -> Option<usize> {
        self.inner.capture_names().position(|group| group == Some(name))
    }

    fn failed(&self, error: &fancy_regex::Error) -> String {
        format!(
            "matching the pattern /{}/ was given up: {error}; write it so that it needs less backtracking",
            self.source
        )
    }

    /// Whether the pattern matches.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        self.inner.is_match(text).map_err(|error| self.failed(&error))
    }

    /// The first match at or behind a place.
    pub fn groups_from(&self, text: &str, from: usize) -> Result<Option<Groups>, String> {
        let captures = self.inner.captures_from_pos(text, from).map_err(|error| self.failed(&error))?;
        Ok(captures.map(|c| (0..c.len()).map(|i| c.get(i).map(|m| (m.start(), m.end()))).collect()))
    }
}

#[cfg(test)]
mod tests;
