//! What a target does with operations.

use super::{Check, Expect, Stop, check, demand, refused, same};
use crate::bench::{Bench, Opened, Specimen, delete, write_one};
use gangway_model::ports::Target;
use gangway_model::{Entity, Outcome, code};
use serde_json::Value;

pub(super) const CHECKS: &[Check] = &[
    check!(
        Writing,
        "write.round-trip",
        round_trip,
        "what is created is there with its content, what is replaced has the new one, what is deleted is gone"
    ),
    check!(
        Writing,
        "write.conflict",
        conflict,
        "a create of what exists fails with `conflict` and changes nothing"
    ),
    check!(
        Writing,
        "write.find",
        find,
        "find gives the entities for which all attributes have the values, at most `limit`, and no others"
    ),
    check!(Writing, "write.order", order, "one outcome for each operation, in the order of the operations"),
    check!(Target, "write.no-operations", no_operations, "a write of nothing succeeds with no outcome"),
    check!(Target, "write.delete-unknown", delete_unknown, "deleting what is not there is `not-found`"),
    check!(
        Target,
        "write.read-unknown",
        read_unknown,
        "reading what is not there is `not-found`; a question for nothing has no answer"
    ),
];

async fn target(bench: &Bench<'_>) -> Result<Opened<dyn Target>, Stop> {
    bench.target(None).await.expect_of("opening the target")
}

fn specimen(bench: &Bench<'_>, entity_type: &str) -> Result<Specimen, Stop> {
    bench.specimen(entity_type).ok_or_else(|| Stop::Skipped("the configuration has no sample".to_owned()))
}

/// Creates an entity; its identifier.
async fn create(bench: &Bench<'_>, target: &dyn Target, specimen: &Specimen) -> Result<String, Stop> {
    let outcome = write_one(target, specimen.creation()).await.expect_of("create")?;
    bench.note(&specimen.entity_type, &outcome);
    let id = outcome.id.filter(|id| !id.is_empty());
    id.ok_or_else(|| Stop::Failed("create: the outcome has no identifier".to_owned()))
}

async fn held(target: &dyn Target, entity_type: &str, id: &str) -> Result<Entity, Stop> {
    let answer = target.read_entities(entity_type, vec![id.to_owned()]).await.into_iter().next();
    let answer = answer.ok_or_else(|| Stop::Failed("no answer to a read".to_owned()))?;
    answer.expect_of(&format!("reading {id:?} back"))
}

/// Whether an entity holds what was written.
fn holds(specimen: &Specimen, what: &str, entity: &Entity, written: &Value) -> Result<(), Stop> {
    let found: Value =
        serde_json::from_str(&entity.json).expect_of(&format!("{what}: the entity is no JSON"))?;
    let all: Vec<String> = match written {
        Value::Object(members) if specimen.compare.is_empty() => {
            members.keys().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
        }
        _ => specimen.compare.clone(),
    };
    for pointer in all {
        same(&format!("{what}, {pointer}"), found.pointer(&pointer), written.pointer(&pointer))?;
    }
    Ok(())
}

async fn round_trip(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let specimen = specimen(bench, entity_type)?;
    let opened = target(bench).await?;
    let target = opened.side.as_ref();
    let mut id = create(bench, target, &specimen).await?;
    let entity = held(target, entity_type, &id).await?;
    same("the identifier read back", &entity.id, &id)?;
    holds(&specimen, "after create", &entity, &specimen.create)?;
    if let Some(update) = &specimen.update {
        // The second time nothing is new, and it succeeds all the same.
        for what in ["after replace", "after the same replace again"] {
            let outcome = write_one(target, specimen.replacement(&id, update)).await.expect_of(what)?;
            id = outcome.id.unwrap_or(id);
            holds(&specimen, what, &held(target, entity_type, &id).await?, update)?;
        }
    }
    write_one(target, delete(entity_type, &id)).await.expect_of("delete")?;
    let gone = target.read_entities(entity_type, vec![id.clone()]).await;
    for answer in gone {
        refused("reading what was deleted", answer, &[code::NOT_FOUND])?;
    }
    let again = write_one(target, delete(entity_type, &id)).await;
    refused("deleting what was deleted", again, &[code::NOT_FOUND]).map(drop)
}

async fn conflict(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let specimen = specimen(bench, entity_type)?;
    let opened = target(bench).await?;
    let target = opened.side.as_ref();
    let id = create(bench, target, &specimen).await?;
    let before = held(target, entity_type, &id).await?;
    let second = write_one(target, specimen.creation()).await;
    if let Ok(outcome) = &second {
        bench.note(entity_type, outcome);
    }
    refused("the second create", second, &[code::CONFLICT])?;
    let after = held(target, entity_type, &id).await?;
    same("the entity after the conflict", after.json, before.json)
}

async fn find(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let (one, other) = (specimen(bench, entity_type)?, specimen(bench, entity_type)?);
    let Some((attribute, value)) = one.find.first() else {
        return Err(Stop::Skipped(format!("the configuration has no samples.{entity_type}.find")));
    };
    let opened = target(bench).await?;
    let target = opened.side.as_ref();
    let id = create(bench, target, &one).await?;
    create(bench, target, &other).await?;
    for (attribute, value) in &one.find {
        let what = format!("find {attribute} = {value:?}");
        let found = target.find(entity_type, vec![(attribute.clone(), value.clone())], 10).await;
        let ids: Vec<_> = found.expect_of(&what)?.into_iter().map(|entity| entity.id).collect();
        same(&what, ids, vec![id.clone()])?;
    }
    let found = target.find(entity_type, one.find.clone(), 1).await.expect_of("find with all attributes")?;
    same("find with all attributes", found.len(), 1)?;
    let nobody = format!("{value}-nobody");
    let found = target.find(entity_type, vec![(attribute.clone(), nobody.clone())], 10).await;
    let found = found.expect_of("find a value that nobody has")?;
    same("find a value that nobody has", found.len(), 0)?;
    let both = vec![(attribute.clone(), value.clone()), (attribute.clone(), nobody)];
    let found = target
        .find(entity_type, both, 10)
        .await
        .expect_of("find one value that fits and one that does not")?;
    same("find one value that fits and one that does not", found.len(), 0)
}

async fn order(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let (one, other) = (specimen(bench, entity_type)?, specimen(bench, entity_type)?);
    let opened = target(bench).await?;
    let target = opened.side.as_ref();
    let operations = vec![one.creation(), delete(entity_type, &bench.unknown(entity_type)), other.creation()];
    let outcomes = target.write(operations).await.expect_of("a write of three operations")?;
    for outcome in &outcomes {
        bench.note(entity_type, outcome);
    }
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.error.as_ref().map_or("ok", |error| error.code.as_str()))
        .collect();
    same("create, delete what is not there, create", codes, vec!["ok", code::NOT_FOUND, "ok"])?;
    let created = outcomes.iter().step_by(2).map(|outcome: &Outcome| outcome.id.clone().unwrap_or_default());
    for (id, specimen) in created.zip([&one, &other]) {
        holds(specimen, &id, &held(target, entity_type, &id).await?, &specimen.create)?;
    }
    Ok(())
}

async fn no_operations(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let outcomes = target(bench).await?.side.write(Vec::new()).await.expect_of("a write of nothing")?;
    demand(outcomes.is_empty(), || format!("{} outcomes", outcomes.len()))
}

async fn delete_unknown(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = target(bench).await?;
    let answer = write_one(opened.side.as_ref(), delete(entity_type, &bench.unknown(entity_type))).await;
    refused("delete", answer, &[code::NOT_FOUND]).map(drop)
}

async fn read_unknown(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = target(bench).await?;
    let none = opened.side.read_entities(entity_type, Vec::new()).await;
    same("answers to no question", none.len(), 0)?;
    let answers = opened.side.read_entities(entity_type, vec![bench.unknown(entity_type)]).await;
    same("answers", answers.len(), 1)?;
    for answer in answers {
        refused("reading", answer, &[code::NOT_FOUND])?;
    }
    Ok(())
}
