use crate::client::{Client, segment};
use crate::commands::job::finish;
use crate::output::{say, say_json, table, time};
use crate::progress;
use gangway_model::{Job, Plan as Record};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Plan {
    /// The plans that are kept.
    List,
    /// What a plan does about single entities.
    Show(Show),
    /// Agree to a plan.
    Approve {
        /// The plan's id: that of its simulation.
        plan: String,
    },
    /// Carry out an approved plan: exactly its operations, and only if nothing moved since.
    Apply {
        /// The plan's id.
        plan: String,
    },
    /// Remove a plan.
    Delete {
        /// The plan's id.
        plan: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// The plan's id: that of its simulation.
    plan: String,
    /// Only these: create, update, delete, retire, release, skip, fail; several with commas.
    #[arg(long)]
    verb: Option<String>,
    /// Only in this target, by name or id.
    #[arg(long)]
    target: Option<String>,
    /// Only of this type: user, group, …
    #[arg(long = "type")]
    entity_type: Option<String>,
    /// Only this entity, by its identifier in the source or in the target.
    #[arg(long)]
    entity: Option<String>,
    /// Leave out what the target holds already.
    #[arg(long)]
    changed: bool,
    /// Show attribute values.
    #[arg(long)]
    values: bool,
    /// Those after the operation with this number.
    #[arg(long)]
    after: Option<u64>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl Plan {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |plan: &str| client.path(&format!("plans/{}", segment(plan)));
        match self {
            Self::List => {
                let answer: Value = client.get(&client.path("plans")).await?;
                if client.json {
                    say_json(&answer)?;
                } else {
                    let plans: Vec<Record> =
                        serde_json::from_value(answer.get("plans").cloned().unwrap_or_default())?;
                    say(&list(&plans));
                }
            }
            Self::Show(show) => {
                let answer: Value =
                    client.get(&format!("{}/operations?{}", path(&show.plan), show.query())).await?;
                if client.json { say_json(&answer)? } else { say(&operations(&answer)) }
            }
            Self::Approve { plan } => {
                let url = format!("{}/approve", path(&plan));
                let plan: Record = client.send(Method::POST, &url, &json!({})).await?;
                if client.json { say_json(&plan)? } else { say(&format!("plan {} is approved", plan.id)) }
            }
            Self::Apply { plan } => {
                let url = format!("{}/apply", path(&plan));
                let job: Job = client.send(Method::POST, &url, &json!({})).await?;
                return finish(client, progress::watch(client, &job).await?);
            }
            Self::Delete { plan } => {
                client.delete(&path(&plan)).await?;
                say(&format!("plan {plan} is removed"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn query(&self) -> String {
        let mut query = format!("limit={}&changed={}&values={}", self.limit, self.changed, self.values);
        let texts = [
            ("verb", &self.verb),
            ("target", &self.target),
            ("entityType", &self.entity_type),
            ("entity", &self.entity),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={}", segment(value)));
            }
        }
        if let Some(after) = self.after {
            query.push_str(&format!("&after={after}"));
        }
        query
    }
}

fn list(plans: &[Record]) -> String {
    let state = |plan: &Record| match (plan.complete, &plan.approval, &plan.applied) {
        (false, ..) => "incomplete".to_owned(),
        (true, _, Some(job)) => format!("applied by {job}"),
        (true, Some(approval), None) => format!("approved by {}", approval.by),
        (true, None, None) => "open".to_owned(),
    };
    let rows: Vec<Vec<String>> = plans
        .iter()
        .map(|plan| {
            vec![
                plan.id.to_string(),
                plan.source_name.clone(),
                if plan.live { "live" } else { "by the books" }.to_owned(),
                time(plan.created_ms),
                time(plan.expires_ms),
                state(plan),
            ]
        })
        .collect();
    table(&["plan", "source", "look", "made", "kept until", "state"], &rows)
}

fn operations(answer: &Value) -> String {
    let text = |line: &Value, key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = answer.get("operations").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                line.get("number").map(Value::to_string).unwrap_or_default(),
                text(line, "verb"),
                text(line, "entityType"),
                text(line, "targetName"),
                text(line, "sourceId"),
                text(line, "targetId"),
                text(line, "reason"),
                changes(line),
            ]
        })
        .collect();
    let header = ["no.", "verb", "type", "target", "source id", "target id", "why", "attributes"];
    let mut out = table(&header, &rows);
    if let Some(next) = answer.get("next").filter(|next| !next.is_null()) {
        out.push_str(&format!("\nmore: --after {next}"));
    }
    out
}

/// Names alone, or with old and new values if the answer has them.
fn changes(line: &Value) -> String {
    let value = |change: &Value, key: &str| match change.get(key) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(value) => value.to_string(),
    };
    let change = |change: &Value| {
        let path = change.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        match change.get("new") {
            None => format!("{path} {}", change.get("what").and_then(Value::as_str).unwrap_or_default()),
            Some(_) => format!("{path}: {} → {}", value(change, "old"), value(change, "new")),
        }
    };
    let changes = line.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
    changes.iter().map(change).collect::<Vec<_>>().join(", ")
}
