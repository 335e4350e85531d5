use crate::clock::SystemClock;
use crate::output::{complain, say, say_json, table};
use anyhow::{Context, bail};
use gangway_model::{AnswerOutcome, Direction, Severity, TransformOperation};
use gangway_vectors::{Desk, Question};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Subcommand)]
pub(crate) enum Transformation {
    /// Run test vectors (lines of JSON, or YAML) against the component.
    Test {
        /// Files with vectors.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        component: Component,
    },
    /// Transform an entity and print what came out.
    Run(Once),
    /// Transform an entity and print, step by step, what was done and why.
    Explain(Once),
    /// Tell what is wrong, or doubtful, in a document.
    Lint {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        component: Component,
    },
}

/// Which component transforms.
#[derive(clap::Args)]
pub(crate) struct Component {
    /// The transformation component (`.wasm`); the one beside this program if not given.
    #[arg(long, env = "GANGWAY_TRANSFORMATION")]
    plugin: Option<PathBuf>,
}

/// Which document, and for which system.
#[derive(clap::Args)]
pub(crate) struct Document {
    /// The document (JSON).
    document: PathBuf,
    /// A write transformation; without it, a read transformation.
    #[arg(long)]
    write: bool,
    /// A property of the system, as `key=value`; may be repeated.
    #[arg(long = "property", value_parser = pair)]
    properties: Vec<(String, String)>,
}

/// A document and one entity.
#[derive(clap::Args)]
pub(crate) struct Once {
    #[command(flatten)]
    document: Document,
    /// The entity (JSON).
    input: PathBuf,
    /// The entity type.
    #[arg(long, default_value = "user")]
    entity: String,
    /// `read`, `create`, `update`, `patch` or `delete`; `read` or `create` if not given.
    #[arg(long, value_parser = operation)]
    operation: Option<TransformOperation>,
    /// Preset variables (a JSON object), such as `{"entityIdTargetSystem": "7"}`.
    #[arg(long, default_value = "")]
    variables: String,
    #[command(flatten)]
    component: Component,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a property is given as key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn operation(text: &str) -> Result<TransformOperation, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "the operations are read, create, update, patch and delete".to_owned())
}

impl Transformation {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test { files, component } => test(&files, &component).await,
            Self::Run(once) => once.run(false).await,
            Self::Explain(once) => once.run(true).await,
            Self::Lint { document, component } => lint(&document, &component).await,
        }
    }
}

impl Component {
    async fn open(&self) -> anyhow::Result<Desk> {
        const NAME: &str = "gangway_plugin_json_transformation.wasm";
        let beside = || Some(std::env::current_exe().ok()?.parent()?.join(NAME));
        let Some(file) = self.plugin.clone().or_else(beside) else {
            bail!("name the transformation component with --plugin FILE");
        };
        let wasm = std::fs::read(&file).with_context(|| {
            format!("cannot read the component {}; name it with --plugin FILE", file.display())
        })?;
        Desk::open(wasm, Arc::new(SystemClock)).await.with_context(|| file.display().to_string())
    }
}

impl Document {
    fn direction(&self) -> Direction {
        if self.write { Direction::Write } else { Direction::Read }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

async fn test(files: &[PathBuf], component: &Component) -> anyhow::Result<ExitCode> {
    let desk = component.open().await?;
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let vectors =
            gangway_vectors::read(file, &text(file)?).with_context(|| file.display().to_string())?;
        for vector in vectors {
            let told = match desk.check(&vector).await {
                Ok(told) => told,
                Err(error) => vec![error.to_string()],
            };
            if told.is_empty() {
                passed += 1;
                continue;
            }
            failed += 1;
            say(&format!("FAILED {}: {}", file.display(), vector.name));
            told.iter().for_each(|line| say(&format!("  {line}")));
        }
    }
    say(&format!("{passed} passed, {failed} failed"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Once {
    async fn run(self, explain: bool) -> anyhow::Result<ExitCode> {
        let (document, input) = (text(&self.document.document)?, text(&self.input)?);
        let desk = self.component.open().await?;
        let direction = self.document.direction();
        let usual = if self.document.write { TransformOperation::Create } else { TransformOperation::Read };
        let question = Question {
            document: &document,
            direction,
            properties: &self.document.properties,
            entity_type: &self.entity,
            operation: self.operation.unwrap_or(usual),
            json: &input,
            variables: &self.variables,
        };
        let answer = desk.transform(&question, explain).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        if explain {
            say_json(&Explained {
                outcome: answer.outcome,
                reason: &answer.reason,
                mapping: &answer.mapping,
                entity: raw(&answer.json)?,
                variables: raw(&answer.variables)?,
                correlation: &answer.correlation,
                unresolved: answer.unresolved,
                trace: serde_json::from_str(&answer.trace).unwrap_or(Value::Null),
            })?;
        } else if answer.outcome == AnswerOutcome::Transformed {
            say(&indented(&answer.json));
        } else {
            let outcome = serde_json::to_value(answer.outcome)?;
            let place = if answer.mapping.is_empty() { "" } else { " at " };
            complain(&format!(
                "{}: {}{place}{}",
                outcome.as_str().unwrap_or_default(),
                answer.reason,
                answer.mapping
            ));
        }
        Ok(if answer.outcome == AnswerOutcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

#[derive(Serialize)]
struct Explained<'a> {
    outcome: AnswerOutcome,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mapping: &'a str,
    entity: Option<Box<RawValue>>,
    variables: Option<Box<RawValue>>,
    correlation: &'a [String],
    unresolved: u32,
    trace: Value,
}

/// JSON as it stands: its numbers keep their digits.
fn raw(json: &str) -> anyhow::Result<Option<Box<RawValue>>> {
    if json.is_empty() { Ok(None) } else { Ok(Some(RawValue::from_string(json.to_owned())?)) }
}

/// Indented, unless that would change a number.
fn indented(json: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    let again = value.to_string();
    if again == json { format!("{value:#}") } else { json.to_owned() }
}

async fn lint(document: &Document, component: &Component) -> anyhow::Result<ExitCode> {
    let source = text(&document.document)?;
    let desk = component.open().await?;
    let found = desk
        .diagnostics(&source, document.direction(), &document.properties)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    if found.is_empty() {
        say("nothing to say");
        return Ok(ExitCode::SUCCESS);
    }
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|d| {
            let severity = if d.severity == Severity::Error { "error" } else { "warning" };
            vec![
                format!("{}:{}", d.line, d.column),
                severity.to_owned(),
                d.pointer.clone(),
                d.message.clone(),
            ]
        })
        .collect();
    say(&table(&["line", "", "where", "what"], &rows));
    say(&format!("{errors} errors, {} warnings", found.len() - errors));
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
