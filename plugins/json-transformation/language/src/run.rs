//! One document applied to one entity.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::compile::expand;
use crate::condition::Condition;
use crate::explain::Trace;
use crate::functions::{Env, Lookups, Random};
use crate::mapping::{Action, Direction, Entity, Mapping, Operation, Origin, Set, Table};
use crate::path::{self, Found, Scope};
use crate::same::same_text;
use crate::value::{Text, Value};
use crate::variables::Variables;

/// How an application ended.
pub(crate) enum Ending<'a> {
    Transformed(Value<'a>),
    Filtered(String),
    Skipped(String),
    Failed { reason: String, mapping: String },
    Deleted,
}

/// What an application leaves behind.
pub(crate) struct Finished<'a> {
    pub ending: Ending<'a>,
    pub variables: Variables<'a>,
    pub correlation: Vec<Text<'a>>,
}

/// What a run may use from outside.
pub(crate) struct Outside<'o> {
    pub random: &'o mut dyn Random,
    pub lookups: &'o mut Lookups,
    pub trace: Option<&'o mut Trace>,
}

/// Applies an entity type's mappings.
pub(crate) fn run<'a>(
    entity: &'a Entity,
    direction: Direction,
    operation: Operation,
    input: &Value<'a>,
    variables: Variables<'a>,
    outside: Outside<'_>,
) -> Finished<'a> {
    let budget = Budget::default();
    let mut run = Run {
        direction,
        operation,
        input,
        output: Value::Object(Vec::with_capacity(entity.mappings.len().clamp(4, 32)).into()),
        variables,
        correlation: Vec::new(),
        budget: &budget,
        outside,
    };
    let ending = run.entity(entity);
    Finished { ending, variables: run.variables, correlation: run.correlation }
}

struct Run<'r, 'a, 'o> {
    direction: Direction,
    operation: Operation,
    input: &'r Value<'a>,
    output: Value<'a>,
    variables: Variables<'a>,
    correlation: Vec<Text<'a>>,
    budget: &'r Budget,
    outside: Outside<'o>,
}

/// What obtaining a value came to.
enum Obtained<'a> {
    Value(Value<'a>),
    Nothing,
    /// The mapping does nothing, whatever its rules say.
    Silent(&'static str),
}

impl<'a> Run<'_, 'a, '_> {
    fn scope(&self) -> Scope<'_, 'a> {
        Scope { input: self.input, variables: &self.variables, budget: self.budget }
    }

    fn entity(&mut self, entity: &'a Entity) -> Ending<'a> {
        let failed = |reason: String, mapping: &str| Ending::Failed { reason, mapping: mapping.to_owned() };
        if let Some(condition) = &entity.condition
            && !matches!(self.operation, Operation::Delete | Operation::Patch)
        {
            let holds = condition.holds(self.input, self.scope());
            if let Some(trace) = &mut self.outside.trace {
                trace.entity_condition(&entity.pointer, &condition.text, holds);
            }
            if let Some(fault) = self.budget.fault() {
                return failed(fault, &format!("{}/condition", entity.pointer));
            }
            if !holds {
                return Ending::Filtered(format!("Entity condition [{}] is not fulfilled", condition.text));
            }
        }
        if self.direction == Direction::Write && entity.skip.contains(&self.operation) {
            return Ending::Skipped(format!(
                "Operation [{}] is skipped in target transformation",
                self.operation.as_str()
            ));
        }
        let mut ran = 0usize;
        for mapping in &entity.mappings {
            if !mapping.runs(self.direction, self.operation) {
                self.begin(mapping);
                self.end("other scope");
                continue;
            }
            ran += 1;
            if let Err(reason) = self.turn(mapping) {
                return self.failed(mapping, reason);
            }
        }
        if self.operation == Operation::Delete && self.direction == Direction::Write && ran == 0 {
            return Ending::Deleted;
        }
        Ending::Transformed(std::mem::take(&mut self.output))
    }

    /// A mapping's turn. What most mappings do comes first and has functions of its own: a large function
    /// keeps everything it needs in memory instead of registers, in WebAssembly above all.
    #[inline(always)]
    fn turn(&mut self, mapping: &'a Mapping) -> Result<(), String> {
        self.begin(mapping);
        let fulfilled = match &mapping.condition {
            Some(condition) => self.fulfilled(condition),
            None => true,
        };
        if fulfilled {
            match &mapping.action {
                Action::Set(set) if set.copies && self.copied(set) => {}
                _ => self.act(mapping)?,
            }
        }
        if self.budget.is_exceeded() { Err(self.budget.fault().unwrap_or_default()) } else { Ok(()) }
    }

    #[inline(always)]
    fn begin(&mut self, mapping: &Mapping) {
        if let Some(trace) = &mut self.outside.trace {
            trace.begin(&mapping.pointer, &mapping.label);
        }
    }

    #[inline]
    fn end(&mut self, end: &str) {
        if let Some(trace) = &mut self.outside.trace {
            trace.end(end);
        }
    }

    #[cold]
    #[inline(never)]
    fn failed(&mut self, mapping: &Mapping, reason: String) -> Ending<'a> {
        // A fault that was noted before is the reason for what came after.
        let reason = self.budget.fault().unwrap_or(reason);
        if let Some(trace) = &mut self.outside.trace {
            trace.failed(&reason);
        }
        let reason =
            if mapping.label.is_empty() { reason } else { format!("mapping {}: {reason}", mapping.label) };
        Ending::Failed { reason, mapping: mapping.pointer.clone() }
    }

    #[inline(never)]
    fn fulfilled(&mut self, condition: &Condition) -> bool {
        let holds = condition.holds(self.input, self.scope());
        if let Some(trace) = &mut self.outside.trace {
            trace.condition(&condition.text, holds);
            if !holds && !self.budget.is_exceeded() {
                trace.end("condition not fulfilled");
            }
        }
        holds
    }

    /// What a mapping does whose condition, if it has one, is fulfilled.
    #[inline(never)]
    fn act(&mut self, mapping: &'a Mapping) -> Result<(), String> {
        let scope = Scope { input: self.input, variables: &self.variables, budget: self.budget };
        let end = match &mapping.action {
            Action::Set(set) => self.set(set)?,
            Action::Remove(path) => {
                path::remove(&mut self.output, path, scope);
                "removed"
            }
            Action::Rename(path, name) => {
                path::rename(&mut self.output, path, name, scope);
                "renamed"
            }
        };
        if !self.budget.is_exceeded() {
            self.end(end);
        }
        Ok(())
    }

    /// A text, number or truth value that goes from one place to another as it is, or is not there and
    /// need not be: most mappings, and nothing to hand around. False if it is more than that; then nothing
    /// has happened.
    #[inline(never)]
    fn copied(&mut self, set: &'a Set) -> bool {
        if self.outside.trace.is_some() {
            return false;
        }
        let Some(target) = &set.target else { return false };
        if let Origin::Path(path) = &set.origin {
            let Some(value) = path.straight(self.input, self.input) else {
                return set.optional && set.default.is_none();
            };
            if !value.is_scalar() {
                return false;
            }
            let Some(slot) = path::slot(&mut self.output, target) else { return false };
            match value {
                Value::String(Cow::Borrowed(text)) => slot.put(Value::String(Cow::Borrowed(text))),
                other => put_copy(slot, other),
            }
            if set.correlation {
                correlate(value, &mut self.correlation);
            }
        } else if let Origin::Constant(constant) = &set.origin {
            let Some(slot) = path::slot(&mut self.output, target) else { return false };
            match constant {
                Value::String(text) => slot.put(Value::String(Cow::Borrowed(text))),
                Value::True => slot.put(Value::True),
                Value::False => slot.put(Value::False),
                other => put_borrowed(slot, other),
            }
            if set.correlation {
                correlate(constant, &mut self.correlation);
            }
        } else {
            return false;
        }
        self.budget.copy(1);
        true
    }

    fn set(&mut self, set: &'a Set) -> Result<&'static str, String> {
        let obtained = self.obtain(set)?;
        if let Some(trace) = &mut self.outside.trace {
            trace.source(match &obtained {
                Obtained::Value(value) => Some(value),
                _ => None,
            });
        }
        let value = match obtained {
            Obtained::Silent(end) => return Ok(end),
            Obtained::Value(value) => Some(value),
            Obtained::Nothing => None,
        };
        let missing = value.is_none();
        let value = match (value, set.functions.is_empty()) {
            (value, true) => value,
            (None, false) if !missing_allowed(set) => None,
            (value, false) => self.chain(set, value)?,
        };
        let value = match (value, &set.default) {
            (Some(value), _) => value,
            (None, Some(default)) => {
                if let Some(trace) = &mut self.outside.trace {
                    trace.default_taken();
                }
                self.budget.copy(default.nodes());
                default.borrowed()
            }
            (None, None) if set.optional => return Ok("no value, optional"),
            (None, None) if missing && set.target.is_none() && set.variable.is_none() && indefinite(set) => {
                return Ok("no value, correlation only");
            }
            (None, None) => return Err(no_value(set, missing)),
        };
        self.store(set, value)
    }

    fn store(&mut self, set: &'a Set, value: Value<'a>) -> Result<&'static str, String> {
        if set.correlation {
            correlate(&value, &mut self.correlation);
        }
        if let Some(trace) = &mut self.outside.trace {
            trace.written(set.target.is_some(), set.variable.as_deref(), &value);
        }
        let value = match &set.variable {
            Some(name) if set.target.is_none() => {
                self.variables.set(Cow::Borrowed(name), value);
                return Ok("written");
            }
            Some(name) => {
                self.budget.copy(value.nodes());
                self.variables.set(Cow::Borrowed(name), value.clone());
                value
            }
            None => value,
        };
        if let Some(path) = &set.target {
            let scope = Scope { input: self.input, variables: &self.variables, budget: self.budget };
            path::write(&mut self.output, path, value, scope)?;
        }
        Ok("written")
    }

    /// The value of a mapping before its functions.
    fn obtain(&mut self, set: &'a Set) -> Result<Obtained<'a>, String> {
        let value = match &set.origin {
            Origin::None => return Ok(Obtained::Nothing),
            Origin::Constant(constant) => {
                self.budget.copy(constant.nodes());
                return Ok(Obtained::Value(constant.borrowed()));
            }
            Origin::Text(template) => {
                let text = template.expand(&self.variables, self.budget);
                return Ok(Obtained::Value(Value::String(Cow::Owned(text))));
            }
            Origin::Template(constant) => {
                return Ok(Obtained::Value(expand(constant, &self.variables, self.budget)));
            }
            Origin::Table(table) => {
                return Ok(self
                    .look_up(table)
                    .map_or(Obtained::Nothing, |value| Obtained::Value(value.borrowed())));
            }
            Origin::Path(path) if path.is_straight() => {
                match path.straight_apart(self.input, self.input) {
                    None => return Ok(Obtained::Nothing),
                    // The usual value, not handed on through memory.
                    Some(Value::String(Cow::Borrowed(text))) => {
                        return Ok(Obtained::Value(Value::String(Cow::Borrowed(text))));
                    }
                    Some(value) => collapse(Found::One(Cow::Borrowed(value)), set.preserve, self.budget),
                }
            }
            Origin::Path(path) => collapse(path.read(self.input, self.scope()), set.preserve, self.budget),
            Origin::Variable(name, path) => {
                let found = if set.functions.is_empty() {
                    self.variables.peek(name)
                } else {
                    self.variables.get(name)
                };
                let Some(value) = found else {
                    // Every write transformation maps the target's identifier, which does not exist
                    // before the create.
                    return Ok(if set.default.is_some() {
                        Obtained::Nothing
                    } else {
                        Obtained::Silent("variable not set")
                    });
                };
                match path {
                    Some(path) => {
                        let scope = Scope { input: value, ..self.scope() };
                        collapse(path.read(value, scope), set.preserve, self.budget)
                    }
                    None => collapse(Found::One(Cow::Borrowed(value)), set.preserve, self.budget),
                }
            }
        };
        Ok(match value {
            // `null` is there, but it is no value for a mapping that can do without one.
            Some(Value::Null) if set.optional || set.default.is_some() => Obtained::Nothing,
            Some(value) => Obtained::Value(value),
            None => Obtained::Nothing,
        })
    }

    /// The first row of a table whose keys are the values found.
    fn look_up(&self, table: &'a Table) -> Option<&'a Value<'static>> {
        let mut found: Vec<String> = Vec::with_capacity(table.paths.len());
        for path in &table.paths {
            let value = collapse(path.read(self.input, self.scope()), false, self.budget)?;
            if value.is_null() {
                return None;
            }
            found.push(value.into_text().into_owned());
        }
        let matches = |key: &[Box<str>]| key.iter().zip(&found).all(|(key, value)| same_text(key, value));
        table.rows.iter().find(|(key, _)| matches(key)).map(|(_, value)| value)
    }

    fn chain(&mut self, set: &'a Set, value: Option<Value<'a>>) -> Result<Option<Value<'a>>, String> {
        let mut value = value;
        for (at, call) in set.functions.iter().enumerate() {
            if value.is_none() && !(at == 0 && call.accepts_missing()) {
                return Ok(None);
            }
            let mut env = Env {
                scope: Scope { input: self.input, variables: &self.variables, budget: self.budget },
                random: &mut *self.outside.random,
                lookups: &mut *self.outside.lookups,
            };
            let result = call.apply(value, &mut env).map_err(|reason| format!("{}: {reason}", call.name));
            if let Some(fault) = self.budget.fault() {
                return Err(format!("{}: {fault}", call.name));
            }
            value = result?;
            if let Some(trace) = &mut self.outside.trace {
                trace.function(call.name, value.as_ref());
            }
        }
        Ok(value)
    }
}

/// Apart, as the next: what goes through memory on its way would make whoever calls it keep a place for it there.
#[inline(never)]
fn put_copy<'a>(slot: &mut Value<'a>, value: &Value<'a>) {
    slot.put(value.clone());
}

#[inline(never)]
fn put_borrowed<'a>(slot: &mut Value<'a>, value: &'a Value<'static>) {
    slot.put(value.borrowed());
}

fn missing_allowed(set: &Set) -> bool {
    set.default.is_none() && set.functions.first().is_some_and(crate::functions::Call::accepts_missing)
}

fn indefinite(set: &Set) -> bool {
    matches!(&set.origin, Origin::Path(path) | Origin::Variable(_, Some(path)) if !path.definite)
}

fn no_value(set: &Set, missing: bool) -> String {
    let advice = "give the mapping \"optional\": true or a \"defaultValue\" if it may be absent";
    if missing {
        format!("the mandatory value is missing; {advice}")
    } else {
        let last = set.functions.last().map_or("", |call| call.name);
        format!("the functions (the last is {last}) give no result for the value; {advice}")
    }
}

/// A list of one becomes that one, and a list without hits no value, unless lists are preserved.
fn collapse<'a>(found: Found<'_, 'a>, preserve: bool, budget: &Budget) -> Option<Value<'a>> {
    let copy = |value: Cow<'_, Value<'a>>| match value {
        Cow::Owned(value) => value,
        Cow::Borrowed(value) => {
            let mut nodes = 1;
            let copy = value.copied(&mut nodes);
            if value.is_container() {
                budget.copy(nodes);
            }
            copy
        }
    };
    match found {
        Found::Missing => None,
        Found::One(value) => match (&*value, preserve) {
            (Value::Array(items), false) => match items.as_slice() {
                [only] => Some(copy(Cow::Borrowed(only))),
                _ => Some(copy(value)),
            },
            _ => Some(copy(value)),
        },
        Found::List(hits) => match (hits.len(), preserve) {
            (0, false) => None,
            (1, false) => hits.into_iter().next().map(copy),
            _ => Some(Value::Array(hits.into_iter().map(copy).collect())),
        },
    }
}

/// The texts of a value, of a list those of its elements; null and empty texts do not count.
fn correlate<'a>(value: &Value<'a>, correlation: &mut Vec<Text<'a>>) {
    let text = match value {
        Value::Array(items) => return items.iter().for_each(|item| correlate(item, correlation)),
        Value::Null | Value::Hole => return,
        Value::String(Cow::Borrowed(text)) => Cow::Borrowed(*text),
        other => Cow::Owned(other.to_text().into_owned()),
    };
    if text.is_empty() {
        return;
    }
    if correlation.capacity() == 0 {
        *correlation = Vec::with_capacity(1);
    }
    correlation.push(text);
}
