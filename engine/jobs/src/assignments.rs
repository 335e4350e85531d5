//! Groups that a write transformation assigns to a user (`assignGroup`, `unassignGroup`).
//!
//! They travel in the content of the user, under a name of their own: so they count for its hash, stand in plans and
//! in traced contents, and reach the target with the write they belong to. The target's plugin takes them out.

use gangway_model::ports::Target;
use gangway_model::{Answer, AnswerOutcome, Operation, OperationKind, Outcome, PluginError, code};
use serde_json::{Map, Value};

/// Where the assignments stand in a content.
const MEMBER: &str = "urn:gangway:assignments";
/// The type that has them.
const USER: &str = "user";

/// Moves what the transformation assigns from the variables of its answer into the content.
pub(crate) fn join(entity_type: &str, answer: &mut Answer) {
    if answer.variables.is_empty() || answer.outcome != AnswerOutcome::Transformed {
        return;
    }
    let variables = std::mem::take(&mut answer.variables);
    if entity_type != USER {
        return;
    }
    match joined(&variables, &answer.json) {
        Ok(json) => answer.json = json,
        Err(reason) => *answer = Answer::without(AnswerOutcome::Failed, reason),
    }
}

fn joined(variables: &str, json: &str) -> Result<String, String> {
    let variables: Value = serde_json::from_str(variables).map_err(|error| format!("variables: {error}"))?;
    let mut groups = Map::new();
    for (variable, name) in [("assignGroup", "add"), ("unassignGroup", "remove")] {
        let Some(value) = variables.get(variable) else { continue };
        groups.insert(name.to_owned(), ids(variable, value)?);
    }
    if groups.is_empty() {
        return Ok(json.to_owned());
    }
    // The rest keeps its text, digits and all.
    let open = json.trim_end().strip_suffix('}').unwrap_or("{").trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    Ok(format!("{open}{comma}{}:{}}}", Value::from(MEMBER), Value::Object(groups)))
}

/// The identifiers in `[{"id": …}]`.
fn ids(variable: &str, value: &Value) -> Result<Value, String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let id = |entry: &Value| entry.get("id").filter(|id| id.is_string()).cloned();
    list.iter().map(id).collect::<Option<Vec<_>>>().map(Value::Array).ok_or_else(|| {
        format!(
            "{variable} is {value}, not a list of groups such as [{{\"id\": \"…\"}}]; correct the mapping"
        )
    })
}

/// Whether a content is nothing but assignments: there is nothing to write in place of a deletion.
pub(crate) fn only(json: &str) -> bool {
    let content: Value = serde_json::from_str(json).unwrap_or_default();
    content.as_object().is_some_and(|content| content.keys().all(|key| key == MEMBER) && !content.is_empty())
}

/// The assignments of a content alone.
pub(crate) fn part(json: &str) -> Option<String> {
    let mut content: Value = serde_json::from_str(json).ok()?;
    let groups = content.as_object_mut()?.remove(MEMBER)?;
    Some(Value::Object(Map::from_iter([(MEMBER.to_owned(), groups)])).to_string())
}

/// The outcome of an operation that the target's plugin cannot carry out because of its assignments.
pub(crate) fn refusal(target: &dyn Target, operation: &Operation) -> Option<Outcome> {
    if operation.entity_type != USER || !operation.json.contains(MEMBER) || target.assigns_groups() {
        return None;
    }
    let what = if operation.kind == OperationKind::Delete { "unassignGroup" } else { "assignGroup" };
    let why = format!(
        "the document uses {what}, and the target's connector cannot assign groups; take the mapping out of the write transformation"
    );
    Some(Outcome::failed(PluginError::new(code::UNSUPPORTED, why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &str, json: &str) -> Answer {
        let mut answer = Answer { variables: variables.to_owned(), ..Answer::transformed(json) };
        join("user", &mut answer);
        answer
    }

    #[test]
    fn assignments_stand_in_the_content_and_leave_the_rest_as_it_is() {
        let add = of(r#"{"assignGroup":[{"id":"a"},{"id":"b"}]}"#, r#"{"n":1.10}"#);
        assert_eq!(add.json, r#"{"n":1.10,"urn:gangway:assignments":{"add":["a","b"]}}"#);
        let remove = of(r#"{"unassignGroup":{"id":"a"}}"#, "{}");
        assert_eq!(remove.json, r#"{"urn:gangway:assignments":{"remove":["a"]}}"#);
        assert!(only(&remove.json) && !only(&add.json) && !only("{}") && !only("{\"a\":1}"));
        assert_eq!(part(&add.json).unwrap(), r#"{"urn:gangway:assignments":{"add":["a","b"]}}"#);
        assert_eq!(part("{}"), None);
        assert_eq!(of("", "{}").json, "{}");
        assert_eq!(of(r#"{"assignGroup":["a"]}"#, "{}").outcome, AnswerOutcome::Failed);
    }

    #[test]
    fn groups_have_no_assignments() {
        let mut answer =
            Answer { variables: r#"{"assignGroup":[{"id":"a"}]}"#.to_owned(), ..Answer::transformed("{}") };
        join("group", &mut answer);
        assert_eq!(answer.json, "{}");
    }
}
