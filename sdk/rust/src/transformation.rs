//! What a transformation implements: [`Transformation`].

use crate::error::Result;
use crate::system::Properties;
use std::borrow::Cow;

pub use crate::bindings::transformation::exports::gangway::plugin::transformation::{Diagnostic, Needs};

/// A compiled document that turns entities of one shape into entities of another. It is a function: the
/// same question gives the same answer, but for the clock and the random source it may ask for.
///
/// Requests borrow from the few strings in which a whole batch crosses the border of the sandbox.
pub trait Transformation: Sized + 'static {
    /// Compiles a document once. The error is every problem at once. `properties` are those of the
    /// system, without secrets.
    fn compile(document: &str, direction: Direction, properties: Properties)
    -> Result<Self, Vec<Diagnostic>>;

    /// What the document needs beyond the entity itself, for each entity type.
    fn needs(&self) -> Vec<Needs>;

    /// Warnings of the document.
    fn warnings(&self) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// Applies the document to each entity and gives an answer for each, in the same order. One entity's failure is
    /// its own answer.
    fn apply(&self, requests: &[Request<'_>], explain: bool, answers: &mut impl Answers);
}

/// Where answers go: to the engine, or in a test into a vector.
pub trait Answers {
    /// The next answer.
    fn put(&mut self, answer: Answer);

    /// The next entity is transformed, and there is nothing more to say of it than its identifier (or an empty text) and
    /// what tells it from others. The same as an [`Answer`] that says so, which need not be made. `json` is UTF-8; the
    /// engine checks that once for a whole batch.
    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]) {
        let json = String::from_utf8_lossy(json);
        let correlation = correlation.iter().map(|text| text.as_ref().to_owned()).collect();
        self.put(Answer { correlation, ..Answer::transformed(json).with_id(id) });
    }
}

impl Answers for Vec<Answer> {
    fn put(&mut self, answer: Answer) {
        self.push(answer);
    }
}

/// One entity to transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// `user`, `group`, …
    pub entity_type: &'a str,
    /// `read`, `create`, `update`, `patch` or `delete`.
    pub operation: &'a str,
    /// The entity: a JSON object.
    pub json: &'a str,
    /// Preset variables: a JSON object, or empty for none.
    pub variables: &'a str,
}

/// How a transformation ended for one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerOutcome {
    /// There is a new entity.
    Transformed,
    /// The entity's condition is false: the target is not to hold it.
    Filtered,
    /// The document skips this operation: what the target holds stays as it is.
    Skipped,
    /// The document switches the type off.
    Ignored,
    /// There is no new entity, and the reason says why.
    Failed,
    /// After `delete`: there is nothing to write instead.
    Deleted,
}

impl AnswerOutcome {
    /// The word that crosses the border.
    pub fn as_str(self) -> &'static str {
        match self {
            AnswerOutcome::Transformed => "transformed",
            AnswerOutcome::Filtered => "filtered",
            AnswerOutcome::Skipped => "skipped",
            AnswerOutcome::Ignored => "ignored",
            AnswerOutcome::Failed => "failed",
            AnswerOutcome::Deleted => "deleted",
        }
    }
}

/// What became of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub outcome: AnswerOutcome,
    /// The new entity, if transformed: a JSON object.
    pub json: String,
    /// The identifier that the document gave it, or empty: the variable `entityIdSourceSystem` after a
    /// read, `entityIdTargetSystem` after a write.
    pub id: String,
    /// Why it was filtered, skipped or failed: names the condition, or the mapping and attribute.
    pub reason: String,
    /// JSON pointer to the mapping at fault, or empty.
    pub mapping: String,
    /// Values of mappings marked `correlationAttribute`.
    pub correlation: Vec<String>,
    /// How many references could not be resolved (yet).
    pub unresolved: u32,
    /// What the result depended on beyond the entity itself: `time`, `random`, `relations`, and `id` if
    /// the document looked for the entity's identifier in the target and there was none yet. Only an
    /// entity without any is skipped while it does not change.
    pub depends: Vec<&'static str>,
    /// All variables at the end, a JSON object, if an explanation was asked for. Otherwise those that the engine
    /// reads, if there are any: `assignGroup` and `unassignGroup` of a user, each a list of `{"id": …}`.
    pub variables: String,
    /// The trace as a JSON array, if an explanation was asked for.
    pub trace: String,
}

/// Which way entities go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a source system.
    Read,
    /// To a target system.
    Write,
}

impl Diagnostic {
    /// A problem that refuses the document.
    pub fn error(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: "error".to_owned(),
            pointer: pointer.into(),
            line: 0,
            column: 0,
            message: message.into(),
        }
    }

    /// A problem that does not.
    pub fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Diagnostic { severity: "warning".to_owned(), ..Diagnostic::error(pointer, message) }
    }

    /// The same diagnostic with a place in the document's text, one-based.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = line;
        self.column = column;
        self
    }
}

impl Answer {
    fn of(outcome: AnswerOutcome) -> Self {
        Answer {
            outcome,
            json: String::new(),
            id: String::new(),
            reason: String::new(),
            mapping: String::new(),
            correlation: Vec::new(),
            unresolved: 0,
            depends: Vec::new(),
            variables: String::new(),
            trace: String::new(),
        }
    }

    /// The new entity.
    pub fn transformed(json: impl Into<String>) -> Self {
        Answer { json: json.into(), ..Answer::of(AnswerOutcome::Transformed) }
    }

    /// A condition that is false.
    pub fn filtered(reason: impl Into<String>) -> Self {
        Answer { reason: reason.into(), ..Answer::of(AnswerOutcome::Filtered) }
    }

    /// An operation that the document skips.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Answer { reason: reason.into(), ..Answer::of(AnswerOutcome::Skipped) }
    }

    /// The document switches the type off.
    pub fn ignored() -> Self {
        Answer::of(AnswerOutcome::Ignored)
    }

    /// The entity cannot be transformed; `mapping` is the JSON pointer to the mapping at fault, or empty.
    pub fn failed(reason: impl Into<String>, mapping: impl Into<String>) -> Self {
        Answer { reason: reason.into(), mapping: mapping.into(), ..Answer::of(AnswerOutcome::Failed) }
    }

    /// A delete with nothing to write instead.
    pub fn deleted() -> Self {
        Answer::of(AnswerOutcome::Deleted)
    }

    /// The same answer with the identifier that the document gave the entity.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Whether there is more to say than the new entity and its identifier.
    pub(crate) fn is_remarkable(&self) -> bool {
        self.outcome != AnswerOutcome::Transformed
            || self.unresolved > 0
            || !self.depends.is_empty()
            || !self.variables.is_empty()
            || !self.trace.is_empty()
    }
}
