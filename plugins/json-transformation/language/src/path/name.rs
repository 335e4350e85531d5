//! The name of a member in a path, which remembers where it was found.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::value::{Member, same_text};

/// A name. Entities of a type have the same members in the same order, mostly, so the place where a
/// name was last is the first to look at.
pub struct Name {
    text: Box<str>,
    /// Only a hint: any value is right.
    place: AtomicUsize,
}

impl Name {
    /// The place of this name in a list of members.
    #[inline(always)]
    pub fn place_in(&self, members: &[Member<'_>]) -> Option<usize> {
        let hint = self.place.load(Ordering::Relaxed);
        if members.get(hint).is_some_and(|(name, _)| same_text(name, &self.text)) {
            return Some(hint);
        }
        self.search(members)
    }

    #[inline(never)]
    fn search(&self, members: &[Member<'_>]) -> Option<usize> {
        let place = members.iter().position(|(name, _)| same_text(name, &self.text))?;
        self.place.store(place, Ordering::Relaxed);
        Some(place)
    }
}

impl<T: Into<Box<str>>> From<T> for Name {
    fn from(text: T) -> Self {
        Name { text: text.into(), place: AtomicUsize::new(0) }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
