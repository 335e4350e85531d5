//! Mappings and their functions.

use super::{Compiler, HASHING, MAPPING_KEYS};
use crate::functions::{Call, NAMES, Params};
use crate::mapping::{Action, Direction, Mapping, Operation, Origin, Set, Table};
use crate::nearest::nearest;
use crate::path::Path;
use crate::value::{Member, Value, find};
use crate::variables::Template;

impl Compiler<'_> {
    pub(super) fn mapping(&mut self, value: &Value<'_>, pointer: &str) -> Option<Mapping> {
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
        // Read before anything below ends this, so that every problem is reported.
        let optional = self.flag(members, "optional", pointer);
        let preserve = self.flag(members, "preserveArrayWithSingleElement", pointer);
        let origin = origin?;
        let straight = match &origin {
            Origin::Path(path) => path.is_straight(),
            Origin::Constant(constant) => constant.is_scalar(),
            _ => false,
        };
        let copies = straight
            && functions.is_empty()
            && variable.is_none()
            && target.as_ref().is_some_and(Path::is_slot);
        Some(Action::Set(Set {
            origin,
            functions,
            default: find(members, "defaultValue").map(|value| value.clone().into_owned()),
            optional,
            preserve,
            target,
            variable,
            correlation,
            copies,
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
                Some(match constant.as_str().map(Template::parse) {
                    Some(Some(template)) => Origin::Text(template),
                    _ if has_reference(&constant) => Origin::Template(constant),
                    _ => Origin::Constant(constant),
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
