//! A transformation component at work, without an engine around it.

use crate::compare::differences;
use crate::relations::Relations;
use crate::vector::{Outcome, Vector};
use gangway_egress::{Egress, EgressConfig};
use gangway_host::{Host, HostConfig, LoadError};
use gangway_model::ports::{Clock, JobContext, StateSpace};
use gangway_model::{
    Answer, AnswerOutcome, Diagnostic, Direction, Grants, JobId, PluginError, PluginId, Property, Request,
    Role, Severity, System, SystemId, TenantId, TransformOperation, TransformationRef, code,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// Why there is nothing to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// No temporary folder.
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The component is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A document, and one entity for it.
#[derive(Debug)]
pub struct Question<'a> {
    /// The document.
    pub document: &'a str,
    /// Which way it transforms.
    pub direction: Direction,
    /// Properties of the system.
    pub properties: &'a [(String, String)],
    /// The entity type.
    pub entity_type: &'a str,
    /// What for.
    pub operation: TransformOperation,
    /// The entity: a JSON object.
    pub json: &'a str,
    /// Preset variables: a JSON object, or empty.
    pub variables: &'a str,
}

/// A transformation component at work.
#[derive(Debug)]
pub struct Desk {
    host: Host,
    tenant: TenantId,
    plugin: PluginId,
    _folder: TempDir,
}

struct Forgetful;

impl StateSpace for Forgetful {
    fn get(&self, _: &System, _: &str) -> Result<Option<Vec<u8>>, PluginError> {
        Ok(None)
    }

    fn set(&self, _: &System, _: &str, _: Option<&[u8]>) -> Result<(), PluginError> {
        Ok(())
    }
}

impl Desk {
    /// Loads the component.
    pub async fn open(wasm: Vec<u8>, clock: Arc<dyn Clock>) -> Result<Self, DeskError> {
        let folder = tempfile::tempdir()?;
        let egress = Arc::new(Egress::new(EgressConfig::new(clock.clone())));
        let host = Host::new(HostConfig::new(folder.path().join("cache"), clock, egress))?;
        let (tenant, plugin) = (TenantId::new("desk"), PluginId::new("transformation"));
        host.load(&tenant, &plugin, wasm).await?;
        Ok(Self { host, tenant, plugin, _folder: folder })
    }

    /// What is wrong, or doubtful, in a document. The error speaks of the component.
    pub async fn diagnostics(
        &self,
        document: &str,
        direction: Direction,
        properties: &[(String, String)],
    ) -> Result<Vec<Diagnostic>, PluginError> {
        self.host.check_document(&self.tenant, &self.plugin, document, direction, properties.to_vec()).await
    }

    /// Transforms one entity. The error says that the document does not compile, or that the
    /// component failed.
    pub async fn transform(&self, question: &Question<'_>, explain: bool) -> Result<Answer, PluginError> {
        self.answer(question, Relations::default(), explain).await
    }

    async fn answer(
        &self,
        question: &Question<'_>,
        relations: Relations,
        explain: bool,
    ) -> Result<Answer, PluginError> {
        let reference =
            Some(TransformationRef { plugin: self.plugin.clone(), document: question.document.to_owned() });
        let (systems, job) = (
            self.host.systems(&self.tenant, Arc::new(Forgetful)),
            JobContext { job: JobId::new("desk"), cancelled: Arc::new(AtomicBool::new(false)) },
        );
        let mut system = self.system(question.properties);
        let transformation = match question.direction {
            Direction::Read => {
                system.read = reference;
                systems.read_transformation(&system, &job).await?
            }
            Direction::Write => {
                system.write = reference;
                system.role = Role::Target;
                systems.write_transformation(&system, &job, Arc::new(relations)).await?
            }
        };
        let request = Request {
            entity_type: question.entity_type,
            operation: question.operation,
            json: question.json,
            variables: question.variables.to_owned(),
        };
        let answers = transformation.apply(&[request], explain).await?;
        let none = || PluginError::new(code::INTERNAL, "the transformation gave no answer");
        answers.into_iter().next().ok_or_else(none)
    }

    fn system(&self, properties: &[(String, String)]) -> System {
        let property =
            |(key, value): &(String, String)| (key.clone(), Property { value: value.clone(), secret: false });
        System {
            tenant: self.tenant.clone(),
            id: SystemId::new("desk"),
            name: "Desk".to_owned(),
            description: String::new(),
            role: Role::Source,
            system_type: None,
            plugin: self.plugin.clone(),
            enabled: true,
            sources: Vec::new(),
            properties: properties.iter().map(property).collect(),
            grants: Grants { relations: true, ..Grants::default() },
            read: None,
            write: None,
        }
    }

    /// Runs a vector; the differences between what it expects and what came out. The error speaks of
    /// the component.
    pub async fn check(&self, vector: &Vector) -> Result<Vec<String>, PluginError> {
        let properties = texts(&vector.properties);
        let document = vector.transformation.get();
        let problems = self.diagnostics(document, vector.direction, &properties).await?;
        let wrong: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
        if vector.outcome == Outcome::Invalid {
            let accepted = || vec!["the document compiles, and was expected not to".to_owned()];
            return Ok(if wrong.is_empty() { accepted() } else { Vec::new() });
        }
        if !wrong.is_empty() {
            let told = wrong.iter().map(|p| format!("the document is refused: {}: {}", p.pointer, p.message));
            return Ok(told.collect());
        }
        let variables = match vector.variables.is_empty() {
            true => String::new(),
            false => Value::Object(vector.variables.clone()).to_string(),
        };
        let question = Question {
            document,
            direction: vector.direction,
            properties: &properties,
            entity_type: &vector.entity,
            operation: vector.operation(),
            json: vector.input.as_ref().map_or("{}", |input| input.get()),
            variables: &variables,
        };
        // Explained, because only then all variables come back.
        let answer = self.answer(&question, vector.resolver.clone(), true).await?;
        Ok(unexpected(vector, &answer))
    }
}

fn texts(properties: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    properties.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn unexpected(vector: &Vector, answer: &Answer) -> Vec<String> {
    let fits = match vector.outcome {
        Outcome::Ok => answer.outcome == AnswerOutcome::Transformed,
        Outcome::Skipped => matches!(answer.outcome, AnswerOutcome::Filtered | AnswerOutcome::Skipped),
        Outcome::Failed => answer.outcome == AnswerOutcome::Failed,
        Outcome::Ignored => answer.outcome == AnswerOutcome::Ignored,
        Outcome::Deleted => answer.outcome == AnswerOutcome::Deleted,
        Outcome::Invalid => false,
    };
    if !fits {
        let why = if answer.reason.is_empty() { &answer.json } else { &answer.reason };
        return vec![format!("expected {:?}, came out {:?}: {why}", vector.outcome, answer.outcome)];
    }
    let mut told = Vec::new();
    if let Some(reason) = vector.skip_reason.as_ref().filter(|reason| **reason != answer.reason) {
        told.push(format!("expected the reason {reason:?}, found {:?}", answer.reason));
    }
    let parsed = |json: &str| serde_json::from_str(json).unwrap_or(Value::Null);
    if let Some(expected) = vector.expected.as_ref().filter(|_| vector.outcome == Outcome::Ok) {
        differences(expected, &parsed(&answer.json), "", &mut told);
    }
    let variables: Value = parsed(&answer.variables);
    for (name, expected) in &vector.expected_variables {
        let found = variables.get(name).unwrap_or(&Value::Null);
        differences(expected, found, &format!("variable {name}"), &mut told);
    }
    if let Some(expected) = vector.expected_correlation.as_ref().filter(|e| **e != answer.correlation) {
        told.push(format!("expected to correlate by {expected:?}, found {:?}", answer.correlation));
    }
    told
}
