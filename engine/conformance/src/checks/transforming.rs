//! Transformations.

use super::{Check, Expect, Stop, check, demand, same};
use crate::bench::Bench;
use crate::config::TransformationSample;
use gangway_model::ports::Transformation;
use gangway_model::{Answer, AnswerOutcome, Direction, Request, Severity, TransformOperation};
use serde_json::Value;
use std::sync::Arc;

pub(super) const CHECKS: &[Check] = &[
    check!(
        Transformation,
        "transformation.garbage",
        garbage,
        "compile refuses what is no document, with diagnostics that say why"
    ),
    check!(
        Transformation,
        "transformation.order",
        order,
        "apply answers one for each request in their order, and the same question gives the same answer"
    ),
    check!(
        Transformation,
        "transformation.bad-entity",
        bad_entity,
        "an entity that is no JSON object fails alone, with a reason; the others go on"
    ),
    check!(Transformation, "transformation.no-requests", no_requests, "no requests have no answers"),
];

async fn garbage(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    for document in ["", "{", "[1, 2", "no document", "\u{0}"] {
        let found = bench.diagnostics(document).await.expect_of(&format!("compiling {document:?}"))?;
        let told = found.iter().any(|d| d.severity == Severity::Error && !d.message.is_empty());
        demand(told, || format!("no error for the document {document:?}"))?;
    }
    Ok(())
}

async fn opened<'b>(
    bench: &'b Bench<'_>,
) -> Result<(&'b TransformationSample, Arc<dyn Transformation>), Stop> {
    let Some(sample) = &bench.config.transformation else {
        return Err(Stop::Skipped("the configuration has no transformation".to_owned()));
    };
    let document = match &sample.document {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let compiled = bench.transformation(&document, sample.direction).await.expect_of("compiling")?;
    Ok((sample, compiled))
}

fn request<'a>(sample: &'a TransformationSample, json: &'a str) -> Request<'a> {
    let operation = match sample.direction {
        Direction::Read => TransformOperation::Read,
        Direction::Write => TransformOperation::Create,
    };
    Request { entity_type: &sample.entity_type, operation, json, variables: String::new() }
}

async fn apply(compiled: &dyn Transformation, requests: &[Request<'_>]) -> Result<Vec<Answer>, Stop> {
    let count = requests.len();
    let answers = compiled.apply(requests, false).await.expect_of("apply")?;
    same("answers", answers.len(), count)?;
    Ok(answers)
}

async fn order(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let (sample, compiled) = opened(bench).await?;
    let entities: Vec<_> = sample.entities.iter().map(Value::to_string).collect();
    let requests: Vec<_> = entities.iter().map(|entity| request(sample, entity)).collect();
    let together = apply(compiled.as_ref(), &requests).await?;
    for (number, (request, answer)) in requests.into_iter().zip(together).enumerate() {
        let alone = apply(compiled.as_ref(), &[request]).await?;
        same(&format!("entity {} alone and among others", number + 1), alone, vec![answer])?;
    }
    Ok(())
}

async fn bad_entity(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let (sample, compiled) = opened(bench).await?;
    let Some(good) = sample.entities.first() else {
        return Err(Stop::Skipped("the configuration has no transformation.entities".to_owned()));
    };
    let good = good.to_string();
    let good = request(sample, &good);
    let expected = apply(compiled.as_ref(), std::slice::from_ref(&good)).await?;
    for json in ["{", "", "[]", "{\"a\": \u{1}}"] {
        let requests = [good.clone(), request(sample, json), good.clone()];
        let mut answers = apply(compiled.as_ref(), &requests).await?;
        let bad = answers.remove(1);
        demand(bad.outcome == AnswerOutcome::Failed && !bad.reason.is_empty(), || {
            format!("the entity {json:?}: {:?} with the reason {:?}", bad.outcome, bad.reason)
        })?;
        for answer in answers {
            same(&format!("a good entity beside {json:?}"), vec![answer], expected.clone())?;
        }
    }
    Ok(())
}

async fn no_requests(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let (_, compiled) = opened(bench).await?;
    apply(compiled.as_ref(), &[]).await.map(drop)
}
