//! The language of JSON transformations as what the SDK calls a transformation.
//!
//! The language itself is pure; here it gets the clock, the random source and the relations of the
//! engine. A crate beside the component's, so that tests of other plugins can run documents: the
//! component's own is no library, see `docs/performance.md`.

mod world;

use std::borrow::Cow;

use gangway_sdk::system::Properties;
use gangway_sdk::transformation::{Answer, AnswerOutcome, Answers, Diagnostic, Needs, Request};
use gangway_sdk::{Direction, Transformation};
use gangway_transformation_language as language;

/// A compiled document.
pub struct JsonTransformation(language::Compiled);

impl Transformation for JsonTransformation {
    fn compile(
        document: &str,
        direction: Direction,
        properties: Properties,
    ) -> Result<Self, Vec<Diagnostic>> {
        let direction = match direction {
            Direction::Read => language::Direction::Read,
            Direction::Write => language::Direction::Write,
        };
        let properties: Vec<(String, String)> =
            properties.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        match language::compile(document, direction, &properties) {
            Ok(compiled) => Ok(JsonTransformation(compiled)),
            Err(problems) => Err(problems.into_iter().map(diagnostic).collect()),
        }
    }

    fn needs(&self) -> Vec<Needs> {
        self.0.needs().into_iter().map(needs).collect()
    }

    fn warnings(&self) -> Vec<Diagnostic> {
        self.0.warnings().iter().cloned().map(diagnostic).collect()
    }

    fn apply(&self, requests: &[Request<'_>], explain: bool, answers: &mut impl Answers) {
        let mut outer = language::Outer {
            now_milliseconds: &world::now_milliseconds,
            random: &mut world::SystemRandom,
            resolver: &mut world::EngineRelations,
            explain,
        };
        self.0.answer(requests.iter().map(request), &mut outer, &mut Onward(answers));
    }
}

/// Hands answers on.
struct Onward<'a, A>(&'a mut A);

impl<A: Answers> language::Answers for Onward<'_, A> {
    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]) {
        self.0.transformed(json, id, correlation);
    }

    fn put(&mut self, answer: language::Answer) {
        self.0.put(self::answer(answer));
    }
}

fn diagnostic(problem: language::Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: problem.severity.as_str().to_owned(),
        pointer: problem.pointer,
        line: problem.line,
        column: problem.column,
        message: problem.message,
    }
}

fn needs(needs: language::Needs) -> Needs {
    let list = [("time", needs.time), ("random", needs.random), ("relations", needs.relations)];
    let names = list.into_iter().filter(|(_, needed)| *needed).map(|(name, _)| name.to_owned()).collect();
    Needs { entity_type: needs.entity_type, needs: names, ignored: needs.ignored }
}

fn request<'a>(request: &Request<'a>) -> language::Request<'a> {
    language::Request {
        entity_type: request.entity_type,
        operation: request.operation,
        json: request.json,
        variables: request.variables,
    }
}

fn outcome(outcome: language::Outcome) -> AnswerOutcome {
    match outcome {
        language::Outcome::Transformed => AnswerOutcome::Transformed,
        language::Outcome::Filtered => AnswerOutcome::Filtered,
        language::Outcome::Skipped => AnswerOutcome::Skipped,
        language::Outcome::Ignored => AnswerOutcome::Ignored,
        language::Outcome::Failed => AnswerOutcome::Failed,
        language::Outcome::Deleted => AnswerOutcome::Deleted,
    }
}

fn answer(answer: language::Answer) -> Answer {
    Answer {
        outcome: outcome(answer.outcome),
        json: answer.json,
        id: answer.id,
        reason: answer.reason,
        mapping: answer.mapping,
        correlation: answer.correlation,
        unresolved: answer.unresolved,
        depends: answer.depends,
        variables: answer.variables,
        trace: answer.trace,
    }
}

#[cfg(test)]
mod tests;
