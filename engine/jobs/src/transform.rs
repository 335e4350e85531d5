//! Calls to a transformation plugin: many entities at once, one entity's trap its own.

use gangway_model::ports::Transformation;
use gangway_model::{Answer, AnswerOutcome, EntityType, PluginError, Request, TransformOperation, code};
use serde::Deserialize;
use serde_json::Value;

/// Calls spent on finding the entities that make a plugin fail, for one page.
const SEARCH: u32 = 64;

/// A request without preset variables.
pub(crate) fn request(entity_type: &EntityType, operation: TransformOperation, json: &str) -> Request {
    Request {
        entity_type: entity_type.as_str().to_owned(),
        operation,
        json: json.to_owned(),
        variables: String::new(),
    }
}

/// A request for an entity whose identifier in the target is known.
pub(crate) fn request_for(
    entity_type: &EntityType,
    operation: TransformOperation,
    json: &str,
    target_id: &str,
) -> Request {
    let variables = format!("{{\"entityIdTargetSystem\":{}}}", Value::from(target_id));
    Request { variables, ..request(entity_type, operation, json) }
}

/// One answer for each request. If the plugin fails on the batch, the batch is halved until the
/// entities at fault stand alone: they fail, the others go on. The error says that the plugin fails
/// altogether.
pub(crate) async fn apply(
    transformation: &dyn Transformation,
    requests: Vec<Request>,
) -> Result<Vec<Answer>, PluginError> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let mut answers: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
    let mut open = vec![(0, requests)];
    let mut calls = 0;
    while let Some((start, batch)) = open.pop() {
        calls += 1;
        let size = batch.len();
        let keep = if size > 1 || calls > 1 { batch.clone() } else { Vec::new() };
        let error = match transformation.apply(batch, false).await {
            Ok(found) if found.len() == size => {
                for (place, answer) in answers.iter_mut().skip(start).zip(found) {
                    *place = Some(answer);
                }
                continue;
            }
            Ok(found) => PluginError::new(
                code::INTERNAL,
                format!("the transformation plugin gave {} answers to {size} entities", found.len()),
            ),
            Err(error) => error,
        };
        if error.code == code::CANCELLED || error.code == code::CONFIGURATION || calls > SEARCH {
            return Err(error);
        }
        if size == 1 {
            if let Some(place) = answers.get_mut(start) {
                *place = Some(failed(&error));
            }
            continue;
        }
        let mut first = keep;
        let second = first.split_off(size / 2);
        open.push((start + size / 2, second));
        open.push((start, first));
    }
    Ok(answers.into_iter().flatten().collect())
}

fn failed(error: &PluginError) -> Answer {
    Answer {
        outcome: AnswerOutcome::Failed,
        json: String::new(),
        variables: String::new(),
        reason: format!("the transformation plugin failed on this entity: {error}"),
        mapping: String::new(),
        correlation: Vec::new(),
        unresolved: 0,
        trace: String::new(),
    }
}

/// The identifiers among a transformation's variables.
#[derive(Deserialize, Default)]
pub(crate) struct Identifiers {
    #[serde(default, rename = "entityIdSourceSystem")]
    source: Value,
    #[serde(default, rename = "entityIdTargetSystem")]
    target: Value,
}

impl Identifiers {
    pub(crate) fn of(answer: &Answer) -> Self {
        serde_json::from_str(&answer.variables).unwrap_or_default()
    }

    pub(crate) fn source(self) -> Option<String> {
        scalar(self.source)
    }

    pub(crate) fn target(self) -> Option<String> {
        scalar(self.target)
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
