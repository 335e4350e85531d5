//! The name of a member in a path, which remembers where it was found.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::same::{ends, same_long, same_text};
use crate::value::{Member, Value};

/// A name. Entities of a type have the same members in the same order, mostly, so the place where a
/// name was last is the first to look at.
pub struct Name {
    text: Box<str>,
    /// Its [`ends`], to compare it in a few instructions.
    ends: (u64, u64),
    /// Only a hint: any value is right.
    place: AtomicUsize,
}

impl Name {
    /// The place of this name in a list of members.
    #[inline(always)]
    pub fn place_in(&self, members: &[Member<'_>]) -> Option<usize> {
        let hint = self.place.load(Ordering::Relaxed);
        if members.get(hint).is_some_and(|(name, _)| self.is(name)) {
            return Some(hint);
        }
        let place = self.search(members);
        (place < members.len()).then_some(place)
    }

    /// The value of this name in a list of members.
    #[inline(always)]
    pub fn find_in<'m, 'a>(&self, members: &'m [Member<'a>]) -> Option<&'m Value<'a>> {
        let hint = self.place.load(Ordering::Relaxed);
        if let Some((name, value)) = members.get(hint)
            && self.is(name)
        {
            return Some(value);
        }
        members.get(self.search(members)).map(|(_, value)| value)
    }

    #[inline(always)]
    fn is(&self, other: &str) -> bool {
        let (text, other) = (self.text.as_bytes(), other.as_bytes());
        text.len() == other.len() && ends(other) == self.ends && (text.len() <= 16 || same_long(text, other))
    }

    /// A place behind the end if it is not there. (An optional number would be handed on through memory.)
    #[inline(never)]
    fn search(&self, members: &[Member<'_>]) -> usize {
        let mut at = 0;
        while let Some(rest) = members.get(at..) {
            at += self.candidate(rest);
            match members.get(at) {
                Some((name, _)) if same_text(name, &self.text) => {
                    self.place.store(at, Ordering::Relaxed);
                    return at;
                }
                Some(_) => at += 1,
                None => return at,
            }
        }
        at
    }

    /// The first place of a name of the same length that ends alike, mostly none. Four members in one turn,
    /// because every turn of a loop is counted in WebAssembly, and no call, so that it runs in registers.
    /// (Nor more than four numbers to hand on: the fifth would go through memory, and wait there.)
    #[inline(never)]
    fn candidate(&self, members: &[Member<'_>]) -> usize {
        let alike = |(name, _): &Member<'_>| {
            name.len() == self.text.len() && name.as_bytes().last() == self.text.as_bytes().last()
        };
        let mut at = 0;
        let (fours, rest) = members.as_chunks::<4>();
        for [a, b, c, d] in fours {
            if alike(a) {
                return at;
            }
            if alike(b) {
                return at + 1;
            }
            if alike(c) {
                return at + 2;
            }
            if alike(d) {
                return at + 3;
            }
            at += 4;
        }
        at + rest.iter().position(alike).unwrap_or(rest.len())
    }
}

impl<T: Into<Box<str>>> From<T> for Name {
    fn from(text: T) -> Self {
        let text = text.into();
        Name { ends: ends(text.as_bytes()), text, place: AtomicUsize::new(0) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn every_member_is_found_wherever_the_last_one_was() {
        let names: Vec<String> =
            (0..11).map(|at| format!("{}{at}", "urn:ietf:params:".repeat(at % 3))).collect();
        for count in 0..names.len() {
            let members: Vec<Member<'_>> =
                names.iter().take(count).map(|name| (Cow::Borrowed(name.as_str()), Value::Null)).collect();
            for (at, text) in names.iter().enumerate() {
                let name = Name::from(text.as_str());
                for hint in 0..=names.len() {
                    name.place.store(hint, Ordering::Relaxed);
                    assert_eq!(name.find_in(&members).is_some(), at < count, "{text} of {count}");
                    name.place.store(hint, Ordering::Relaxed);
                    assert_eq!(name.place_in(&members), (at < count).then_some(at), "{text} of {count}");
                }
            }
        }
    }
}
