//! Writes. The operations of a batch travel side by side, round by round: a create, a delete and a patch
//! take one request; a replace reads the entry, changes what differs, and renames it if it has to.

use crate::changes::{self, Rename};
use crate::client::{self, Answer, Worker};
use crate::dn;
use crate::failure::{NO_SUCH_OBJECT, failure};
use crate::filter::is_description;
use crate::finding::{dn_for, made_name};
use crate::mapping::{self, Content};
use crate::message::{Attribute, Change, Request, Search};
use crate::ranges;
use crate::settings::{Settings, Tree};
use gangway_sdk::{Error, Kind, Operation, Outcome, Result, error::code};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;

/// An operation on its way.
struct Task<'a> {
    operation: &'a Operation,
    dn: String,
    content: Content,
    steps: VecDeque<Step>,
    renamed: bool,
}

/// One request of an operation.
enum Step {
    /// Reads what the entry holds.
    Read(Search),
    /// Writes; the word says what was tried.
    Write(&'static str, Request),
    /// Renames.
    Rename(Rename),
}

/// How much content travels together. What the entries of a replace hold now is about as large as what they
/// are to hold, and both are in memory at once.
const TOGETHER: usize = 2 << 20;

/// Carries out operations, an outcome for each.
pub fn write(settings: &Settings, worker: &mut Worker, operations: &[Operation]) -> Vec<Outcome> {
    let mut size = 0;
    let runs = operations.chunk_by(|one, next| {
        size += one.json.len();
        let fits = size + next.json.len() <= TOGETHER;
        size = if fits { size } else { 0 };
        fits
    });
    runs.flat_map(|run| together(settings, worker, run)).collect()
}

/// Carries out operations side by side.
fn together(settings: &Settings, worker: &mut Worker, operations: &[Operation]) -> Vec<Outcome> {
    let mut tasks: Vec<(Task<'_>, Result<()>)> =
        operations.iter().map(|operation| Task::new(settings, operation)).collect();
    loop {
        let mut under_way = Vec::new();
        let mut requests = Vec::new();
        for (task, state) in &mut tasks {
            if state.is_ok()
                && let Some(step) = task.steps.pop_front()
            {
                requests.push(step.request(&task.dn));
                under_way.push((task, state, step));
            }
        }
        if requests.is_empty() {
            break;
        }
        let answers = worker.run(settings, &requests);
        for ((task, state, step), answer) in under_way.into_iter().zip(answers) {
            *state = answer.and_then(|answer| task.go_on(settings, worker, step, answer));
        }
    }
    tasks.into_iter().map(|(task, state)| task.outcome(state)).collect()
}

impl Step {
    fn request(&self, dn: &str) -> Request {
        match self {
            Self::Read(search) => Request::Search(search.clone()),
            Self::Write(_, request) => request.clone(),
            Self::Rename(rename) => Request::ModifyDn {
                dn: dn.to_owned(),
                new_rdn: rename.new_rdn.clone(),
                new_superior: rename.new_superior.clone(),
            },
        }
    }
}

impl<'a> Task<'a> {
    fn new(settings: &Settings, operation: &'a Operation) -> (Self, Result<()>) {
        let mut task = Self {
            operation,
            dn: operation.id.clone().unwrap_or_default(),
            content: Content::default(),
            steps: VecDeque::new(),
            renamed: false,
        };
        let begun = task.begin(settings);
        (task, begun)
    }

    /// Finds the first step.
    fn begin(&mut self, settings: &Settings) -> Result<()> {
        let operation = self.operation;
        let tree = settings.tree(&operation.entity_type)?;
        if matches!(operation.kind(), Kind::Create | Kind::Replace) {
            self.content = Content::parse(&operation.json, settings)?;
        }
        self.dn = match operation.kind() {
            Kind::Create => name_of_new(tree, operation, &self.content)?,
            _ => dn_for(tree, operation.require_id()?),
        };
        let dn = self.dn.clone();
        self.steps.push_back(match operation.kind() {
            Kind::Create => {
                changes::complete_new(settings, tree, &dn, &mut self.content)?;
                let filled = self.content.attributes.iter().filter(|(_, values)| !values.is_empty());
                Step::Write("add", Request::Add { dn, attributes: filled.cloned().collect() })
            }
            Kind::Replace => Step::Read(current(dn, &self.content)),
            Kind::Patch => {
                Step::Write("change", Request::Modify { dn, changes: patch(settings, &operation.json)? })
            }
            Kind::Delete => Step::Write("delete", Request::Delete { dn }),
            Kind::Unknown => return Err(operation.unsupported()),
        });
        Ok(())
    }

    /// Takes the answer to a step and adds what follows from it.
    fn go_on(&mut self, settings: &Settings, worker: &mut Worker, step: Step, answer: Answer) -> Result<()> {
        match step {
            Step::Read(_) => {
                let answer = self.accept(answer, "read")?;
                let known = self.known(settings, worker, &answer)?;
                self.plan(settings, known);
            }
            Step::Write(verb, _) => drop(self.accept(answer, verb)?),
            Step::Rename(rename) => {
                self.accept(answer, &format!("rename (to {:?})", rename.new_dn))?;
                self.dn = rename.new_dn;
                self.renamed = true;
            }
        }
        Ok(())
    }

    /// The attributes that the entry holds now.
    fn known(&self, settings: &Settings, worker: &mut Worker, answer: &Answer) -> Result<Vec<Attribute>> {
        let gone = || Error::no_entity(&self.operation.entity_type, &self.dn);
        let mut entry = client::entry(answer.entries.first().ok_or_else(gone)?)?;
        let pieces =
            if ranges::are_open(&entry) { ranges::fetch(settings, worker, &entry)? } else { Vec::new() };
        if !pieces.is_empty() {
            entry = ranges::join(entry, &pieces)?;
        }
        let owned = |values: Vec<&[u8]>| values.into_iter().map(<[u8]>::to_vec).collect();
        Ok(entry.attributes.into_iter().map(|(name, values)| (name.to_owned(), owned(values))).collect())
    }

    /// The steps that give the entry the content. The attributes come before the name: if they are
    /// refused, the entry is still where the engine knows it.
    fn plan(&mut self, settings: &Settings, mut known: Vec<Attribute>) {
        let modify = |dn: &str, changes: Vec<(Change, Attribute)>| {
            (!changes.is_empty())
                .then(|| Step::Write("change", Request::Modify { dn: dn.to_owned(), changes }))
        };
        let Some(rename) = changes::rename(&self.dn, &self.content) else {
            self.steps.extend(modify(&self.dn, changes::between(settings, &known, &self.content, |_| true)));
            return;
        };
        let before = changes::between(settings, &known, &self.content, |name| !rename.concerns(name));
        rename.apply(&mut known);
        let after = changes::between(settings, &known, &self.content, |name| rename.concerns(name));
        let new_dn = rename.new_dn.clone();
        self.steps.extend(modify(&self.dn, before));
        self.steps.push_back(Step::Rename(rename));
        self.steps.extend(modify(&new_dn, after));
    }

    fn accept(&self, answer: Answer, verb: &str) -> Result<Answer> {
        let result = &answer.result;
        if result.code == 0 {
            return Ok(answer);
        }
        let entity_type = &self.operation.entity_type;
        if result.code != NO_SUCH_OBJECT {
            return Err(failure(result, &format!("{verb} the entry {:?}", self.dn)));
        }
        if self.operation.kind() != Kind::Create {
            return Err(Error::no_entity(entity_type, &self.dn));
        }
        let mut error = failure(result, &format!("add the entry {:?}", self.dn));
        error.code = code::INVALID.to_owned();
        error.message = format!(
            "The entry {:?} cannot be added because the entry above it does not exist{}. Add that one first, or correct \
             the property `ldap.{entity_type}.path`.",
            self.dn,
            if result.matched.is_empty() {
                String::new()
            } else {
                format!(" (only {:?} does)", result.matched)
            }
        );
        Err(error)
    }

    fn outcome(self, state: Result<()>) -> Outcome {
        let Self { operation, dn, renamed, .. } = self;
        match state {
            Ok(()) => Outcome::done(dn::normal(&dn)),
            Err(mut error) => {
                if error.detail("entityType").is_none() {
                    error = error.with_detail("entityType", &operation.entity_type);
                }
                if error.detail("id").is_none() && !dn.is_empty() {
                    error = error.with_detail("id", &dn);
                }
                // A rename that succeeded is true, whatever came after it.
                Outcome { id: renamed.then(|| dn::normal(&dn)), ..Outcome::failed(error) }
            }
        }
    }
}

/// The name of a new entry: as the operation has it, as the content has it, or made of the content's
/// naming attribute.
fn name_of_new(tree: &Tree, operation: &Operation, content: &Content) -> Result<String> {
    let given = operation.id.as_deref().or(content.dn.as_deref());
    if let Some(id) = given.filter(|id| !id.is_empty()) {
        return Ok(dn_for(tree, id));
    }
    let value = content.values(&tree.id_attribute).and_then(<[_]>::first);
    match value.and_then(|value| std::str::from_utf8(value).ok()) {
        Some(value) => Ok(made_name(tree, value)),
        None => Err(Error::invalid(format!(
            "The new {} has no name: the write transformation must give it the attribute `{}`, the attribute `dn`, or \
             the variable entityIdTargetSystem.",
            tree.entity_type, tree.id_attribute
        ))
        .with_detail("attribute", &tree.id_attribute)),
    }
}

/// The search for what an entry holds of what a replace speaks of.
fn current(dn: String, content: &Content) -> Search {
    let mut attributes: Vec<String> = content.attributes.iter().map(|(name, _)| name.clone()).collect();
    attributes.push("objectClass".to_owned());
    Search::any_entry(dn, attributes)
}

#[derive(Deserialize)]
struct Patch<'a> {
    #[serde(borrow)]
    modifications: Vec<Modification<'a>>,
}

#[derive(Deserialize)]
struct Modification<'a> {
    op: String,
    attribute: String,
    #[serde(default, borrow)]
    values: Option<&'a RawValue>,
}

/// `{"modifications": [{"op": "add" | "delete" | "replace", "attribute": …, "values": […]}]}`.
fn patch(settings: &Settings, json: &str) -> Result<Vec<(Change, Attribute)>> {
    let patch: Patch<'_> = serde_json::from_str(json).map_err(|error| {
        Error::invalid(format!(
            "The patch cannot be read ({error}); it must be {{\"modifications\": [{{\"op\": \"add\", \"attribute\": \
             \"member\", \"values\": […]}}]}}."
        ))
    })?;
    let change = |modification: Modification<'_>| {
        let Modification { op, attribute, values } = modification;
        let change = match op.to_ascii_lowercase().as_str() {
            "add" => Change::Add,
            "delete" | "remove" => Change::Delete,
            "replace" => Change::Replace,
            _ => {
                return Err(Error::invalid(format!(
                    "The patch has an unknown operation {op:?}; use add, delete or replace."
                )));
            }
        };
        if !is_description(&attribute) {
            return Err(Error::invalid(format!(
                "{attribute:?} is no LDAP attribute; correct the write transformation."
            ))
            .with_detail("attribute", attribute));
        }
        let values = values.map(|json| mapping::values(&attribute, json.get(), settings)).transpose()?;
        Ok((change, (attribute, values.unwrap_or_default())))
    };
    patch.modifications.into_iter().map(change).collect()
}
