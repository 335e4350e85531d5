//! What arrays and objects consist of.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use crate::value::{Member, Value};

/// What an array or an object consists of: a vector with a drop of its own. What the compiler makes of
/// dropping a value is a call for each one; most own nothing and are told at sight.
#[derive(Debug)]
pub struct Items<T: Piece>(Vec<T>);

/// A value or a member.
pub trait Piece {
    /// Whether it owns nothing, so that dropping it does nothing.
    fn is_light(&self) -> bool;
}

impl Piece for Value<'_> {
    #[inline(always)]
    fn is_light(&self) -> bool {
        match self {
            Value::String(text) | Value::Number(text) => matches!(text, Cow::Borrowed(_)),
            Value::Null | Value::True | Value::False | Value::Hole => true,
            Value::Array(_) | Value::Object(_) | Value::Bytes(_) => false,
        }
    }
}

impl Piece for Member<'_> {
    #[inline(always)]
    fn is_light(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_)) && self.1.is_light()
    }
}

impl<T: Piece> Items<T> {
    /// The vector itself.
    #[inline]
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

#[inline(never)]
fn drop_pieces<T: Piece>(mut pieces: Vec<T>) {
    // Four in one turn: every turn of a loop is counted in WebAssembly.
    while let [.., a, b, c, d] = pieces.as_slice()
        && a.is_light()
        && b.is_light()
        && c.is_light()
        && d.is_light()
    {
        std::mem::forget((pieces.pop(), pieces.pop(), pieces.pop(), pieces.pop()));
    }
    while let Some(last) = pieces.last() {
        if last.is_light() {
            std::mem::forget(pieces.pop());
        } else {
            drop(pieces.pop());
        }
    }
}

impl<T: Piece> Drop for Items<T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() != 0 {
            drop_pieces(std::mem::take(&mut self.0));
        }
    }
}

impl<T: Piece> Default for Items<T> {
    #[inline]
    fn default() -> Self {
        Items(Vec::new())
    }
}

impl<T: Piece> From<Vec<T>> for Items<T> {
    #[inline]
    fn from(items: Vec<T>) -> Self {
        Items(items)
    }
}

impl<T: Piece> FromIterator<T> for Items<T> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Items(items.into_iter().collect())
    }
}

impl<T: Piece> Deref for Items<T> {
    type Target = Vec<T>;

    #[inline]
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Piece> DerefMut for Items<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T: Piece> IntoIterator for Items<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'v, T: Piece> IntoIterator for &'v Items<T> {
    type Item = &'v T;
    type IntoIter = std::slice::Iter<'v, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'v, T: Piece> IntoIterator for &'v mut Items<T> {
    type Item = &'v mut T;
    type IntoIter = std::slice::IterMut<'v, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn only_what_owns_nothing_is_light() {
        let owned = || Cow::Owned("x".to_owned());
        for light in [
            Value::Null,
            Value::True,
            Value::False,
            Value::Hole,
            Value::String(Cow::Borrowed("x")),
            Value::Number(Cow::Borrowed("1")),
        ] {
            assert!(light.is_light(), "{light:?}");
            assert!(!(owned(), light).is_light());
        }
        for heavy in [
            Value::String(owned()),
            Value::Number(owned()),
            Value::Bytes(vec![1]),
            Value::Array(vec![Value::Null].into()),
            Value::Object(vec![(Cow::Borrowed("a"), Value::Null)].into()),
        ] {
            assert!(!heavy.is_light(), "{heavy:?}");
            assert!(!(Cow::Borrowed("x"), heavy).is_light());
        }
    }

    #[test]
    fn what_owns_something_is_dropped_wherever_it_stands() {
        struct Owner<'c>(Option<&'c Cell<u32>>);
        impl Piece for Owner<'_> {
            fn is_light(&self) -> bool {
                self.0.is_none()
            }
        }
        impl Drop for Owner<'_> {
            fn drop(&mut self) {
                self.0.inspect(|count| count.set(count.get() + 1));
            }
        }
        let count = Cell::new(0);
        for which in 0u32..512 {
            for length in 0..=9 {
                let owners = (0..length).map(|at| Owner((which >> at & 1 == 1).then_some(&count)));
                count.set(0);
                drop(Items::from_iter(owners));
                assert_eq!(count.get(), (which & ((1 << length) - 1)).count_ones(), "{which:b} of {length}");
            }
        }
    }
}
