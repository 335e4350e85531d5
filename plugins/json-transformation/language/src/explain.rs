//! The trace of one application: what every mapping did, and why.

use std::borrow::Cow;

use crate::json;
use crate::value::{Member, Value};

/// Longest text of a value in a trace, in bytes.
const MAX_VALUE: usize = 4096;

/// Collects the steps of one application.
#[derive(Debug, Default)]
pub struct Trace {
    list: Vec<Value<'static>>,
    entry: Vec<Member<'static>>,
    functions: Vec<Value<'static>>,
}

fn text(text: &str) -> Value<'static> {
    Value::String(Cow::Owned(text.to_owned()))
}

/// The value itself, or the beginning of its text if it is long.
fn excerpt(value: &Value<'_>) -> Value<'static> {
    if value.nodes() > MAX_VALUE {
        return text(&format!("({} with {} values)", value.kind(), value.nodes()));
    }
    let written = json::to_string(value);
    if written.len() <= MAX_VALUE {
        return value.clone().into_owned();
    }
    let cut: String = written.chars().take(MAX_VALUE).collect();
    text(&format!("{cut}…"))
}

impl Trace {
    fn add(&mut self, name: &'static str, value: Value<'static>) {
        self.entry.push((Cow::Borrowed(name), value));
    }

    /// The entity's condition.
    pub(crate) fn entity_condition(&mut self, pointer: &str, condition: &str, holds: bool) {
        self.add("entity", text(pointer));
        self.condition(condition, holds);
        self.close();
    }

    /// A mapping's turn begins.
    pub(crate) fn begin(&mut self, pointer: &str, label: &str) {
        self.add("mapping", text(pointer));
        self.add("of", text(label));
    }

    /// The mapping's condition.
    pub(crate) fn condition(&mut self, condition: &str, holds: bool) {
        self.add("condition", text(condition));
        self.add("fulfilled", Value::from(holds));
    }

    /// The value found, if any.
    pub(crate) fn source(&mut self, value: Option<&Value<'_>>) {
        match value {
            Some(value) => self.add("source", excerpt(value)),
            None => self.add("noValue", Value::True),
        }
    }

    /// What a function made of it.
    pub(crate) fn function(&mut self, name: &str, value: Option<&Value<'_>>) {
        let mut step = vec![(Cow::Borrowed("function"), text(name))];
        step.push(match value {
            Some(value) => (Cow::Borrowed("result"), excerpt(value)),
            None => (Cow::Borrowed("noResult"), Value::True),
        });
        self.functions.push(Value::Object(step.into()));
    }

    /// The default value is taken.
    pub(crate) fn default_taken(&mut self) {
        self.add("default", Value::True);
    }

    /// The value and where it went.
    pub(crate) fn written(&mut self, to_output: bool, variable: Option<&str>, value: &Value<'_>) {
        self.flush();
        if to_output {
            self.add("wrote", excerpt(value));
        } else {
            self.add("value", excerpt(value));
        }
        if let Some(variable) = variable {
            self.add("variable", text(variable));
        }
    }

    fn flush(&mut self) {
        if !self.functions.is_empty() {
            let functions = std::mem::take(&mut self.functions);
            self.add("functions", Value::Array(functions.into()));
        }
    }

    /// The mapping's turn ends.
    pub(crate) fn end(&mut self, how: &str) {
        self.flush();
        self.add("end", text(how));
        self.close();
    }

    /// The mapping fails the entity.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.flush();
        self.add("end", text("failed"));
        self.add("reason", text(reason));
        self.close();
    }

    fn close(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.list.push(Value::Object(entry.into()));
    }

    /// The trace as a JSON array.
    pub fn into_json(self) -> String {
        json::to_string(&Value::Array(self.list.into()))
    }
}
