//! Carries deletions out: a deletion, or the content that stands in for one.

use super::Phase;
use crate::appgroup::{self, Kind};
use crate::assignments;
use crate::checkpoint::Deletions;
use crate::error::Stop;
use crate::prepare::rewritten;
use crate::run::broke_off;
use crate::{memory, safety, simulate};
use gangway_model::{
    Answer, AnswerOutcome, JobType, Operation, OperationKind, Outcome, Relation, RelationState, code,
};
use gangway_store::{Change, NewRelation};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What goes to the target for one relation.
pub(super) struct Deed {
    pub(super) relation: Relation,
    operation: Operation,
    /// Said in the log in addition to why it is a candidate.
    note: &'static str,
}

impl Deed {
    /// What a plan says.
    pub(super) fn planned((relation, mut operation): (Relation, Operation)) -> Self {
        if operation.kind == OperationKind::Replace && is_patch(&operation.json) {
            operation.kind = OperationKind::Patch;
        }
        Self { relation, operation, note: "" }
    }
}

impl Phase<'_> {
    /// What the answer of the write transformation asks for; none if nothing goes out.
    pub(super) fn deed(&self, relation: &Relation, answer: &Answer) -> Option<Deed> {
        let instead = safety::updates_instead(&self.lane.system, self.entity_type.as_str());
        let (kind, json, note) = match answer.outcome {
            // Groups that it leaves on the way out are no content to write in its place.
            AnswerOutcome::Transformed if assignments::only(&answer.json) => {
                (OperationKind::Delete, answer.json.clone(), "")
            }
            AnswerOutcome::Transformed if instead => {
                let kind = if is_patch(&answer.json) { OperationKind::Patch } else { OperationKind::Replace };
                let note = if safety::keeps_disabled(&self.lane.system) {
                    "; it was updated by the mappings of scope deleteEntity and is managed on"
                } else {
                    "; it was updated by the mappings of scope deleteEntity and is no longer managed"
                };
                (kind, answer.json.clone(), note)
            }
            AnswerOutcome::Deleted | AnswerOutcome::Transformed => (OperationKind::Delete, String::new(), ""),
            AnswerOutcome::Filtered
            | AnswerOutcome::Skipped
            | AnswerOutcome::Ignored
            | AnswerOutcome::Failed => return None,
        };
        let operation = Operation {
            kind,
            entity_type: self.entity_type.as_str().to_owned(),
            id: Some(relation.target_id.clone()),
            version: None,
            json,
            members: None,
        };
        Some(Deed { relation: relation.clone(), operation, note })
    }

    pub(super) async fn write(&self, step: &mut Deletions, deeds: Vec<Deed>) -> Result<(), Stop> {
        if deeds.is_empty() {
            return Ok(());
        }
        if self.run.kind == JobType::Simulate {
            step.counters.deleted += deeds.len() as u64;
            let (relations, operations) = deeds.into_iter().map(|d| (d.relation, d.operation)).unzip();
            let (lane, open, entity_type) = (self.lane, self.open, self.entity_type);
            step.planned =
                simulate::deletions(self.run, lane, open, entity_type, relations, operations).await;
            return Ok(());
        }
        let deeds = self.look_before(step, deeds).await?;
        if deeds.is_empty() {
            return Ok(());
        }
        match self.open.carry_out(deeds.iter().map(|deed| deed.operation.clone()).collect()).await {
            Ok(outcomes) => self.outcomes(step, deeds, outcomes),
            Err(error) if error.code == code::CANCELLED => step.interrupted = true,
            Err(error) if error.is_of_system() => {
                for deed in &deeds {
                    step.fail(&self.journal(), &deed.relation, error.clone());
                }
                step.broken = Some(error);
            }
            // One entity may be what the plugin stumbles over; deletions may be repeated.
            Err(_) => {
                for deed in deeds {
                    if let Some(error) = &step.broken {
                        let error = error.clone();
                        step.fail(&self.journal(), &deed.relation, error);
                        continue;
                    }
                    let outcome = self.open.carry_out(vec![deed.operation.clone()]).await;
                    if let Err(error) = &outcome
                        && error.is_of_system()
                        && error.code != code::CANCELLED
                    {
                        step.broken = Some(error.clone());
                    }
                    let outcomes = outcome.unwrap_or_else(|error| vec![Outcome::failed(error)]);
                    self.outcomes(step, vec![deed], outcomes);
                    if step.interrupted {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what is about to go: to be able to undo it, and because a group of an application may say
    /// that jobs must not delete it.
    async fn look_before(&self, step: &mut Deletions, deeds: Vec<Deed>) -> Result<Vec<Deed>, Stop> {
        let groups = self.entity_type.as_str() == "group";
        let remembers = safety::remembers(&self.lane.system) != safety::Remember::Nothing;
        if !groups && !remembers {
            return Ok(deeds);
        }
        let ids = deeds.iter().map(|deed| deed.relation.target_id.clone()).collect();
        let found = self.open.target.read_entities(self.entity_type.as_str(), ids).await;
        let mut go = Vec::with_capacity(deeds.len());
        let mut images = Vec::new();
        let mut found = found.into_iter();
        for mut deed in deeds {
            // What cannot be read is deleted all the same, and cannot be undone.
            let Some(Ok(entity)) = found.next() else {
                go.push(deed);
                continue;
            };
            if groups && deed.operation.kind == OperationKind::Delete {
                match appgroup::kind(&entity.json) {
                    Some(Kind::ReadOnly) => {
                        let why = "not deleted: its supportedOperations are readOnly, jobs do not touch it";
                        step.hold(&self.journal(), &deed.relation, why);
                        continue;
                    }
                    Some(Kind::Membership) => {
                        deed.operation.kind = OperationKind::Replace;
                        deed.operation.json = appgroup::without_members(&entity.json);
                        deed.note =
                            "; its supportedOperations allow changes of members only: it lost its members";
                    }
                    Some(Kind::ReadWrite) | None => {}
                }
            }
            let change = match deed.operation.kind {
                OperationKind::Delete => Change::Deleted,
                _ => Change::Updated,
            };
            images.extend(memory::image(
                self.run,
                self.lane,
                self.entity_type,
                &deed.relation,
                change,
                entity,
            ));
            go.push(deed);
        }
        if remembers {
            memory::keep(self.run, images).await?;
        }
        Ok(go)
    }

    fn outcomes(&self, step: &mut Deletions, deeds: Vec<Deed>, outcomes: Vec<Outcome>) {
        if let Some(error) = broke_off(&outcomes) {
            step.broken = Some(error);
        }
        for (deed, outcome) in deeds.into_iter().zip(outcomes) {
            match outcome.error {
                Some(error) if error.code == code::CANCELLED => step.interrupted = true,
                Some(error) if error.code != code::NOT_FOUND => {
                    step.fail(&self.journal(), &deed.relation, error);
                }
                // Not there is what was wanted.
                gone => self.done(step, deed, gone.is_some()),
            }
        }
    }

    fn done(&self, step: &mut Deletions, deed: Deed, was_gone: bool) {
        let relation = &deed.relation;
        let why = if self.run.is_delta() {
            "the source says that it is gone, a condition excludes it, or an earlier job could not delete it"
        } else if relation.state == RelationState::PendingDelete {
            "an earlier job could not delete it"
        } else {
            "it was not among the entities read from the source, or a condition excludes it"
        };
        let note = if was_gone { "; it was gone from the target already" } else { deed.note };
        step.counters.deleted += 1;
        step.events.push(self.journal().deleted(
            &relation.source_id,
            &relation.target_id,
            format!("{why}{note}"),
        ));
        let stands_in = deed.operation.kind != OperationKind::Delete && !was_gone;
        if stands_in && safety::keeps_disabled(&self.lane.system) {
            step.relations.push(NewRelation {
                state: RelationState::Disabled,
                fingerprint: crate::decide::UNKNOWN,
                payload: crate::decide::UNKNOWN,
                ..rewritten(relation)
            });
        } else {
            step.removed.push(deed.relation.source_id);
        }
    }
}

/// Whether content is a SCIM PATCH request rather than an entity.
fn is_patch(json: &str) -> bool {
    let content: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let schemas = content.get("schemas").and_then(serde_json::Value::as_array);
    schemas.is_some_and(|schemas| schemas.iter().any(|schema| schema == PATCH_OP))
}
