//! Between the bindings' types and the engine's. Strings are moved, not copied.

use crate::bindings::v0_1::exports::gangway::plugin::{changes, source, target, transformation};
use crate::bindings::v0_1::gangway::plugin::types;
use gangway_model::{
    Diagnostic, Entity, Member, Needs, Operation, Outcome, Page, PluginError, Problem, Severity, code,
};

impl From<types::Entity> for Entity {
    fn from(entity: types::Entity) -> Self {
        Self { id: entity.id, version: entity.version, created_ms: entity.created_ms, json: entity.json }
    }
}

impl From<source::Page> for Page {
    fn from(page: source::Page) -> Self {
        Self { total: page.total, ..readable(page.entities, page.problems, page.next_cursor) }
    }
}

impl From<changes::ChangePage> for Page {
    fn from(page: changes::ChangePage) -> Self {
        let removed = page.removed.into_iter().filter(|id| !id.is_empty()).collect();
        Self { removed, ..readable(page.entities, page.problems, page.next_cursor) }
    }
}

/// A page in which every entity has an identifier.
fn readable(found: Vec<types::Entity>, problems: Vec<types::Problem>, next_cursor: Option<String>) -> Page {
    let mut problems: Vec<_> =
        problems.into_iter().map(|problem| Problem { id: problem.id, error: problem.error.into() }).collect();
    let mut entities = Vec::with_capacity(found.len());
    for entity in found {
        if entity.id.is_empty() {
            problems.push(Problem {
                id: None,
                error: PluginError::new(code::PROTOCOL, "the plugin gave an entity without an identifier"),
            });
        } else {
            entities.push(entity.into());
        }
    }
    Page { entities, problems, next_cursor, total: None, removed: Vec::new() }
}

impl From<Operation> for target::Operation {
    fn from(operation: Operation) -> Self {
        Self {
            kind: operation.kind.as_str().to_owned(),
            entity_type: operation.entity_type,
            id: operation.id,
            version: operation.version,
            json: operation.json,
            members: operation.members.map(|changes| target::MemberChanges {
                added: changes.added.into_iter().map(target::Member::from).collect(),
                removed: changes.removed.into_iter().map(target::Member::from).collect(),
            }),
        }
    }
}

impl From<Member> for target::Member {
    fn from(member: Member) -> Self {
        Self { value: member.value, group: member.group }
    }
}

impl From<target::Outcome> for Outcome {
    fn from(outcome: target::Outcome) -> Self {
        Self { id: outcome.id, version: outcome.version, error: outcome.error.map(PluginError::from) }
    }
}

impl From<transformation::Diagnostic> for Diagnostic {
    fn from(diagnostic: transformation::Diagnostic) -> Self {
        Self {
            // What is not known to be harmless is an error.
            severity: if diagnostic.severity == "warning" { Severity::Warning } else { Severity::Error },
            pointer: diagnostic.pointer,
            line: diagnostic.line,
            column: diagnostic.column,
            message: diagnostic.message,
        }
    }
}

/// What a document needs for one entity type.
pub(super) fn needs(needs: transformation::Needs) -> (String, Needs) {
    let mut known = Needs { ignored: needs.ignored, ..Needs::default() };
    for need in &needs.needs {
        match need.as_str() {
            "time" => known.time = true,
            "random" => known.random = true,
            "relations" => known.relations = true,
            // A need of a later interface: like time, it may change the result of the same input.
            _ => known.time = true,
        }
    }
    (needs.entity_type, known)
}

/// Every list answers in the order of the question, one element for each; a plugin that does not
/// keep to it cannot be understood.
pub(super) fn one_each<T>(
    plugin: &str,
    call: &str,
    answers: Vec<T>,
    questions: usize,
) -> Result<Vec<T>, PluginError> {
    same_number(plugin, call, answers.len(), questions)?;
    Ok(answers)
}

/// See [`one_each`].
pub(super) fn same_number(
    plugin: &str,
    call: &str,
    answers: usize,
    questions: usize,
) -> Result<(), PluginError> {
    if answers == questions {
        return Ok(());
    }
    Err(PluginError::new(
        code::INTERNAL,
        format!("the plugin {plugin} gave {answers} answers to {questions} questions ({call})"),
    ))
}

/// Entities by identifier. A failure of the whole call is the answer for each.
pub(super) fn by_identifier(
    plugin: &str,
    answers: Result<Vec<Result<types::Entity, types::PluginError>>, PluginError>,
    count: usize,
) -> Vec<Result<Entity, PluginError>> {
    match answers.and_then(|answers| one_each(plugin, "read-entities", answers, count)) {
        Ok(answers) => answers.into_iter().map(|a| a.map(Entity::from).map_err(PluginError::from)).collect(),
        Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
    }
}
