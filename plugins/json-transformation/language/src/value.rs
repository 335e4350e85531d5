//! The value tree that entities, constants and variables are made of.
//!
//! Strings borrow from the text they were parsed from (or from the compiled document), so copying
//! a value copies pointers and no text. Numbers stay the text they were written as. An object is a
//! list of members: entities have few of them, and a search through a short list beats a hash.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::items::Items;
use crate::json;
use crate::same::same_text;

/// Text that borrows where it can.
pub type Text<'a> = Cow<'a, str>;

/// One member of an object.
pub type Member<'a> = (Text<'a>, Value<'a>);

/// A JSON value; in addition bytes (between two functions) and holes (in an output under
/// construction). Neither leaves the language: bytes are written as text, holes are left out.
#[derive(Debug, Default)]
pub enum Value<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true`. (Two variants without a payload: a payload of one byte would make every copy of a
    /// value a copy of odd pieces, which costs a fifth of the time.)
    True,
    /// `false`.
    False,
    /// A number as it was written.
    Number(Text<'a>),
    /// A string.
    String(Text<'a>),
    /// A list.
    Array(Items<Value<'a>>),
    /// Members in the order of their first appearance.
    Object(Items<Member<'a>>),
    /// What `decode` yields.
    Bytes(Vec<u8>),
    /// An array element that was never written.
    Hole,
}

impl<'a> Value<'a> {
    /// The member `name` of an object.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => find(members, name),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&[Member<'a>]> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Whether this is a boolean, and which.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::True => Some(true),
            Value::False => Some(false),
            _ => None,
        }
    }

    /// `null`, or a hole, which nothing was written to.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::Hole)
    }

    /// The text form used wherever text is needed: strings as they are, everything else as JSON.
    pub fn to_text(&self) -> Text<'_> {
        match self {
            Value::String(text) | Value::Number(text) => Cow::Borrowed(text),
            Value::Null | Value::Hole => Cow::Borrowed("null"),
            Value::True => Cow::Borrowed("true"),
            Value::False => Cow::Borrowed("false"),
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Value::Array(_) | Value::Object(_) => Cow::Owned(json::to_string(self)),
        }
    }

    /// The same as [`Value::to_text`], without a copy where the value is text already.
    pub fn into_text(self) -> Text<'a> {
        match self {
            Value::String(text) | Value::Number(text) => text,
            Value::Null | Value::Hole => Cow::Borrowed("null"),
            Value::True => Cow::Borrowed("true"),
            Value::False => Cow::Borrowed("false"),
            Value::Bytes(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
            other => Cow::Owned(json::to_string(&other)),
        }
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::True => Value::True,
            Value::False => Value::False,
            Value::Number(text) => Value::Number(Cow::Owned(text.into_owned())),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Bytes(bytes) => Value::Bytes(bytes),
            Value::Hole => Value::Hole,
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(members) => Value::Object(
                members.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned())).collect(),
            ),
        }
    }

    /// A copy that borrows every text from `self`: what a constant of a compiled document becomes
    /// in the run that uses it.
    pub fn borrowed(&'a self) -> Value<'a> {
        match self {
            Value::Null => Value::Null,
            Value::True => Value::True,
            Value::False => Value::False,
            Value::Number(text) => Value::Number(Cow::Borrowed(text)),
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Value::Hole => Value::Hole,
            Value::Array(items) => {
                let mut copy = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::String(text) => copy.push(Value::String(Cow::Borrowed(text))),
                        item => copy.push(item.borrowed()),
                    }
                }
                Value::Array(copy.into())
            }
            Value::Object(members) => {
                let mut copy = Vec::with_capacity(members.len());
                for (name, item) in members {
                    let name = Cow::Borrowed(name.as_ref());
                    match item {
                        Value::String(text) => copy.push((name, Value::String(Cow::Borrowed(text.as_ref())))),
                        item => copy.push((name, item.borrowed())),
                    }
                }
                Value::Object(copy.into())
            }
        }
    }

    /// How many values this one consists of, itself included.
    pub fn nodes(&self) -> usize {
        let below = |value: &Value<'_>| if value.is_container() { value.nodes() } else { 1 };
        match self {
            Value::Array(items) => 1 + items.iter().map(below).sum::<usize>(),
            Value::Object(members) => 1 + members.iter().map(|(_, value)| below(value)).sum::<usize>(),
            _ => 1,
        }
    }

    /// A copy, and how many values are below it. Written where they stay, piece by piece: a derived copy hands every
    /// value on through memory.
    pub fn copied(&self, nodes: &mut usize) -> Value<'a> {
        match self {
            Value::Null => Value::Null,
            Value::True => Value::True,
            Value::False => Value::False,
            Value::Number(text) => Value::Number(text.clone()),
            Value::String(text) => Value::String(text.clone()),
            Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Value::Hole => Value::Hole,
            Value::Array(items) => {
                *nodes += items.len();
                let mut copy = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::String(Cow::Borrowed(text)) => copy.push(Value::String(Cow::Borrowed(text))),
                        item => copy.push(item.copied(nodes)),
                    }
                }
                Value::Array(copy.into())
            }
            Value::Object(members) => {
                *nodes += members.len();
                let mut copy = Vec::with_capacity(members.len());
                for (name, item) in members {
                    let name = match name {
                        Cow::Borrowed(name) => Cow::Borrowed(*name),
                        name => name.clone(),
                    };
                    match item {
                        Value::String(Cow::Borrowed(text)) => {
                            copy.push((name, Value::String(Cow::Borrowed(*text))));
                        }
                        item => copy.push((name, item.copied(nodes))),
                    }
                }
                Value::Object(copy.into())
            }
        }
    }

    /// A text, a number or a truth value.
    #[inline]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Value::String(_) | Value::Number(_) | Value::True | Value::False)
    }

    /// Becomes another value. What replaces nothing is written where it stays: not handed on through
    /// memory, and nothing is dropped.
    #[inline(always)]
    pub fn put(&mut self, value: Value<'a>) {
        if matches!(self, Value::Null | Value::Hole | Value::True | Value::False) {
            std::mem::forget(std::mem::replace(self, value));
        } else {
            *self = value;
        }
    }

    /// An array or an object.
    #[inline]
    pub fn is_container(&self) -> bool {
        matches!(self, Value::Array(_) | Value::Object(_))
    }

    /// What kind of value this is, in the words of an error message.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null | Value::Hole => "null",
            Value::True | Value::False => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
            Value::Bytes(_) => "bytes",
        }
    }

    /// Deep equality: numbers by their value, objects regardless of the order of their members.
    pub fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null | Value::Hole, Value::Null | Value::Hole) => true,
            (Value::True, Value::True) | (Value::False, Value::False) => true,
            (Value::String(a), Value::String(b)) => same_text(a, b),
            (Value::Number(a), Value::Number(b)) => json::compare_numbers(a, b) == Some(Ordering::Equal),
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, a)| find(b, k).is_some_and(|b| a.same(b)))
            }
            _ => false,
        }
    }
}

impl Clone for Value<'_> {
    fn clone(&self) -> Self {
        self.copied(&mut 0)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        if value { Value::True } else { Value::False }
    }
}

/// The member `name` in a list of members.
#[inline]
pub fn find<'v, 'a>(members: &'v [Member<'a>], name: &str) -> Option<&'v Value<'a>> {
    members.iter().find(|(key, _)| same_text(key, name)).map(|(_, value)| value)
}

/// Sets the member `name`, keeping its place if it exists.
pub fn set<'a>(members: &mut Vec<Member<'a>>, name: Text<'a>, value: Value<'a>) {
    match members.iter_mut().find(|(key, _)| same_text(key, &name)) {
        Some((_, old)) => *old = value,
        None => members.push((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_by_value() {
        let a = json::parse(r#"{"a":1.0,"b":[true,null]}"#).unwrap();
        let b = json::parse(r#"{"b":[true,null],"a":1}"#).unwrap();
        assert!(a.same(&b));
        assert!(!a.same(&json::parse(r#"{"a":1}"#).unwrap()));
        assert!(!json::parse("1").unwrap().same(&json::parse("\"1\"").unwrap()));
    }

    #[test]
    fn a_copy_counts_what_is_in_it() {
        for text in ["1", "[]", "{}", r#"["a",[],[1,{"b":"c"}]]"#, r#"{"a":{"b":[1,"c"],"d":{}},"e":"f"}"#] {
            let (value, mut nodes) = (json::parse(text).unwrap(), 1);
            assert!(value.copied(&mut nodes).same(&value), "{text}");
            assert_eq!(nodes, value.nodes(), "{text}");
        }
    }

    #[test]
    fn text_forms() {
        assert_eq!(json::parse(r#"[1, {"a": "b\n"}]"#).unwrap().to_text(), r#"[1,{"a":"b\n"}]"#);
        assert_eq!(json::parse("1.50").unwrap().to_text(), "1.50");
        assert_eq!(Value::Bytes(b"x".to_vec()).into_text(), "x");
    }
}
