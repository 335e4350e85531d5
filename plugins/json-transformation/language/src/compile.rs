//! From the tree of a document to something that runs, and everything that is wrong with it.

mod first;
mod mapping;

use std::borrow::Cow;

use crate::condition::Condition;
use crate::diagnostic::{Diagnostic, Problems};
use crate::document;
use crate::functions::DateFormat;
use crate::json;
use crate::lint;
use crate::mapping::{Compiled, Direction, Entity, Operation, Settings};
use crate::nearest::nearest;
use crate::path::Path;
use crate::value::{Member, Value, find};
use crate::variables::Template;

const ENTITY_KEYS: [&str; 5] = ["condition", "ignore", "skipOperations", "scimEntityEndpoint", "mappings"];
const MAPPING_KEYS: [&str; 17] = [
    "sourcePath",
    "targetPath",
    "sourceVariable",
    "targetVariable",
    "variablePath",
    "constant",
    "sourcePaths",
    "valueMappings",
    "type",
    "optional",
    "defaultValue",
    "preserveArrayWithSingleElement",
    "functions",
    "condition",
    "scope",
    "ignore",
    "correlationAttribute",
];
/// Legal, without effect.
const HASHING: &str = "hashing";
const DATE_FORMAT: &str = "ips.date.variable.format";
const DEFAULT_DATE_FORMAT: &str = "yyyy-MM-dd HH:mm:ss.SSS";
const CURRENT_DATE: &str = "currentDate";

/// Compiles a document. The error is every problem at once.
pub fn compile(
    text: &str,
    direction: Direction,
    properties: &[(String, String)],
) -> Result<Compiled, Vec<Diagnostic>> {
    let properties: crate::parser::Properties = properties.iter().cloned().collect();
    let document = document::parse(text, &properties).map_err(|error| {
        let (line, column) = crate::diagnostic::position(text, error.offset);
        let message = format!("the document is not valid JSON: {}", error.message);
        vec![Diagnostic {
            severity: crate::diagnostic::Severity::Error,
            pointer: String::new(),
            line,
            column,
            message,
        }]
    })?;
    let mut problems = Problems::default();
    let date_format = properties.get(DATE_FORMAT).cloned().unwrap_or_else(|| DEFAULT_DATE_FORMAT.to_owned());
    let settings = Settings { properties, date_format };
    let mut entities = Vec::new();
    match &document.tree {
        // Half a document, as it stands in many examples: one mapping, or the inside of a type.
        Value::Object(members)
            if members.iter().any(|(name, value)| {
                let misplaced = MAPPING_KEYS.contains(&name.as_ref()) || ENTITY_KEYS.contains(&name.as_ref());
                misplaced && value.get("mappings").is_none()
            }) =>
        {
            problems.error("", "a document starts with its entity types, as in {\"user\": {\"mappings\": […]}}; this is only a part of one");
        }
        Value::Object(members) => {
            for (name, value) in members {
                let mut compiler = Compiler { direction, settings: &settings, problems: &mut problems };
                entities.extend(compiler.entity(name, value));
            }
        }
        other => problems.error(
            "",
            format!("a document is an object with a member for each entity type, this is {}", other.kind()),
        ),
    }
    let date_format = match DateFormat::parse(&settings.date_format) {
        Ok(format) => Some(format),
        Err(message) => {
            if entities.iter().any(|entity| entity.needs_time) {
                problems.error("", format!("the property {DATE_FORMAT} is wrong: {message}"));
            }
            None
        }
    };
    lint::missing_properties(&document.missing, &mut problems);
    entities.iter().for_each(|entity| lint::entity(entity, direction, &document.dependent, &mut problems));
    let failed = problems.has_errors();
    let diagnostics = problems.locate(&document.cleaned);
    if failed {
        Err(diagnostics)
    } else {
        Ok(Compiled { direction, entities, warnings: diagnostics, date_format })
    }
}

struct Compiler<'c> {
    direction: Direction,
    settings: &'c Settings,
    problems: &'c mut Problems,
}

impl Compiler<'_> {
    fn entity(&mut self, name: &str, value: &Value<'_>) -> Option<Entity> {
        let pointer = format!("/{}", json::pointer_token(name));
        let Value::Object(members) = value else {
            self.problems.error(
                pointer,
                format!(
                    "the entity type `{name}` is described by an object with `mappings`, this is {}",
                    value.kind()
                ),
            );
            return None;
        };
        self.known_keys(members, &ENTITY_KEYS, &pointer, "an entity type");
        let condition = self.condition(members, &pointer);
        let ignored = self.flag(members, "ignore", &pointer);
        let skip = self.skip_operations(members, &pointer);
        if let Some(endpoint) = find(members, "scimEntityEndpoint")
            && endpoint.as_str().is_none()
        {
            self.problems.error(
                format!("{pointer}/scimEntityEndpoint"),
                "`scimEntityEndpoint` is a text such as \"Users\"",
            );
        }
        let mut mappings = Vec::new();
        match find(members, "mappings") {
            Some(Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    mappings.extend(self.mapping(item, &format!("{pointer}/mappings/{at}")));
                }
            }
            Some(other) => self.problems.error(
                format!("{pointer}/mappings"),
                format!("`mappings` is a list, this is {}", other.kind()),
            ),
            None if ignored => {}
            None => self.problems.error(&pointer, format!("the entity type `{name}` has no `mappings`")),
        }
        first::tell(&mut mappings);
        let needs_time = !ignored && mentions_current_date(value);
        Some(Entity { name: name.to_owned(), pointer, ignored, condition, skip, mappings, needs_time })
    }

    fn known_keys(&mut self, members: &[Member<'_>], known: &[&str], pointer: &str, what: &str) {
        for (name, _) in members {
            if !known.contains(&name.as_ref()) {
                let hint = match nearest(name, known) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => format!("; it has {}", known.join(", ")),
                };
                let pointer = format!("{pointer}/{}", json::pointer_token(name));
                self.problems.error(pointer, format!("{what} has no `{name}`{hint}"));
            }
        }
    }

    fn flag(&mut self, members: &[Member<'_>], name: &str, pointer: &str) -> bool {
        let value = match find(members, name) {
            None => return false,
            Some(value) => value,
        };
        match value {
            Value::True => true,
            Value::False => false,
            Value::String(text) if text == "true" => true,
            Value::String(text) if text == "false" => false,
            other => {
                self.problems.error(
                    format!("{pointer}/{name}"),
                    format!("`{name}` is true or false, this is {}", other.kind()),
                );
                false
            }
        }
    }

    fn text<'d>(&mut self, members: &'d [Member<'_>], name: &str, pointer: &str) -> Option<&'d str> {
        match find(members, name)? {
            Value::String(text) => Some(text),
            other => {
                self.problems.error(
                    format!("{pointer}/{name}"),
                    format!("`{name}` is a text, this is {}", other.kind()),
                );
                None
            }
        }
    }

    fn condition(&mut self, members: &[Member<'_>], pointer: &str) -> Option<Condition> {
        let text = self.text(members, "condition", pointer)?;
        match Condition::parse(text, &self.settings.properties) {
            Ok(condition) => {
                let pointer = format!("{pointer}/condition");
                condition.expr().into_iter().for_each(|expr| lint::condition(expr, &pointer, self.problems));
                Some(condition)
            }
            Err(error) => {
                self.problems.error(
                    format!("{pointer}/condition"),
                    format!("the condition [{text}] is wrong {error}"),
                );
                None
            }
        }
    }

    fn path_of(&mut self, text: &str, pointer: String) -> Option<Path> {
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.problems.error(pointer, format!("the path `{text}` is wrong {error}"));
                None
            }
        }
    }

    fn path(&mut self, members: &[Member<'_>], name: &str, pointer: &str) -> Option<Path> {
        let text = self.text(members, name, pointer)?;
        self.path_of(text, format!("{pointer}/{name}"))
    }

    fn skip_operations(&mut self, members: &[Member<'_>], pointer: &str) -> Vec<Operation> {
        let Some(value) = find(members, "skipOperations") else { return Vec::new() };
        let pointer = format!("{pointer}/skipOperations");
        if self.direction == Direction::Read {
            self.problems.error(pointer, "`skipOperations` belongs into a write transformation");
            return Vec::new();
        }
        let items: Vec<&Value<'_>> = match value {
            Value::Array(items) => items.iter().collect(),
            single => vec![single],
        };
        let mut skipped = Vec::new();
        for item in items {
            let operation = item.as_str().and_then(Operation::of).filter(|operation| {
                matches!(operation, Operation::Create | Operation::Update | Operation::Delete)
            });
            match operation {
                Some(operation) => skipped.push(operation),
                None => self.problems.error(
                    &pointer,
                    format!("`{}` is no operation; there are create, update and delete", item.to_text()),
                ),
            }
        }
        skipped
    }
}

/// Whether `currentDate` is used anywhere, as a variable or as a reference in a text.
fn mentions_current_date(value: &Value<'_>) -> bool {
    match value {
        Value::String(text) => text == CURRENT_DATE || text.contains("${currentDate}"),
        Value::Array(items) => items.iter().any(mentions_current_date),
        Value::Object(members) => members.iter().any(|(_, value)| mentions_current_date(value)),
        _ => false,
    }
}

/// A constant with its references filled in.
pub(crate) fn expand<'a>(
    value: &'a Value<'static>,
    variables: &crate::variables::Variables<'_>,
    budget: &crate::budget::Budget,
) -> Value<'a> {
    match value {
        Value::String(text) => match Template::parse(text) {
            Some(template) => Value::String(Cow::Owned(template.expand(variables, budget))),
            None => Value::String(Cow::Borrowed(text)),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| expand(item, variables, budget)).collect())
        }
        Value::Object(members) => Value::Object(
            members.iter().map(|(k, v)| (Cow::Borrowed(k.as_ref()), expand(v, variables, budget))).collect(),
        ),
        other => other.borrowed(),
    }
}

#[cfg(test)]
mod tests;
