//! Who was in the target before the engine stays there, but leaves the groups that the document takes leavers out of
//! (`unassignGroup` in the scope `deleteEntity`).

use super::Phase;
use crate::assignments;
use crate::checkpoint::Deletions;
use crate::transform::{apply, request_for};
use gangway_model::{JobType, Operation, OperationKind, Outcome, Relation, TransformOperation, code};

impl Phase<'_> {
    /// Changes the groups of those candidates that stay, and gives all but those for which that failed: they stay
    /// candidates.
    pub(super) async fn leave_groups(
        &self,
        step: &mut Deletions,
        candidates: Vec<Relation>,
    ) -> Vec<Relation> {
        let staying: Vec<&Relation> = candidates.iter().filter(|r| self.stays(r)).collect();
        if staying.is_empty() || self.run.kind == JobType::Simulate {
            return candidates;
        }
        let requests: Vec<_> = staying
            .iter()
            .map(|r| request_for(self.entity_type, TransformOperation::Delete, "{}", &r.target_id))
            .collect();
        // Without an answer there is nothing to do; they are left alone in any case.
        let answers = apply(self.open.write.as_ref(), &requests).await.unwrap_or_default();
        let operations: Vec<(String, Operation)> = staying
            .iter()
            .zip(answers)
            .filter_map(|(relation, answer)| {
                let operation = Operation {
                    kind: OperationKind::Patch,
                    entity_type: self.entity_type.as_str().to_owned(),
                    id: Some(relation.target_id.clone()),
                    version: None,
                    json: assignments::part(&answer.json)?,
                    members: None,
                };
                Some((relation.source_id.clone(), operation))
            })
            .collect();
        if operations.is_empty() {
            return candidates;
        }
        let (ids, operations): (Vec<String>, Vec<Operation>) = operations.into_iter().unzip();
        let outcomes = match self.open.carry_out(operations).await {
            Ok(outcomes) => outcomes,
            Err(error) => ids.iter().map(|_| Outcome::failed(error.clone())).collect(),
        };
        let failed = |id: &str| {
            let (_, outcome) = ids.iter().zip(&outcomes).find(|(known, _)| *known == id)?;
            outcome.error.clone()
        };
        let mut left = Vec::with_capacity(candidates.len());
        for relation in candidates {
            match failed(&relation.source_id) {
                Some(error) if error.code == code::CANCELLED => step.interrupted = true,
                Some(error) => step.fail(&self.journal(), &relation, error),
                None => left.push(relation),
            }
        }
        left
    }
}
