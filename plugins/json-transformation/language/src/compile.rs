//! From the tree of a document to something that runs, and everything that is wrong with it.

use std::borrow::Cow;

use crate::condition::Condition;
use crate::diagnostic::{Diagnostic, Problems};
use crate::document;
use crate::functions::{Call, DateFormat, NAMES, Params};
use crate::json;
use crate::lint;
use crate::mapping::{Action, Compiled, Direction, Entity, Mapping, Operation, Origin, Set, Settings, Table};
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
    entities.iter().for_each(|entity| lint::entity(entity, direction, &mut problems));
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

    fn mapping(&mut self, value: &Value<'_>, pointer: &str) -> Option<Mapping> {
        let Value::Object(members) = value else {
            self.problems.error(pointer, format!("a mapping is an object, this is {}", value.kind()));
            return None;
        };
        let known: Vec<&str> = MAPPING_KEYS.iter().copied().chain([HASHING]).collect();
        self.known_keys(members, &known, pointer, "a mapping");
        if self.flag(members, "ignore", pointer) {
            return None;
        }
        let condition = self.condition(members, pointer);
        let scope = self.scope(members, pointer);
        let action = self.action(members, pointer);
        Some(Mapping {
            pointer: pointer.to_owned(),
            label: label(members),
            condition,
            scope,
            action: action?,
        })
    }

    fn scope(&mut self, members: &[Member<'_>], pointer: &str) -> Option<Operation> {
        let text = self.text(members, "scope", pointer)?;
        let scope = match text {
            "createEntity" => Operation::Create,
            "patchEntity" => Operation::Patch,
            "deleteEntity" => Operation::Delete,
            other => {
                let scopes = ["createEntity", "patchEntity", "deleteEntity"];
                let hint =
                    nearest(other, &scopes).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                self.problems.error(
                    format!("{pointer}/scope"),
                    format!("`{other}` is no scope; there are {}{hint}", scopes.join(", ")),
                );
                return None;
            }
        };
        if self.direction == Direction::Read {
            self.problems
                .warning(format!("{pointer}/scope"), "a scope has no effect in a read transformation");
        }
        Some(scope)
    }

    fn action(&mut self, members: &[Member<'_>], pointer: &str) -> Option<Action> {
        match self.text(members, "type", pointer).unwrap_or("set") {
            "set" => self.set(members, pointer, false),
            "valueMapping" => self.set(members, pointer, true),
            kind @ ("remove" | "rename") => {
                if find(members, "targetPath").is_none() {
                    self.problems.error(pointer, format!("`{kind}` needs a `targetPath`"));
                }
                let path = self.path(members, "targetPath", pointer);
                if let Some(path) = &path
                    && path.root == crate::path::Root::Current
                {
                    self.problems.error(format!("{pointer}/targetPath"), "a target path starts with `$`");
                }
                if kind == "remove" {
                    return Some(Action::Remove(path?));
                }
                let Some(Value::String(name)) = find(members, "constant") else {
                    self.problems.error(pointer, "`rename` needs a `constant`: the new name, a text");
                    return None;
                };
                let path = path?;
                if !matches!(path.steps.last(), Some(crate::path::Step::Name(_))) {
                    self.problems
                        .error(format!("{pointer}/targetPath"), "`rename` needs a path that ends in a name");
                    return None;
                }
                Some(Action::Rename(path, name.as_ref().into()))
            }
            other => {
                let types = ["set", "remove", "rename", "valueMapping"];
                let hint =
                    nearest(other, &types).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                self.problems.error(
                    format!("{pointer}/type"),
                    format!("`{other}` is no type of mapping; there are {}{hint}", types.join(", ")),
                );
                None
            }
        }
    }

    fn set(&mut self, members: &[Member<'_>], pointer: &str, table: bool) -> Option<Action> {
        let functions = self.functions(members, pointer);
        let makes_value = functions.first().is_some_and(Call::makes_value);
        let origin = self.origin(members, pointer, table, makes_value);
        let target = self.path(members, "targetPath", pointer);
        if let Some(objection) = target.as_ref().and_then(Path::not_writable) {
            self.problems.error(format!("{pointer}/targetPath"), objection);
        }
        let variable = self.text(members, "targetVariable", pointer).map(Box::from);
        let correlation = self.flag(members, "correlationAttribute", pointer);
        self.flag(members, HASHING, pointer);
        if target.is_none()
            && variable.is_none()
            && !correlation
            && find(members, "targetPath").is_none()
            && find(members, "targetVariable").is_none()
        {
            self.problems.error(pointer, "the mapping goes nowhere: it has no `targetPath`, no `targetVariable` and is no `correlationAttribute`");
        }
        Some(Action::Set(Set {
            origin: origin?,
            functions,
            default: find(members, "defaultValue").map(|value| value.clone().into_owned()),
            optional: self.flag(members, "optional", pointer),
            preserve: self.flag(members, "preserveArrayWithSingleElement", pointer),
            target,
            variable,
            correlation,
        }))
    }

    fn origin(
        &mut self,
        members: &[Member<'_>],
        pointer: &str,
        table: bool,
        makes_value: bool,
    ) -> Option<Origin> {
        let present: Vec<&str> = ["sourcePath", "sourceVariable", "constant", "sourcePaths"]
            .into_iter()
            .filter(|name| find(members, name).is_some())
            .collect();
        if find(members, "variablePath").is_some() && !present.contains(&"sourceVariable") {
            self.problems.error(format!("{pointer}/variablePath"), "`variablePath` needs a `sourceVariable`");
        }
        if table {
            if present != ["sourcePaths"] {
                self.problems
                    .error(pointer, "`valueMapping` takes its values from `sourcePaths` and nothing else");
                return None;
            }
            return self.table(members, pointer).map(Origin::Table);
        }
        match present.as_slice() {
            [] if makes_value => Some(Origin::None),
            [] => {
                self.problems.error(
                    pointer,
                    "the mapping has no value: it needs a `sourcePath`, `sourceVariable` or `constant`",
                );
                None
            }
            ["sourcePath"] => self.path(members, "sourcePath", pointer).map(Origin::Path),
            ["sourceVariable"] => {
                let name = self.text(members, "sourceVariable", pointer);
                let path = self.path(members, "variablePath", pointer);
                if path.is_none() && find(members, "variablePath").is_some() {
                    return None;
                }
                Some(Origin::Variable(name?.into(), path))
            }
            ["constant"] => {
                let constant = find(members, "constant")?.clone().into_owned();
                Some(if has_reference(&constant) {
                    Origin::Template(constant)
                } else {
                    Origin::Constant(constant)
                })
            }
            ["sourcePaths"] => {
                self.problems.error(pointer, "`sourcePaths` belongs to `\"type\": \"valueMapping\"`");
                None
            }
            several => {
                self.problems.error(
                    pointer,
                    format!("the mapping has several values: {}; keep one", several.join(", ")),
                );
                None
            }
        }
    }

    fn table(&mut self, members: &[Member<'_>], pointer: &str) -> Option<Table> {
        let mut paths = Vec::new();
        match find(members, "sourcePaths") {
            Some(Value::Array(items)) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    let pointer = format!("{pointer}/sourcePaths/{at}");
                    match item.as_str() {
                        Some(text) => paths.extend(self.path_of(text, pointer)),
                        None => self.problems.error(pointer, "a path is a text"),
                    }
                }
            }
            _ => self.problems.error(format!("{pointer}/sourcePaths"), "`sourcePaths` is a list of paths"),
        }
        let expected = find(members, "sourcePaths").and_then(Value::as_array).map_or(0, <[_]>::len);
        let Some(Value::Array(items)) = find(members, "valueMappings") else {
            self.problems.error(
                pointer,
                "`valueMapping` needs `valueMappings`: a list of {\"key\": […], \"mappedValue\": …}",
            );
            return None;
        };
        let mut rows = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/valueMappings/{at}");
            if let Some(row) = item.as_object() {
                self.known_keys(row, &["key", "mappedValue"], &pointer, "a value mapping");
            }
            match (item.get("key").and_then(Value::as_array), item.get("mappedValue")) {
                (Some(key), Some(value)) if key.len() == expected => {
                    let key = key.iter().map(|value| Box::from(value.to_text().as_ref())).collect();
                    rows.push((key, value.clone().into_owned()));
                }
                (Some(key), Some(_)) => {
                    let message = format!("the key has {} values, `sourcePaths` has {expected}", key.len());
                    self.problems.error(format!("{pointer}/key"), message);
                }
                _ => self.problems.error(pointer, "a value mapping is {\"key\": […], \"mappedValue\": …}"),
            }
        }
        Some(Table { paths, rows })
    }

    fn functions(&mut self, members: &[Member<'_>], pointer: &str) -> Vec<Call> {
        let items: Vec<&Value<'_>> = match find(members, "functions") {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.iter().collect(),
            Some(single @ Value::Object(_)) => vec![single],
            Some(other) => {
                self.problems.error(
                    format!("{pointer}/functions"),
                    format!("`functions` is a list, this is {}", other.kind()),
                );
                return Vec::new();
            }
        };
        let mut calls = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            calls.extend(self.function(item, format!("{pointer}/functions/{at}")));
        }
        calls
    }

    fn function(&mut self, value: &Value<'_>, pointer: String) -> Option<Call> {
        let Value::Object(members) = value else {
            self.problems.error(pointer, format!("a function is an object, this is {}", value.kind()));
            return None;
        };
        let name = find(members, "function").or_else(|| find(members, "type")).and_then(Value::as_str);
        let Some(name) = name else {
            self.problems.error(pointer, "a function has a name, as in {\"function\": \"concatString\", …}");
            return None;
        };
        if !NAMES.contains(&name) {
            let key = if find(members, "function").is_some() { "function" } else { "type" };
            let hint = match nearest(name, &NAMES) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; there are {}", NAMES.join(", ")),
            };
            self.problems.error(format!("{pointer}/{key}"), format!("there is no function `{name}`{hint}"));
            return None;
        }
        if name == "resolveEntityIds" && self.direction == Direction::Read {
            self.problems.warning(&pointer, "resolveEntityIds knows identifiers of a target; in a read transformation it resolves nothing");
        }
        let mut params = Params::new(name, members, pointer, self.problems);
        Call::compile(name, &mut params, self.settings)
    }
}

/// What a mapping is called in reasons: where its value comes from and where it goes.
fn label(members: &[Member<'_>]) -> String {
    let text = |name: &str| find(members, name).map(|value| value.to_text().into_owned());
    let from = text("sourcePath")
        .or_else(|| text("sourceVariable").map(|name| format!("variable {name}")))
        .or_else(|| text("sourcePaths"))
        .or_else(|| text("constant").map(|_| "constant".to_owned()));
    let to = text("targetPath").or_else(|| text("targetVariable").map(|name| format!("variable {name}")));
    match (from, to) {
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    }
}

fn has_reference(value: &Value<'_>) -> bool {
    match value {
        Value::String(text) => Template::parse(text).is_some(),
        Value::Array(items) => items.iter().any(has_reference),
        Value::Object(members) => members.iter().any(|(_, value)| has_reference(value)),
        _ => false,
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
