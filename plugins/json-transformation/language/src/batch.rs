//! A document applied to a batch of entities.

use std::borrow::Cow;

use crate::explain::Trace;
use crate::functions::{Lookups, Random, Resolver};
use crate::json;
use crate::mapping::{Compiled, Direction, Entity, Operation};
use crate::run::{Ending, Finished, Outside, run};
use crate::value::Value;
use crate::variables::{TARGET_ID, Variables};

/// How often identifiers are resolved for one batch. One round is enough unless an identifier
/// decides which other identifiers are asked for.
const MAX_ROUNDS: usize = 8;
const CURRENT_DATE: &str = "currentDate";
/// Variables that say which groups of the target a user is added to and removed from. The engine reads them.
const ASSIGNMENTS: [&str; 2] = ["assignGroup", "unassignGroup"];

/// One entity and what is to be done with it.
#[derive(Debug, Clone, Default)]
pub struct Request<'t> {
    /// `user`, `group`, …
    pub entity_type: &'t str,
    /// `read`, `create`, `update`, `patch` or `delete`.
    pub operation: &'t str,
    /// The entity: a JSON object.
    pub json: &'t str,
    /// Preset variables: a JSON object, or empty.
    pub variables: &'t str,
}

/// How an application ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Outcome {
    Transformed,
    Filtered,
    Skipped,
    #[default]
    Ignored,
    Failed,
    Deleted,
}

impl Outcome {
    /// The word used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Transformed => "transformed",
            Outcome::Filtered => "filtered",
            Outcome::Skipped => "skipped",
            Outcome::Ignored => "ignored",
            Outcome::Failed => "failed",
            Outcome::Deleted => "deleted",
        }
    }
}

/// What became of one entity.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// The new entity, if transformed.
    pub json: String,
    /// The identifier that the document gave the entity, or empty: the variable `entityIdSourceSystem`
    /// after a read, `entityIdTargetSystem` after a write.
    pub id: String,
    /// Why it was filtered, skipped or failed.
    pub reason: String,
    /// JSON pointer to the mapping at fault, or empty.
    pub mapping: String,
    /// Values of mappings marked `correlationAttribute`.
    pub correlation: Vec<String>,
    /// Identifiers that could not be resolved.
    pub unresolved: u32,
    /// What the result depended on beyond the entity itself: `time`, `random`, `relations`, and `id` if
    /// the identifier in the target was looked for and there was none.
    pub depends: Vec<&'static str>,
    /// All variables at the end, a JSON object, if the trace was asked for and there are any; otherwise
    /// those that assign groups, of a user that is written.
    pub variables: String,
    /// The trace as a JSON array, if asked for.
    pub trace: String,
}

/// Where answers go, in the order of the requests.
pub trait Answers {
    /// An entity is transformed, and there is nothing more to say of it than its identifier and what tells it from others.
    /// What it became is UTF-8 that nobody has checked yet.
    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]);

    /// Any answer.
    fn put(&mut self, answer: Answer);
}

impl Answers for Vec<Answer> {
    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]) {
        let (json, id, correlation) = (json::text(json), id.to_owned(), owned(correlation));
        self.push(Answer { outcome: Outcome::Transformed, json, id, correlation, ..Answer::default() });
    }

    fn put(&mut self, answer: Answer) {
        self.push(answer);
    }
}

/// What a batch may use from outside.
pub struct Outer<'o> {
    /// Now, in milliseconds since 1970; only asked for if a document needs the time.
    pub now_milliseconds: &'o dyn Fn() -> i64,
    /// Randomness.
    pub random: &'o mut dyn Random,
    /// Relations of identifiers.
    pub resolver: &'o mut dyn Resolver,
    /// Answers carry their traces.
    pub explain: bool,
}

/// Randomness, and whether it was used.
struct Watched<'r> {
    random: &'r mut dyn Random,
    used: bool,
}

impl Random for Watched<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        self.used = true;
        self.random.fill(bytes)
    }
}

/// A request ready to run.
struct Prepared<'a> {
    entity: &'a Entity,
    operation: Operation,
    input: Value<'a>,
    variables: Variables<'a>,
}

impl Compiled {
    /// Applies the document to each entity. One entity's failure is its own answer.
    pub fn apply(&self, requests: &[Request<'_>], outer: &mut Outer<'_>) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(requests.len());
        self.answer(requests.iter().cloned(), outer, &mut answers);
        answers
    }

    /// The same: each answer goes where answers go as soon as it and all before it are known.
    pub fn answer<'t>(
        &self,
        requests: impl Iterator<Item = Request<'t>>,
        outer: &mut Outer<'_>,
        answers: &mut dyn Answers,
    ) {
        let mut lookups = Lookups::default();
        let mut out = json::Out::default();
        let mut now: Option<String> = None;
        // Answers from the first on that waits for identifiers.
        let mut held: Vec<Answer> = Vec::new();
        let mut again: Vec<(usize, Prepared<'_>)> = Vec::new();
        for request in requests {
            let place: &mut dyn Answers = if again.is_empty() { answers } else { &mut held };
            match self.prepare(&request, &mut now, outer) {
                Ok(prepared) => {
                    if !self.once(&prepared, &mut lookups, &mut out, outer, place) {
                        again.push((held.len(), prepared));
                        held.push(Answer::default());
                    }
                }
                Err(answer) => place.put(*answer),
            }
        }
        if !again.is_empty() {
            self.repeat(again, &mut held, &mut lookups, &mut out, outer);
        }
        held.into_iter().for_each(|answer| answers.put(answer));
    }

    /// Resolves the identifiers that entities wait for, and gives their answers.
    #[cold]
    #[inline(never)]
    fn repeat<'a>(
        &'a self,
        mut again: Vec<(usize, Prepared<'a>)>,
        held: &mut [Answer],
        lookups: &mut Lookups,
        out: &mut json::Out,
        outer: &mut Outer<'_>,
    ) {
        for _ in 0..MAX_ROUNDS {
            if let Err(message) = lookups.resolve(outer.resolver) {
                let reason = format!("resolveEntityIds: the relations could not be read: {message}");
                return fail(held, again, &reason);
            }
            again.retain(|(at, prepared)| {
                let mut one: Vec<Answer> = Vec::with_capacity(1);
                let known = self.once(prepared, lookups, out, outer, &mut one);
                if let (Some(place), Some(answer)) = (held.get_mut(*at), one.pop()) {
                    *place = answer;
                }
                !known
            });
            if again.is_empty() {
                return;
            }
        }
        let reason = "resolveEntityIds: identifiers lead to further identifiers more than";
        fail(held, again, &format!("{reason} {MAX_ROUNDS} times"));
    }

    fn prepare<'a>(
        &'a self,
        request: &Request<'a>,
        now: &mut Option<String>,
        outer: &Outer<'_>,
    ) -> Result<Prepared<'a>, Box<Answer>> {
        let entity = self
            .entity(request.entity_type)
            .filter(|entity| !entity.ignored)
            .ok_or_else(Box::<Answer>::default)?;
        let operation = Operation::of(request.operation).ok_or_else(|| {
            refused(format!(
                "`{}` is no operation; there are read, create, update, patch and delete",
                request.operation
            ))
        })?;
        let input = json::parse(request.json).map_err(|error| refused(format!("the entity is {error}")))?;
        if !matches!(input, Value::Object(_)) {
            return Err(refused(format!("the entity is not a JSON object but {}", input.kind())));
        }
        let mut variables = Variables::default();
        if !request.variables.trim().is_empty() {
            match json::parse(request.variables) {
                Ok(Value::Object(members)) => variables = Variables::preset(members.into_vec()),
                Ok(other) => {
                    return Err(refused(format!("the variables are not a JSON object but {}", other.kind())));
                }
                Err(error) => return Err(refused(format!("the variables are {error}"))),
            }
        }
        if entity.needs_time && variables.get(CURRENT_DATE).is_none() {
            let written = now.get_or_insert_with(|| {
                let milliseconds = (outer.now_milliseconds)();
                self.date_format
                    .as_ref()
                    .and_then(|format| format.write_milliseconds(milliseconds))
                    .unwrap_or_default()
            });
            variables.set(Cow::Borrowed(CURRENT_DATE), Value::String(Cow::Owned(written.clone())));
        }
        Ok(Prepared { entity, operation, input, variables })
    }

    /// False if it asked for identifiers that are still to be resolved; then there is no answer.
    fn once<'a>(
        &'a self,
        prepared: &Prepared<'a>,
        lookups: &mut Lookups,
        out: &mut json::Out,
        outer: &mut Outer<'_>,
        answers: &mut dyn Answers,
    ) -> bool {
        lookups.start();
        let mut trace = outer.explain.then(<Trace as Default>::default);
        let mut random = Watched { random: &mut *outer.random, used: false };
        let outside = Outside { random: &mut random, lookups: &mut *lookups, trace: trace.as_mut() };
        let finished = run(
            prepared.entity,
            self.direction,
            prepared.operation,
            &prepared.input,
            prepared.variables.clone(),
            outside,
        );
        if lookups.missed {
            return false;
        }
        let depends = [
            ("time", prepared.entity.needs_time),
            ("random", random.used),
            ("relations", lookups.used),
            ("id", finished.variables.missed_id()),
        ];
        let says_more = outer.explain
            || lookups.unresolved > 0
            || depends.iter().any(|(_, used)| *used)
            || self.assigns(&finished.variables);
        match &finished.ending {
            Ending::Transformed(output) if !says_more => {
                out.value(output);
                answers.transformed(out.written(), self.id(&finished.variables), &finished.correlation);
            }
            _ => answers.put(Answer {
                unresolved: lookups.unresolved,
                depends: depends.into_iter().filter(|(_, used)| *used).map(|(word, _)| word).collect(),
                trace: trace.map(Trace::into_json).unwrap_or_default(),
                ..self.in_full(prepared, finished, out, outer.explain)
            }),
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn in_full(
        &self,
        prepared: &Prepared<'_>,
        finished: Finished<'_>,
        out: &mut json::Out,
        explain: bool,
    ) -> Answer {
        let Finished { ending, variables, correlation } = finished;
        let mut answer = match ending {
            Ending::Transformed(output) => {
                out.value(&output);
                let (json, correlation) = (json::text(out.written()), owned(&correlation));
                Answer { outcome: Outcome::Transformed, json, correlation, ..Answer::default() }
            }
            Ending::Filtered(reason) => Answer { outcome: Outcome::Filtered, reason, ..Answer::default() },
            Ending::Skipped(reason) => Answer { outcome: Outcome::Skipped, reason, ..Answer::default() },
            Ending::Failed { reason, mapping } => failed(reason, mapping),
            Ending::Deleted => Answer { outcome: Outcome::Deleted, ..Answer::default() },
        };
        self.id(&variables).clone_into(&mut answer.id);
        if explain {
            // The current date is the engine's own and stays out.
            let own = |name: &str| prepared.entity.needs_time && name == CURRENT_DATE;
            answer.variables = write_variables(&variables, |name| !own(name));
        } else if answer.outcome == Outcome::Transformed && self.assigns(&variables) {
            answer.variables = write_variables(&variables, |name| ASSIGNMENTS.contains(&name));
        }
        answer
    }

    /// Whether the variables assign groups to a user that is written.
    fn assigns(&self, variables: &Variables<'_>) -> bool {
        self.direction == Direction::Write
            && variables.list().iter().any(|(name, _)| ASSIGNMENTS.contains(&name.as_ref()))
    }

    /// The identifier that the document gave the entity, or nothing.
    fn id<'v>(&self, variables: &'v Variables<'_>) -> &'v str {
        let name = match self.direction {
            Direction::Read => "entityIdSourceSystem",
            Direction::Write => TARGET_ID,
        };
        match variables.peek(name) {
            Some(Value::String(text) | Value::Number(text)) => text,
            _ => "",
        }
    }
}

fn owned(texts: &[Cow<'_, str>]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().to_owned()).collect()
}

fn refused(reason: String) -> Box<Answer> {
    Box::new(failed(reason, String::new()))
}

fn failed(reason: String, mapping: String) -> Answer {
    Answer { outcome: Outcome::Failed, reason, mapping, ..Answer::default() }
}

/// What still waits for identifiers gets none.
fn fail(held: &mut [Answer], again: Vec<(usize, Prepared<'_>)>, reason: &str) {
    for (at, _) in again {
        if let Some(answer) = held.get_mut(at) {
            *answer = failed(reason.to_owned(), String::new());
        }
    }
}

/// Some of the variables as a JSON object, or nothing.
fn write_variables(variables: &Variables<'_>, which: impl Fn(&str) -> bool) -> String {
    let mut text = json::Out::default();
    for (name, value) in variables.list().iter().filter(|(name, _)| which(name)) {
        text.byte(if text.is_empty() { b'{' } else { b',' });
        text.text(name);
        text.byte(b':');
        text.value(value);
    }
    if !text.is_empty() {
        text.byte(b'}');
    }
    json::text(text.written())
}
