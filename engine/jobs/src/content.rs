//! Content for entities under way: what the write transformation makes of them once more, because a
//! create became an update, or an update a create.

use crate::apply::LaneApply;
use crate::decide::{UNKNOWN, transformation_error};
use crate::error::Stop;
use crate::intents::intent;
use crate::item::{CountsAs, Item, Step, Why};
use crate::transform::{apply, request, request_for};
use gangway_model::{AnswerOutcome, Intent, TransformOperation};
use gangway_store::Commit;

impl LaneApply<'_> {
    /// The target no longer holds what the relation points to: make it again, under a new intent.
    pub(crate) async fn remake(&mut self, items: Vec<Item>) -> Result<Vec<Item>, Stop> {
        if items.is_empty() {
            return Ok(items);
        }
        let mut ready = match self.creates(items).await {
            Ok(ready) => ready,
            Err(items) => return Ok(items),
        };
        let now = self.run.clock.now_ms();
        let announced = ready.iter();
        let announced: Vec<Intent> = announced
            .map(|item| intent(self.lane, self.entity_type, &item.work.source_id, &item.content, now))
            .collect();
        let (key, run) = (self.key.clone(), self.run.run.clone());
        let open = self
            .run
            .blocking(move |store| {
                let ids: Vec<&str> = announced.iter().map(|intent| intent.source_id.as_str()).collect();
                let open = store.intents(&key, &ids)?;
                let new = announced.into_iter().zip(&open).filter(|(_, open)| open.is_none());
                let intents: Vec<Intent> = new.map(|(intent, _)| intent).collect();
                if !intents.is_empty() {
                    let intents = vec![(key, intents)];
                    store.commit(&Commit { run: Some(run), intents, ..Commit::default() })?;
                }
                Ok(open)
            })
            .await?;
        for (item, open) in ready.iter_mut().zip(open) {
            item.counts_as = CountsAs::Created;
            item.existed_before = false;
            item.payload = UNKNOWN;
            item.id = None;
            item.step = if open.is_some() { Step::Find(Why::Unanswered) } else { Step::Create };
            item.intent = Some(open.as_ref().map_or(now, |intent| intent.since_ms));
            item.work.intent = open;
        }
        Ok(ready)
    }

    /// Content for creates in place of updates. The error gives the items back: the transformation
    /// fails altogether, and the target is broken.
    async fn creates(&mut self, items: Vec<Item>) -> Result<Vec<Item>, Vec<Item>> {
        if self.raw {
            return Ok(items.into_iter().map(|item| Item { remade: true, ..item }).collect());
        }
        let requests: Vec<_> = items
            .iter()
            .map(|item| request(self.entity_type, TransformOperation::Create, &item.work.common))
            .collect();
        let answers = match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => answers,
            Err(error) => {
                self.result.broken = Some(error);
                return Err(items);
            }
        };
        let mut ready = Vec::new();
        for (mut item, answer) in items.into_iter().zip(answers) {
            match answer.outcome {
                AnswerOutcome::Transformed => {
                    item.work.trust = item.work.trust.after(&answer);
                    item.work.given_id = answer.id;
                    item.content = answer.json;
                    item.remade = true;
                    ready.push(item);
                }
                AnswerOutcome::Failed => self.fail(&item, transformation_error(&answer)),
                _ => {
                    self.skip(&item, format!("it is gone from the target, and: {}", answer.reason));
                }
            }
        }
        Ok(ready)
    }

    /// Content for the update of accounts that were found. Items come with their identifier.
    pub(crate) async fn updates(&mut self, items: Vec<Item>) -> Vec<Item> {
        if self.raw {
            return items.into_iter().map(|item| Item { step: Step::Replace, ..item }).collect();
        }
        let requests: Vec<_> = items
            .iter()
            .map(|item| {
                let id = item.id.as_deref().unwrap_or_default();
                request_for(self.entity_type, TransformOperation::Update, &item.work.common, id)
            })
            .collect();
        let answers = match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => answers,
            Err(error) => {
                self.result.broken = Some(error);
                return items;
            }
        };
        let mut ready = Vec::new();
        for (mut item, answer) in items.into_iter().zip(answers) {
            match answer.outcome {
                AnswerOutcome::Transformed => {
                    item.work.trust = item.work.trust.after(&answer);
                    item.payload = self.run.fingerprints.payload(&answer.json);
                    item.content = answer.json;
                    item.step = Step::Replace;
                    ready.push(item);
                }
                AnswerOutcome::Failed => self.fail(&item, transformation_error(&answer)),
                // Found and ours, and it is not to be updated: nothing is missing.
                AnswerOutcome::Skipped if item.counts_as == CountsAs::Created => {
                    let id = item.id.clone();
                    self.succeeded(item, id);
                }
                _ => self.skip(&item, answer.reason),
            }
        }
        ready
    }

    /// Where no fingerprint will spare the next job the transformation, the hash of what an update would
    /// write now spares it the write.
    pub(crate) async fn payloads(&mut self) {
        let created = std::mem::take(&mut self.created);
        let open = || {
            self.result
                .relations
                .iter()
                .filter(|r| r.payload == UNKNOWN)
                .filter_map(|r| created.get(&r.source_id).map(|(common, trust)| (r, common, *trust)))
        };
        let requests: Vec<_> = open()
            .map(|(r, common, _)| {
                request_for(self.entity_type, TransformOperation::Update, common, &r.target_id)
            })
            .collect();
        let trusts: Vec<_> = open().map(|(_, _, trust)| trust).collect();
        // Without an answer the next job writes once too often, which is harmless.
        let answers = apply(self.open.write.as_ref(), &requests).await.unwrap_or_default();
        let relations = self
            .result
            .relations
            .iter_mut()
            .filter(|r| r.payload == UNKNOWN && created.contains_key(&r.source_id));
        for ((relation, answer), trust) in relations.zip(answers).zip(trusts) {
            if answer.outcome == AnswerOutcome::Transformed {
                // What a create depended on need not matter for updates: a first password does not.
                relation.fingerprint = trust.after(&answer).kept();
                relation.payload = self.run.fingerprints.payload(&answer.json);
            }
        }
    }
}
