//! What to do about one entity in one target: a pure function of what is known.
//!
//! A decision takes two looks. [`intend`] needs the relation only and says which operation the write
//! transformation is asked for (or that an unchanged entity needs none). [`decide`] takes the
//! transformation's answer and says what is to happen, and why. Neither does anything: carrying out
//! is `apply`, so that a plan can be shown, stored and approved as well as carried out at once.
//!
//! The rows in the comments are those of the decision table in `docs/jobs.md`.

use gangway_model::{
    Answer, AnswerOutcome, Hash, Intent, JobType, PluginError, Relation, RelationState, TransformOperation,
    code,
};
use std::fmt;

#[cfg(test)]
mod tests;

/// The hash that equals no other: "nothing is known of what was written last".
pub const UNKNOWN: Hash = [0; 16];

/// Which operation the write transformation is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intention {
    /// None: neither the entity nor anything that shapes it has changed since the last write.
    Unchanged,
    /// The engine holds no counterpart in the target.
    Create,
    /// The engine holds one.
    Update,
}

impl Intention {
    /// As the transformation is told.
    pub fn operation(self) -> Option<TransformOperation> {
        match self {
            Self::Unchanged => None,
            Self::Create => Some(TransformOperation::Create),
            Self::Update => Some(TransformOperation::Update),
        }
    }
}

/// A relation that still binds: a released one tells only that the engine was here once.
pub fn binding(relation: Option<&Relation>) -> Option<&Relation> {
    relation.filter(|r| r.state != RelationState::Released)
}

/// The first look. The relation's fingerprint is [`UNKNOWN`] where the same entity may come out
/// differently tomorrow (its transformation asked for the time or for other entities' identifiers).
pub fn intend(kind: JobType, relation: Option<&Relation>, fingerprint: Option<&Hash>) -> Intention {
    let Some(relation) = binding(relation) else { return Intention::Create };
    let same = fingerprint.is_some_and(|f| *f == relation.fingerprint && *f != UNKNOWN);
    if kind.passes_over_unchanged() && relation.state == RelationState::Active && same {
        Intention::Unchanged
    } else {
        Intention::Update
    }
}

/// What the second look knows.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The job's type.
    pub kind: JobType,
    /// The relation, of whatever state.
    pub relation: Option<&'a Relation>,
    /// An attempt to create whose end is unknown.
    pub intent: Option<&'a Intent>,
    /// The write transformation's answer to [`Intention::operation`].
    pub answer: &'a Answer,
    /// Hash of the answer's content, for an update.
    pub payload: Option<Hash>,
}

/// What is to happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to do.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
}

/// What to do with the counterpart in the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Nothing to write.
    Nothing,
    /// Make it.
    Create,
    /// See whether an earlier attempt made it; then update, or create.
    Look,
    /// Find one that is there already and update it; make none.
    Adopt,
    /// Give it the new content.
    Update,
    /// Nothing is written, and the entity log says why.
    Skip,
    /// It cannot be written, and the entity log says why.
    Fail,
}

/// Why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// No counterpart is known.
    New,
    /// A request to create went out earlier, and its answer never came.
    Unanswered,
    /// The content differs from what was written last.
    Changed,
    /// The content is what was written last.
    Same,
    /// A Resync writes everything.
    Resync,
    /// It was to be deleted and could not be, or was disabled instead, and is back.
    Returned,
    /// What was written last is not known (the last write failed, or it was the creation).
    Unknown,
    /// The transformation's condition is false: the target is not to hold this entity.
    Condition(String),
    /// The operation is among the transformation's `skipOperations`.
    SkippedOperation(String),
    /// The transformation could not make content of it.
    Transformation(PluginError),
}

impl Decision {
    /// Whether the target is to go on holding the entity. False makes a counterpart that the engine
    /// manages a candidate for deletion.
    pub fn keeps(&self) -> bool {
        !matches!(self.reason, Reason::Condition(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("no counterpart is known"),
            Self::Unanswered => f.write_str("an earlier request to create it was never answered"),
            Self::Changed => f.write_str("the content changed"),
            Self::Same => f.write_str("the content is the same"),
            Self::Resync => f.write_str("a Resync writes everything"),
            Self::Returned => f.write_str("it was gone from the source and is back"),
            Self::Unknown => f.write_str("what was written last is not known"),
            Self::Condition(reason) | Self::SkippedOperation(reason) => f.write_str(reason),
            Self::Transformation(error) => error.fmt(f),
        }
    }
}

/// The second look.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let relation = binding(facts.relation);
    match facts.answer.outcome {
        AnswerOutcome::Transformed => written(facts, relation),
        AnswerOutcome::Skipped => {
            let reason = Reason::SkippedOperation(facts.answer.reason.clone());
            // Row 8. Without a relation the accounts are assumed to be there already.
            Decision { verb: if relation.is_none() { Verb::Adopt } else { Verb::Skip }, reason }
        }
        // Rows 2 and 6.
        AnswerOutcome::Filtered => {
            Decision { verb: Verb::Skip, reason: Reason::Condition(facts.answer.reason.clone()) }
        }
        AnswerOutcome::Ignored => Decision {
            verb: Verb::Skip,
            reason: Reason::SkippedOperation("the write transformation ignores this entity type".to_owned()),
        },
        AnswerOutcome::Failed => {
            Decision { verb: Verb::Fail, reason: Reason::Transformation(transformation_error(facts.answer)) }
        }
        AnswerOutcome::Deleted => Decision {
            verb: Verb::Fail,
            reason: Reason::Transformation(PluginError::new(
                code::INTERNAL,
                "the write transformation answered 'deleted' although it was not asked to delete: a defect of the transformation plugin",
            )),
        },
    }
}

fn written(facts: &Facts<'_>, relation: Option<&Relation>) -> Decision {
    let Some(relation) = relation else {
        // Row 1.
        return match facts.intent {
            Some(_) => Decision { verb: Verb::Look, reason: Reason::Unanswered },
            None => Decision { verb: Verb::Create, reason: Reason::New },
        };
    };
    let update = |reason| Decision { verb: Verb::Update, reason };
    if facts.kind.is_resync() {
        return update(Reason::Resync); // row 5
    }
    if matches!(relation.state, RelationState::PendingDelete | RelationState::Disabled) {
        return update(Reason::Returned);
    }
    if relation.payload == UNKNOWN {
        return update(Reason::Unknown);
    }
    match facts.payload {
        Some(payload) if payload == relation.payload => {
            Decision { verb: Verb::Nothing, reason: Reason::Same } // row 3
        }
        _ => update(Reason::Changed), // row 4
    }
}

/// The error of a failed transformation, with the place in the document.
pub fn transformation_error(answer: &Answer) -> PluginError {
    let error = PluginError::new(code::INVALID, answer.reason.clone());
    if answer.mapping.is_empty() { error } else { error.with("mapping", answer.mapping.clone()) }
}
