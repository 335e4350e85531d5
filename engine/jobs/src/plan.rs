//! What is to be done with a page in one target: the write transformation, and a decision for each
//! entity.

use crate::decide::{Decision, Facts, Reason, Verb, binding, decide};
use crate::delta::unwanted;
use crate::fingerprint::{Trust, is_of_create, only_configuration_differs};
use crate::journal::Journal;
use crate::prepare::{LanePlan, Look, Passed, Work, rewritten};
use crate::run::{Lane, OpenLane, Run};
use crate::transform::{apply, request, request_for};
use gangway_model::{Answer, AnswerOutcome, EntityType, Hash, PluginError, TransformOperation, code};
use gangway_store::NewRelation;
use std::collections::HashSet;
use std::sync::Arc;

/// The write transformation and the decisions of one target.
pub(crate) async fn plan(
    run: &Run,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    look: &Look,
    passed: &[Passed],
) -> LanePlan {
    let mut plan = LanePlan::default();
    let mut asked: Vec<(&Passed, Arc<str>)> = Vec::new();
    let mut requests = Vec::new();
    for entity in passed {
        let intention = look.intention(run, entity.index);
        let (Some(operation), Some(common)) = (intention.operation(), entity.common.as_ref()) else {
            plan.counters.unchanged += 1;
            plan.seen.extend(look.relation(entity.index).map(|r| r.ordinal));
            continue;
        };
        requests.push(match binding(look.relation(entity.index)) {
            Some(relation) => request_for(entity_type, operation, common, &relation.target_id),
            None => request(entity_type, operation, common),
        });
        asked.push((entity, common.clone()));
    }
    let answers = match apply(open.write.as_ref(), &requests).await {
        Ok(answers) => answers,
        Err(error) => {
            plan.broken = Some(error);
            return plan;
        }
    };
    let same_creates = same_creates(run, open, entity_type, look, &asked).await;
    let journal = Journal { entity_type, system: &lane.system.id, time_ms: run.clock.now_ms() };
    for ((entity, common), answer) in asked.into_iter().zip(answers) {
        plan.unresolved |= answer.unresolved > 0;
        if answer.unresolved > 0 && answer.outcome == AnswerOutcome::Transformed {
            plan.incomplete.push((entity.source_id.clone(), common.clone()));
        }
        plan.depends |= answer.depends;
        let relation = look.relation(entity.index);
        let mut payload = (binding(relation).is_some() && answer.outcome == AnswerOutcome::Transformed)
            .then(|| run.fingerprints.payload(&answer.json));
        if payload.is_some() && same_creates.contains(&entity.index) {
            // What an update would write now is what the create wrote.
            payload = relation.map(|relation| relation.payload);
        }
        let intent = look.intents.get(entity.index).and_then(Option::as_ref);
        let decision = decide(&Facts { kind: run.kind, relation, intent, answer: &answer, payload });
        let trust = Trust {
            fingerprint: look.fingerprints.get(entity.index).copied().unwrap_or_default(),
            read_depends: entity.depends,
            write_depends: answer.depends,
        };
        if run.is_delta() && !decision.keeps() {
            plan.unwanted.extend(unwanted(relation));
        }
        plan.take(&journal, entity, common, answer, decision, look, trust, payload);
    }
    plan
}

/// The entities that were created and not written since, and of which a create would make the same
/// again: something changed in the source that the target does not get.
async fn same_creates(
    run: &Run,
    open: &OpenLane,
    entity_type: &EntityType,
    look: &Look,
    asked: &[(&Passed, Arc<str>)],
) -> HashSet<usize> {
    let created: Vec<(usize, &Arc<str>, Hash)> = asked
        .iter()
        .filter_map(|(entity, common)| {
            let relation = binding(look.relation(entity.index))?;
            is_of_create(&relation.payload).then_some((entity.index, common, relation.payload))
        })
        .collect();
    let requests: Vec<_> = created
        .iter()
        .map(|(_, common, _)| request(entity_type, TransformOperation::Create, common))
        .collect();
    // Without an answer they count as changed, and are written.
    let answers = apply(open.write.as_ref(), &requests).await.unwrap_or_default();
    let same = |answer: &Answer, payload| {
        answer.outcome == AnswerOutcome::Transformed
            && !answer.depends
            && run.fingerprints.created(&answer.json) == payload
    };
    let found = created.iter().zip(&answers).filter(|((_, _, payload), answer)| same(answer, *payload));
    found.map(|((index, ..), _)| *index).collect()
}

impl LanePlan {
    #[allow(clippy::too_many_arguments)]
    fn take(
        &mut self,
        journal: &Journal<'_>,
        entity: &Passed,
        common: Arc<str>,
        answer: Answer,
        decision: Decision,
        look: &Look,
        trust: Trust,
        payload: Option<Hash>,
    ) {
        let relation = look.relation(entity.index);
        let target_id = binding(relation).map(|r| r.target_id.as_str());
        let stays = decision.keeps();
        match decision.verb {
            Verb::Nothing => {
                self.counters.unchanged += 1;
                let fingerprint = trust.kept();
                if let Some(relation) = relation.filter(|r| r.fingerprint != fingerprint) {
                    self.refreshed.push(NewRelation { fingerprint, ..rewritten(relation) });
                }
            }
            Verb::Skip => {
                self.counters.skipped += 1;
                let reason = decision.reason.to_string();
                self.events.push(journal.skipped(Some(&entity.source_id), target_id, reason));
            }
            Verb::Fail => {
                self.counters.failed += 1;
                let error = match decision.reason {
                    Reason::Transformation(error) => error,
                    other => PluginError::new(code::INTERNAL, other.to_string()),
                };
                self.events.push(journal.failed(Some(&entity.source_id), target_id, error));
            }
            Verb::Create | Verb::Look | Verb::Adopt | Verb::Update => {
                let given_id = answer.id;
                let by_configuration = decision.reason == Reason::Changed
                    && relation
                        .is_some_and(|r| only_configuration_differs(&r.fingerprint, &trust.fingerprint));
                self.work.push(Work {
                    source_id: entity.source_id.clone(),
                    verb: decision.verb,
                    reason: decision.reason,
                    content: answer.json,
                    given_id,
                    relation: binding(relation).cloned(),
                    intent: look.intents.get(entity.index).cloned().flatten(),
                    trust,
                    payload: payload.unwrap_or_default(),
                    by_configuration,
                    common,
                });
            }
        }
        // Work marks what it did itself; a create has nothing to mark.
        let is_work = matches!(decision.verb, Verb::Create | Verb::Look | Verb::Adopt | Verb::Update);
        if stays && !is_work {
            self.seen.extend(binding(relation).map(|r| r.ordinal));
        }
    }
}
