//! A page of the source that several targets go by, with what the read transformation made of it.

use crate::decide::transformation_error;
use crate::fingerprint::Base;
use crate::run::Run;
use crate::transform::{apply, request};
use gangway_model::{Answer, AnswerOutcome, Entity, EntityType, Page, PluginError, TransformOperation, code};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// A page as the source gave it.
pub(crate) struct SharedPage {
    pub(crate) page: Page,
    bases: OnceLock<Vec<Base>>,
    /// For each entity; none where nobody has asked yet.
    read: Mutex<Vec<Option<Reading>>>,
}

/// What the read transformation made of an entity.
#[derive(Clone)]
pub(crate) enum Reading {
    Passed {
        /// The relation key.
        source_id: String,
        common: Arc<str>,
        /// It depended on more than the entity.
        depends: bool,
    },
    /// Its condition excludes the entity.
    Skipped(String),
    Failed(PluginError),
}

impl SharedPage {
    pub(crate) fn new(page: Page) -> Self {
        Self { page, bases: OnceLock::new(), read: Mutex::default() }
    }

    /// Hashes of the entities.
    pub(crate) fn bases(&self, run: &Run, entity_type: &EntityType) -> &[Base] {
        let base = |entity| run.fingerprints.base(entity_type.as_str(), entity);
        self.bases.get_or_init(|| self.page.entities.iter().map(base).collect())
    }

    /// What the read transformation makes of the entities that are needed, in their order. It runs for those
    /// that nobody has needed before; who needs the same at the same time waits for the one run. The error
    /// says that it fails altogether.
    pub(crate) async fn read(
        &self,
        run: &Run,
        entity_type: &EntityType,
        needed: &[bool],
    ) -> Result<Vec<Option<Reading>>, PluginError> {
        let mut read = self.read.lock().await;
        read.resize(self.page.entities.len(), None);
        let mut asked = Vec::new();
        let mut requests = Vec::new();
        for (((index, entity), needed), known) in
            self.page.entities.iter().enumerate().zip(needed).zip(&*read)
        {
            if *needed && known.is_none() {
                asked.push((index, entity));
                requests.push(request(entity_type, TransformOperation::Read, &entity.json));
            }
        }
        let answers = apply(run.read.as_ref(), &requests).await?;
        for ((index, entity), answer) in asked.into_iter().zip(answers) {
            if let Some(place) = read.get_mut(index) {
                *place = Some(reading(entity, answer));
            }
        }
        let of = |known: &Option<Reading>| known.clone().unwrap_or_else(|| Reading::Failed(no_answer()));
        Ok(read.iter().zip(needed).map(|(known, needed)| needed.then(|| of(known))).collect())
    }
}

fn reading(entity: &Entity, answer: Answer) -> Reading {
    match answer.outcome {
        AnswerOutcome::Transformed => match answer.id {
            Some(source_id) => {
                Reading::Passed { source_id, common: answer.json.into(), depends: answer.depends }
            }
            None => Reading::Failed(PluginError::new(
                code::INVALID,
                "the read transformation did not set the variable entityIdSourceSystem; add a mapping with \"targetVariable\": \"entityIdSourceSystem\"",
            )),
        },
        AnswerOutcome::Filtered | AnswerOutcome::Skipped | AnswerOutcome::Ignored => {
            Reading::Skipped(answer.reason)
        }
        AnswerOutcome::Failed => Reading::Failed(transformation_error(&answer)),
        AnswerOutcome::Deleted => Reading::Failed(PluginError::new(
            code::INTERNAL,
            format!(
                "the read transformation answered 'deleted' for {:?}: a defect of the transformation plugin",
                entity.id
            ),
        )),
    }
}

fn no_answer() -> PluginError {
    PluginError::new(code::INTERNAL, "the transformation plugin gave no answer for this entity")
}
