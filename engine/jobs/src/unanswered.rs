//! Creates of earlier jobs that were never answered: before a target goes by the source, their accounts are looked for.
//!
//! An entity that is still in the source would be looked for when its turn comes. One that has left in the meantime never
//! has a turn, and its account would stay in the target without anybody knowing: a leaver who is still inside. So
//! whatever is found becomes a relation like any other. The source has the entity: it is updated. It has not: it is a
//! candidate for deletion, behind the same gates as all others.

use crate::correlate::{holders, made_since};
use crate::decide::{UNKNOWN, binding};
use crate::error::Stop;
use crate::run::{Lane, OpenLane, Run};
use gangway_model::{EntityType, Intent, RelationState};
use gangway_store::{Commit, NewRelation};

/// Intents looked at, and committed, at once.
const BATCH: usize = 500;

/// Looks for what earlier jobs may have created in a target.
pub(crate) async fn follow(run: &Run, lane: &Lane) -> Result<(), Stop> {
    for entity_type in &run.types {
        let Some(open) = lane.takes(entity_type) else { continue };
        let mut after = None;
        while !run.is_cancelled() {
            let (key, from) = (run.key(lane, entity_type), after.take());
            let intents: Vec<Intent> =
                run.blocking(move |store| store.scan_intents(&key, from.as_deref(), BATCH)).await?;
            let Some(last) = intents.last() else { break };
            after = Some(last.source_id.clone());
            if !settle(run, lane, open, entity_type, intents).await? {
                // The target does not answer: its entities are looked for one by one as ever.
                break;
            }
        }
    }
    Ok(())
}

/// Settles the intents whose end can be found out. False if the target answered nothing.
async fn settle(
    run: &Run,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    mut intents: Vec<Intent>,
) -> Result<bool, Stop> {
    intents.retain(|intent| !intent.unique.is_empty());
    let filters = intents.iter().map(|intent| Some(intent.unique.clone())).collect();
    let answers = open.search(entity_type, filters).await;
    let answered = answers.is_empty() || answers.iter().any(Result::is_ok);
    let (mut settled, mut found) = (Vec::new(), Vec::new());
    for (intent, answer) in intents.into_iter().zip(answers) {
        match answer.as_deref() {
            Ok([entity]) if made_since(entity, intent.since_ms) => {
                found.push((intent.source_id, entity.id.clone()));
            }
            // Nothing was made, or what is there is older than the request.
            Ok([] | [_]) => settled.push(intent.source_id),
            // Which of them is not known: the entity's own turn says so, if it comes.
            Ok(_) | Err(_) => {}
        }
    }
    let key = run.key(lane, entity_type);
    let (source_ids, ids): (Vec<String>, Vec<String>) = found.into_iter().unzip();
    let owners = holders(run, lane, &key, ids.clone()).await?;
    run.blocking(move |store| {
        let known = store.relations(&key, &source_ids.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut relations = Vec::new();
        for (((source_id, target_id), owner), known) in source_ids.into_iter().zip(ids).zip(owners).zip(known)
        {
            settled.push(source_id.clone());
            if owner.is_none() && binding(known.as_ref()).is_none() {
                relations.push(NewRelation {
                    source_id,
                    target_id,
                    existed_before: false,
                    fingerprint: UNKNOWN,
                    payload: UNKNOWN,
                    state: RelationState::Active,
                });
            }
        }
        if settled.is_empty() {
            return Ok(());
        }
        // Not as part of a run: what is found here counts as seen only when the source has it.
        store.commit(&Commit {
            relations: vec![(key.clone(), relations)],
            settled: vec![(key, settled)],
            ..Commit::default()
        })
    })
    .await?;
    Ok(answered)
}
