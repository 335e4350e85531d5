//! A simulation's look at a target: which accounts are there, and what they hold.

use crate::correlate::{self, holders};
use crate::decide::{Verb, transformation_error};
use crate::error::Stop;
use crate::policy;
use crate::prepare::Work;
use crate::run::{Lane, OpenLane, Run};
use crate::simulate::{Foreseen, update_reason};
use crate::transform::{apply, request, request_for};
use gangway_model::{
    Answer, AnswerOutcome, Entity, EntityType, Hash, PlannedVerb, PluginError, SystemId, TransformOperation,
    code,
};
use serde_json::Value;

/// Hash of an account as the target shows it. Its version takes part where it has one.
pub(crate) fn seen(run: &Run, entity: &Entity) -> Hash {
    match &entity.version {
        Some(version) => run.fingerprints.texts(&[&entity.id, version]),
        None => run.fingerprints.texts(&[&entity.id, "", &entity.json]),
    }
}

/// What a job would meet. The error says that the target does not answer: the rest was not looked at.
pub(crate) async fn look(
    run: &Run,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    work: Vec<Work>,
) -> Result<(Vec<Foreseen>, Option<PluginError>), Stop> {
    let mut look = Look { run, lane, open, entity_type, foreseen: Vec::new(), broken: None };
    let (known, unknown): (Vec<_>, Vec<_>) = work.into_iter().partition(|work| work.verb == Verb::Update);
    let gone = look.known(known).await;
    look.creates(gone).await;
    look.unknown(unknown).await?;
    Ok((look.foreseen, look.broken))
}

struct Look<'a> {
    run: &'a Run,
    lane: &'a Lane,
    open: &'a OpenLane,
    entity_type: &'a EntityType,
    foreseen: Vec<Foreseen>,
    broken: Option<PluginError>,
}

impl Look<'_> {
    fn end(&mut self, work: Work, verb: PlannedVerb, reason: String) {
        self.foreseen.push(Foreseen { work, verb, reason, found: None, existed_before: false });
    }

    /// Accounts with a relation. Gives those that are gone.
    async fn known(&mut self, work: Vec<Work>) -> Vec<Work> {
        if work.is_empty() {
            return work;
        }
        let id = |work: &Work| work.relation.as_ref().map(|r| r.target_id.clone()).unwrap_or_default();
        let ids = work.iter().map(id).collect();
        let answers = self.open.target.read_entities(self.entity_type.as_str(), ids).await;
        let mut gone = Vec::new();
        for (work, answer) in work.into_iter().zip(answers) {
            match answer {
                Ok(entity) => {
                    let existed_before = work.relation.as_ref().is_some_and(|r| r.existed_before);
                    let reason = update_reason(&work);
                    let found = Some(entity);
                    self.foreseen.push(Foreseen {
                        work,
                        verb: PlannedVerb::Update,
                        reason,
                        found,
                        existed_before,
                    });
                }
                Err(error) if error.code == code::NOT_FOUND => gone.push(work),
                Err(error) => self.failed(work, error),
            }
        }
        gone
    }

    fn failed(&mut self, work: Work, error: PluginError) {
        let reason = format!("it could not be looked at: {error}");
        if error.is_of_system() {
            self.broken.get_or_insert(error);
        }
        self.end(work, PlannedVerb::Fail, reason);
    }

    /// What is gone from the target is made again.
    async fn creates(&mut self, work: Vec<Work>) {
        let requests: Vec<_> = work
            .iter()
            .map(|work| request(self.entity_type, TransformOperation::Create, &work.common))
            .collect();
        match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => {
                for (work, answer) in work.into_iter().zip(answers) {
                    if let Some(work) = self.with_content(work, answer) {
                        self.end(work, PlannedVerb::Create, "it is gone from the target".to_owned());
                    }
                }
            }
            Err(error) => work.into_iter().for_each(|work| self.failed(work, error.clone())),
        }
    }

    /// Takes another answer of the write transformation, or ends the entity.
    fn with_content(&mut self, mut work: Work, answer: Answer) -> Option<Work> {
        match answer.outcome {
            AnswerOutcome::Transformed => {
                work.trust = work.trust.after(&answer);
                work.payload = self.run.fingerprints.payload(&answer.json);
                work.given_id = answer.id;
                work.content = answer.json;
                Some(work)
            }
            AnswerOutcome::Failed => {
                self.end(work, PlannedVerb::Fail, transformation_error(&answer).to_string());
                None
            }
            _ => {
                self.end(work, PlannedVerb::Skip, answer.reason);
                None
            }
        }
    }

    /// Accounts without a relation, by their unique attributes.
    async fn unknown(&mut self, work: Vec<Work>) -> Result<(), Stop> {
        let (lane, entity_type) = (self.lane, self.entity_type);
        let filter = |work: &Work| {
            let content: Value = serde_json::from_str(&work.content).unwrap_or_default();
            correlate::unique(lane, entity_type, &content)
        };
        let filters: Vec<_> = work.iter().map(filter).collect();
        let names: Vec<Vec<String>> = filters
            .iter()
            .map(|filter| filter.iter().flatten().map(|(name, _)| name.clone()).collect())
            .collect();
        let answers = self.open.search(entity_type, filters).await;
        let mut found = Vec::new();
        for ((work, answer), names) in work.into_iter().zip(answers).zip(names) {
            match answer {
                Err(error) => self.failed(work, error),
                Ok(mut entities) => match (entities.pop(), entities.is_empty()) {
                    (None, _) if work.verb == Verb::Adopt => {
                        let reason = format!("{}; the target has no such entity", work.reason);
                        self.end(work, PlannedVerb::Skip, reason);
                    }
                    (None, _) => {
                        let reason = "the target has no such entity".to_owned();
                        self.end(work, PlannedVerb::Create, reason);
                    }
                    (Some(entity), true) => found.push((work, entity)),
                    (Some(_), false) => {
                        let reason = format!(
                            "more than one entity of the target has the same {}",
                            names.join(" and ")
                        );
                        self.end(work, PlannedVerb::Fail, reason);
                    }
                },
            }
        }
        self.found(found).await
    }

    /// Accounts that are there already: a job updates them.
    async fn found(&mut self, found: Vec<(Work, Entity)>) -> Result<(), Stop> {
        let key = self.run.key(self.lane, self.entity_type);
        let ids: Vec<String> = found.iter().map(|(_, entity)| entity.id.clone()).collect();
        let owners =
            if ids.is_empty() { Vec::new() } else { holders(self.run, self.lane, &key, ids).await? };
        let mut free = Vec::new();
        for ((work, entity), owner) in found.into_iter().zip(owners) {
            let own = |source: &SystemId, id: &String| *source == self.run.source.id && *id == work.source_id;
            if let Some((_, owner)) = owner.filter(|(source, id)| !own(source, id)) {
                let reason = format!("its account belongs to source entity {owner:?} already");
                self.end(work, PlannedVerb::Fail, reason);
            } else if work.verb == Verb::Create
                && !policy::resolves_conflicts(&self.lane.system, self.entity_type.as_str())
            {
                let reason = "it is in the target already, and automatic.conflict.resolution is switched off";
                self.end(work, PlannedVerb::Fail, reason.to_owned());
            } else {
                free.push((work, entity));
            }
        }
        let requests: Vec<_> = free
            .iter()
            .map(|(work, entity)| {
                request_for(self.entity_type, TransformOperation::Update, &work.common, &entity.id)
            })
            .collect();
        match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => {
                for ((work, entity), answer) in free.into_iter().zip(answers) {
                    let Some(work) = self.with_content(work, answer) else { continue };
                    let reason = "it is in the target already".to_owned();
                    let (verb, found) = (PlannedVerb::Update, Some(entity));
                    self.foreseen.push(Foreseen { work, verb, reason, found, existed_before: true });
                }
            }
            Err(error) => free.into_iter().for_each(|(work, _)| self.failed(work, error.clone())),
        }
        Ok(())
    }
}
