//! Functions on the members of objects.

use std::borrow::Cow;

use super::Env;
use super::params::{Params, Source};
use crate::value::{Member, Value, find, set};

pub(super) enum Entry {
    Copy(Box<str>, Box<str>),
    Rename(Box<str>, Box<str>),
    PutIfAbsent(Box<str>, Put),
    PutIfPresent(Box<str>, Put),
}

/// A value of any kind; a text may refer to variables or be a path.
pub(super) enum Put {
    Value(Value<'static>),
    Text(Source),
}

impl Put {
    fn get<'a>(&'a self, env: &Env<'_, '_, 'a>) -> Value<'a> {
        match self {
            Put::Value(value) => {
                env.scope.budget.copy(value.nodes());
                value.borrowed()
            }
            Put::Text(source) => Value::String(source.text(env)),
        }
    }
}

impl Entry {
    pub fn compile(name: &str, params: &mut Params<'_, '_>) -> Option<Entry> {
        if let "copyMapEntry" | "renameMapEntry" = name {
            let (from, to) = (params.required_plain("sourceKey"), params.required_plain("targetKey"));
            return Some(if name == "copyMapEntry" {
                Entry::Copy(from?, to?)
            } else {
                Entry::Rename(from?, to?)
            });
        }
        let key = params.required_plain("key");
        let put = match params.any("defaultValue")? {
            Value::String(_) => Put::Text(params.source("defaultValue")?),
            other => Put::Value(other.clone().into_owned()),
        };
        Some(if name == "putIfAbsent" {
            Entry::PutIfAbsent(key?, put)
        } else {
            Entry::PutIfPresent(key?, put)
        })
    }

    pub fn apply<'a>(&'a self, value: Value<'a>, env: &Env<'_, '_, 'a>) -> Result<Value<'a>, String> {
        let mut members = match value {
            Value::Object(members) => members,
            other => return Ok(other),
        };
        let has =
            |members: &[Member<'a>], key: &str| find(members, key).is_some_and(|value| !value.is_null());
        match self {
            Entry::Copy(from, to) => {
                if let Some(value) = find(&members, from).cloned()
                    && env.scope.budget.copy(value.nodes())
                {
                    set(&mut members, Cow::Borrowed(to), value);
                }
            }
            Entry::Rename(from, to) => {
                if from != to
                    && let Some(at) = members.iter().position(|(key, _)| key.as_ref() == from.as_ref())
                {
                    let (_, value) = members.remove(at);
                    set(&mut members, Cow::Borrowed(to), value);
                }
            }
            Entry::PutIfAbsent(key, put) => {
                if !has(&members, key) {
                    set(&mut members, Cow::Borrowed(key), put.get(env));
                }
            }
            Entry::PutIfPresent(key, put) => {
                if has(&members, key) {
                    set(&mut members, Cow::Borrowed(key), put.get(env));
                }
            }
        }
        Ok(Value::Object(members))
    }
}
