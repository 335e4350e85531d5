//! What a transformation implements: [`Transformation`].

use crate::error::Result;
use crate::system::Properties;

pub use crate::bindings::transformation::exports::gangway::plugin::transformation::{
    Answer, Diagnostic, Needs, Request,
};

/// A compiled document that turns entities of one shape into entities of another. It is a function: the
/// same question gives the same answer, but for the clock and the random source it may ask for.
///
/// Requests are handed over owned and answers are taken owned: no string is copied beyond the crossing
/// of the sandbox's border.
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

    /// Applies the document to each entity. One entity's failure is its own answer.
    fn apply(&self, requests: Vec<Request>, explain: bool) -> Vec<Answer>;
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
    fn of(outcome: &str) -> Self {
        Answer {
            outcome: outcome.to_owned(),
            json: String::new(),
            variables: String::new(),
            reason: String::new(),
            mapping: String::new(),
            correlation: Vec::new(),
            unresolved: 0,
            trace: String::new(),
        }
    }

    /// The new entity.
    pub fn transformed(json: impl Into<String>) -> Self {
        Answer { json: json.into(), ..Answer::of("transformed") }
    }

    /// A condition or a skipped operation.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Answer { reason: reason.into(), ..Answer::of("skipped") }
    }

    /// The document switches the type off.
    pub fn ignored() -> Self {
        Answer::of("ignored")
    }

    /// The entity cannot be transformed; `mapping` is the JSON pointer to the mapping at fault, or empty.
    pub fn failed(reason: impl Into<String>, mapping: impl Into<String>) -> Self {
        Answer { reason: reason.into(), mapping: mapping.into(), ..Answer::of("failed") }
    }

    /// A delete with nothing to write instead.
    pub fn deleted() -> Self {
        Answer::of("deleted")
    }

    /// The same answer with all variables at the end: a JSON object.
    #[must_use]
    pub fn with_variables(mut self, variables: impl Into<String>) -> Self {
        self.variables = variables.into();
        self
    }
}
