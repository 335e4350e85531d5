//! Calls to a transformation plugin: many entities at once, one entity's trap its own.

use crate::assignments;
use gangway_model::ports::Transformation;
use gangway_model::{Answer, AnswerOutcome, EntityType, PluginError, Request, TransformOperation, code};
use serde_json::Value;

/// Calls spent on finding the entities that make a plugin fail, for one page.
const SEARCH: u32 = 64;

/// A request without preset variables.
pub(crate) fn request<'a>(
    entity_type: &'a EntityType,
    operation: TransformOperation,
    json: &'a str,
) -> Request<'a> {
    Request { entity_type: entity_type.as_str(), operation, json, variables: String::new() }
}

/// A request for an entity whose identifier in the target is known.
pub(crate) fn request_for<'a>(
    entity_type: &'a EntityType,
    operation: TransformOperation,
    json: &'a str,
    target_id: &str,
) -> Request<'a> {
    let variables = format!("{{\"entityIdTargetSystem\":{}}}", Value::from(target_id));
    Request { variables, ..request(entity_type, operation, json) }
}

/// One answer for each request. If the plugin fails on the batch, the batch is halved until the
/// entities at fault stand alone: they fail, the others go on. The error says that the plugin fails
/// altogether.
pub(crate) async fn apply(
    transformation: &dyn Transformation,
    requests: &[Request<'_>],
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
        let error = match transformation.apply(batch, false).await {
            Ok(found) if found.len() == size => {
                for ((place, request), mut answer) in answers.iter_mut().skip(start).zip(batch).zip(found) {
                    if request.operation != TransformOperation::Read {
                        assignments::join(request.entity_type, &mut answer);
                    }
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
        let (first, second) = batch.split_at(size / 2);
        open.push((start + size / 2, second));
        open.push((start, first));
    }
    Ok(answers.into_iter().flatten().collect())
}

fn failed(error: &PluginError) -> Answer {
    Answer::without(
        AnswerOutcome::Failed,
        format!("the transformation plugin failed on this entity: {error}"),
    )
}
