//! Secret values: never in logs, errors or `Debug` output, and masked where a server echoes them.

use bytes::Bytes;
use memchr::memmem;
use std::fmt;
use std::sync::Arc;

/// Shorter values stand in ordinary text too often to be masked in answers.
const MIN_MASKED: usize = 8;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn new(value: &str) -> Self {
        Self(Arc::from(value))
    }

    /// For the one place that puts it on the wire.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Finds the secrets of a system in what its servers answer.
#[derive(Clone, Default)]
pub(crate) struct Mask {
    finders: Vec<Arc<memmem::Finder<'static>>>,
}

impl Mask {
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values: Vec<&str> = secrets.into_iter().filter(|s| s.len() >= MIN_MASKED).collect();
        // Longest first: a secret inside another must not keep the longer one from being found.
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        values.dedup();
        Self { finders: values.into_iter().map(|v| Arc::new(memmem::Finder::new(v).into_owned())).collect() }
    }

    /// The same and one more, such as a token that was just fetched.
    pub(crate) fn with(&self, secret: &str) -> Self {
        let mut mask = self.clone();
        if secret.len() >= MIN_MASKED {
            mask.finders.push(Arc::new(memmem::Finder::new(secret).into_owned()));
        }
        mask
    }

    /// Overwrites every secret with as many `*`, so that lengths stay true. Says whether it did.
    pub(crate) fn apply(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for finder in &self.finders {
            let length = finder.needle().len();
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
                let start = from + at;
                if let Some(hit) = bytes.get_mut(start..start + length) {
                    hit.fill(b'*');
                }
                from = start + length;
                found = true;
            }
        }
        found
    }

    /// The same for text.
    pub(crate) fn text(&self, text: String) -> String {
        let mut bytes = text.into_bytes();
        self.apply(&mut bytes);
        // Whole secrets are whole characters, so what is left is still UTF-8.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// The same for bytes that may be shared.
    pub(crate) fn bytes(&self, bytes: Bytes) -> (Vec<u8>, bool) {
        let mut bytes = Vec::from(bytes);
        let found = self.apply(&mut bytes);
        (bytes, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_at_the_same_length() {
        let mask = Mask::of(["hunter2-hunter2", "short", "päßwörter"]);
        let mut body = b"a hunter2-hunter2 b short c hunter2-hunter2".to_vec();
        assert!(mask.apply(&mut body));
        assert_eq!(body, b"a *************** b short c ***************");
        assert_eq!(mask.text("x päßwörter y".to_owned()), format!("x {} y", "*".repeat("päßwörter".len())));
        assert!(!mask.apply(&mut b"nothing here".to_vec()));
    }

    #[test]
    fn a_secret_inside_a_longer_one_does_not_hide_it() {
        let mask = Mask::of(["password", "password-and-more"]);
        let mut body = b"password-and-more".to_vec();
        mask.apply(&mut body);
        assert_eq!(body, b"*****************");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2-hunter2")), "(secret)");
    }
}
