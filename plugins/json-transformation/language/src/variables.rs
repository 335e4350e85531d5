//! Variables of one run, and texts that refer to them as `${name}`.

use std::borrow::Cow;
use std::cell::Cell;

use crate::budget::Budget;
use crate::value::{Text, Value, find, set};

/// The entity's identifier in the target: preset for all operations but `create`.
pub const TARGET_ID: &str = "entityIdTargetSystem";

/// The variables of one run, in the order of their first setting. There are few, so a list.
#[derive(Debug, Clone, Default)]
pub struct Variables<'a> {
    list: Vec<(Text<'a>, Value<'a>)>,
    missed_id: Cell<bool>,
}

impl<'a> Variables<'a> {
    /// Starts with the members of an object.
    pub fn preset(list: Vec<(Text<'a>, Value<'a>)>) -> Self {
        Variables { list, missed_id: Cell::new(false) }
    }

    /// The value of a variable, for something whose outcome may depend on it.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let value = find(&self.list, name);
        if value.is_none() && name == TARGET_ID {
            self.missed_id.set(true);
        }
        value
    }

    /// The value of a variable, to be handed on as it is or not at all.
    pub fn peek(&self, name: &str) -> Option<&Value<'a>> {
        find(&self.list, name)
    }

    /// Whether [`TARGET_ID`] was asked for while it was not there.
    pub fn missed_id(&self) -> bool {
        self.missed_id.get()
    }

    /// Sets a variable.
    pub fn set(&mut self, name: Text<'a>, value: Value<'a>) {
        if self.list.capacity() == 0 {
            self.list = Vec::with_capacity(4);
        }
        set(&mut self.list, name, value);
    }

    /// All variables.
    pub fn list(&self) -> &[(Text<'a>, Value<'a>)] {
        &self.list
    }
}

/// A text with references to variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Box<str>),
}

impl Template {
    /// The template of a text; `None` if it refers to no variable.
    pub fn parse(text: &str) -> Option<Template> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some(at) = rest.find("${") {
            let (before, tail) = rest.split_at(at);
            plain.push_str(before);
            let inner = tail.get(2..).unwrap_or_default();
            match inner.find('}') {
                Some(end) if end > 0 => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain).into()));
                    }
                    parts.push(Part::Variable(inner.get(..end).unwrap_or_default().into()));
                    rest = inner.get(end + 1..).unwrap_or_default();
                }
                _ => {
                    plain.push_str("${");
                    rest = inner;
                }
            }
        }
        if parts.is_empty() {
            return None;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Some(Template { parts })
    }

    /// The text with every reference replaced by the variable's text form; `null` if undefined.
    pub fn expand(&self, variables: &Variables<'_>, budget: &Budget) -> String {
        let mut text = String::with_capacity(64);
        for part in &self.parts {
            let piece: Cow<'_, str> = match part {
                Part::Text(text) => Cow::Borrowed(text),
                Part::Variable(name) => variables.get(name).map_or(Cow::Borrowed("null"), Value::to_text),
            };
            if !budget.text(piece.len()) {
                break;
            }
            text.push_str(&piece);
        }
        text
    }

    /// The text with every reference replaced by the same value.
    pub fn with_all(&self, value: &str) -> String {
        let pieces = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_ref(),
            Part::Variable(_) => value,
        });
        pieces.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_references() {
        let mut variables = Variables::default();
        variables.set("a".into(), Value::String("x".into()));
        variables.set("n".into(), Value::Number("1".into()));
        let expand = |text| Template::parse(text).map(|t| t.expand(&variables, &Budget::default()));
        assert_eq!(expand("<${a}-${n}-${zz}>").as_deref(), Some("<x-1-null>"));
        assert_eq!(expand("plain $ {a} ${"), None);
        assert_eq!(expand("${}${a}").as_deref(), Some("${}x"));
    }
}
