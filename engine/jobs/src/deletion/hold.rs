//! What keeps single candidates, or all of a type, from being deleted.

use super::Phase;
use super::gates::entities;
use crate::checkpoint::Deletions;
use crate::error::Stop;
use crate::ledger::Ledger;
use crate::prepare::rewritten;
use crate::safety::{Grace, Threshold};
use crate::{policy, stats};
use gangway_model::{Action, Counters, PluginError, Relation, RelationState, code};
use gangway_store::{Absence, NewRelation, SeenSet};

impl Phase<'_> {
    pub(super) fn stays(&self, relation: &Relation) -> bool {
        relation.existed_before && !policy::deletes_existed_before(&self.lane.system)
    }

    /// A gate is closed: says of each candidate why it was not deleted, and of all of them how many
    /// there are. Nothing is counted, because nothing was decided about them.
    pub(super) async fn gate_closed(&self, ledger: &Ledger, seen: &SeenSet, why: &str) -> Result<(), Stop> {
        let mut waiting = 0;
        let mut after = None;
        while let Some(relations) = self.batch(after.as_deref()).await? {
            after = relations.last().map(|r| r.source_id.clone());
            if self.run.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let mut step = Deletions::default();
            for relation in relations.iter().filter(|r| self.is_candidate(r) && !seen.contains(r.ordinal)) {
                waiting += 1;
                let reason = format!("it was not read from the source, and is not deleted: {why}");
                step.events.push(self.journal().skipped(
                    Some(&relation.source_id),
                    Some(&relation.target_id),
                    reason,
                ));
                step.seen.push(relation.ordinal);
            }
            if !step.events.is_empty() {
                ledger.book(|books| books.deletions(self.lane, self.entity_type, step));
                ledger.commit(Vec::new()).await?;
            }
        }
        let subject = format!("no {} deletions in {:?}", self.entity_type, self.lane.system.name);
        let said = ledger.look(|books| books.job().outcome.iter().any(|line| line.starts_with(&subject)));
        if waiting > 0 && !said {
            ledger.outcome(format!(
                "{subject}: {waiting} managed {} not read, and waiting because {why}",
                entities(waiting)
            ));
        }
        Ok(())
    }

    /// Notes the absence of the candidates, and gives those that have been missing for long enough.
    pub(super) async fn after_grace(
        &self,
        step: &mut Deletions,
        candidates: Vec<Relation>,
    ) -> Result<Vec<Relation>, Stop> {
        let grace = match Grace::of(&self.lane.system) {
            Ok(None) => return Ok(candidates),
            Ok(Some(grace)) => grace,
            Err(wrong) => {
                for relation in candidates {
                    step.counters.failed += 1;
                    let error = PluginError::new(code::CONFIGURATION, format!("not deleted: {wrong}"));
                    step.events.push(self.journal().failed(
                        Some(&relation.source_id),
                        Some(&relation.target_id),
                        error,
                    ));
                    step.seen.push(relation.ordinal);
                }
                return Ok(Vec::new());
            }
        };
        let absences = self.absences(&candidates).await?;
        let mut go = Vec::new();
        for (relation, known) in candidates.into_iter().zip(absences) {
            let absence = self.absence(&relation, known);
            let lasted = self.now_ms.saturating_sub(absence.since_ms);
            if relation.state == RelationState::PendingDelete || grace.is_over(absence.reads, lasted) {
                go.push(relation);
                continue;
            }
            step.counters.skipped += 1;
            step.events.push(self.journal().skipped(
                Some(&relation.source_id),
                Some(&relation.target_id),
                format!(
                    "it is gone from the source, and held for now: missing in {} full reads in a row and for {} h; it is deleted after ips.delete.grace.reads = {} and ips.delete.grace.hours = {}",
                    absence.reads,
                    lasted / 3_600_000,
                    grace.reads,
                    grace.hours
                ),
            ));
            step.seen.push(relation.ordinal);
            step.absences.push(absence);
        }
        Ok(go)
    }

    async fn absences(&self, relations: &[Relation]) -> Result<Vec<Option<Absence>>, Stop> {
        let key = self.run.key(self.lane, self.entity_type);
        let ids: Vec<String> = relations.iter().map(|r| r.source_id.clone()).collect();
        self.run
            .blocking(move |store| store.absences(&key, &ids.iter().map(String::as_str).collect::<Vec<_>>()))
            .await
    }

    /// The absence as it stands with this read. It starts anew if the read before saw the entity.
    fn absence(&self, relation: &Relation, known: Option<Absence>) -> Absence {
        let run = self.run.run.clone();
        match known {
            Some(known) if known.run == run => known,
            Some(known) if Some(&known.run) == self.run_before => {
                Absence { reads: known.reads.saturating_add(1), run, ..known }
            }
            _ => Absence { source_id: relation.source_id.clone(), reads: 1, since_ms: self.now_ms, run },
        }
    }

    /// Whether the threshold forbids all deletions of this type, with the explanation. The numbers
    /// are booked here, once for the whole run, so that a job that resumes in the midst of writing
    /// the log lines neither counts again nor takes the rest for a number below the threshold.
    pub(super) async fn blocked(&self, ledger: &Ledger, seen: &SeenSet) -> Result<Option<String>, Stop> {
        let subject = format!("no {} deletions in {:?}: ", self.entity_type, self.lane.system.name);
        let said = |line: &&String| line.starts_with(&subject);
        if let Some(line) = ledger.look(|books| books.job().outcome.iter().find(said).cloned()) {
            return Ok(Some(line));
        }
        let threshold = Threshold::of(&self.lane.system, self.entity_type.as_str());
        // A job that resumes has some of them behind it.
        let row =
            ledger.look(|books| stats::row(books.job(), self.entity_type, &self.lane.system, Action::Write));
        let done = row.deleted;
        let key = self.run.key(self.lane, self.entity_type);
        let all = self.run.blocking(move |store| store.count_relations(&key)).await? + done;
        // Mostly it takes no look at the relations to see that they are few enough.
        if threshold.as_ref().is_ok_and(|threshold| all.saturating_sub(seen.len()) <= threshold.sure()) {
            return Ok(None);
        }
        let (mut left, mut managed) = (0, done);
        let mut after = None;
        while let Some(relations) = self.batch(after.as_deref()).await? {
            after = relations.last().map(|r| r.source_id.clone());
            managed += relations.iter().filter(|r| r.state != RelationState::Released).count() as u64;
            let candidates: Vec<Relation> = relations
                .into_iter()
                .filter(|r| self.is_candidate(r) && !seen.contains(r.ordinal) && !self.stays(r))
                .collect();
            left += self.ripe(candidates).await?;
        }
        let line = match threshold {
            Ok(threshold) => match threshold.limit(managed) {
                Some(limit) if left + done > limit => format!(
                    "{subject}{} candidates are more than {}; check the source, then set ips.delete.threshold.{}s to a number, a percentage or \"unlimited\" if they are right",
                    left + done,
                    threshold.spell(managed, limit),
                    self.entity_type
                ),
                _ => return Ok(None),
            },
            Err(wrong) if left > 0 => format!("{subject}{wrong}"),
            Err(_) => return Ok(None),
        };
        let counters = Counters { failed: left, ..Counters::default() };
        ledger.book(|books| {
            books.outcome(line.clone());
            books.count(self.entity_type, &self.lane.system, Action::Write, counters);
        });
        ledger.commit(Vec::new()).await?;
        Ok(Some(line))
    }

    /// How many of the candidates are not held by the grace period.
    async fn ripe(&self, candidates: Vec<Relation>) -> Result<u64, Stop> {
        let Ok(Some(grace)) = Grace::of(&self.lane.system) else { return Ok(candidates.len() as u64) };
        let absences = self.absences(&candidates).await?;
        let ripe = candidates.iter().zip(absences).filter(|(relation, known)| {
            let absence = self.absence(relation, known.clone());
            relation.state == RelationState::PendingDelete
                || grace.is_over(absence.reads, self.now_ms.saturating_sub(absence.since_ms))
        });
        Ok(ripe.count() as u64)
    }

    /// What was there before the engine is left alone, and gives the rest.
    pub(super) fn release(&self, step: &mut Deletions, candidates: Vec<Relation>) -> Vec<Relation> {
        let (stay, go): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|r| self.stays(r));
        for relation in stay {
            step.counters.skipped += 1;
            step.events.push(self.journal().skipped(
                Some(&relation.source_id),
                Some(&relation.target_id),
                "it is gone from the source, and was in the target before the engine came (ips.delete.existedbefore.entities is not true): left alone, no longer managed",
            ));
            step.relations.push(NewRelation { state: RelationState::Released, ..rewritten(&relation) });
        }
        go
    }
}
