//! Functions on lists.

use std::borrow::Cow;

use super::params::{Number, Params};
use super::{Env, Outcome};
use crate::value::Value;
use crate::variables::Template;

pub(super) struct ElementAt {
    index: Number,
}

impl ElementAt {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        params.required_number("index").map(|index| ElementAt { index })
    }

    /// The element of a list; a value that is no list is its own element 0.
    pub fn apply<'a>(&'a self, value: Value<'a>, env: &Env<'_, '_, 'a>) -> Outcome<'a> {
        let Ok(index) = usize::try_from(self.index.get(env)?) else { return Ok(None) };
        Ok(match value {
            Value::Array(items) => items.into_iter().nth(index),
            other if index == 0 => Some(other),
            _ => None,
        })
    }
}

pub(super) struct Split {
    separator: Box<str>,
    template: Option<Template>,
}

impl Split {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        let separator = params.required_plain("separator")?;
        if separator.is_empty() {
            params.wrong("separator", "the separator cannot be empty");
            return None;
        }
        let template = Template::parse(&separator);
        Some(Split { separator, template })
    }

    pub fn apply<'a>(&'a self, value: Value<'a>, env: &Env<'_, '_, 'a>) -> Result<Value<'a>, String> {
        let separator = match &self.template {
            Some(template) => Cow::Owned(template.expand(env.scope.variables, env.scope.budget)),
            None => Cow::Borrowed(self.separator.as_ref()),
        };
        let text = value.into_text();
        if separator.is_empty() {
            return Ok(Value::Array(vec![Value::String(text)].into()));
        }
        if !env.scope.budget.copy(text.matches(separator.as_ref()).count()) {
            return Ok(Value::Array(Vec::new().into()));
        }
        let parts = match text {
            Cow::Borrowed(text) => {
                text.split(separator.as_ref()).map(|part| Value::String(Cow::Borrowed(part))).collect()
            }
            Cow::Owned(text) => text
                .split(separator.as_ref())
                .map(|part| Value::String(Cow::Owned(part.to_owned())))
                .collect(),
        };
        Ok(Value::Array(parts))
    }
}
