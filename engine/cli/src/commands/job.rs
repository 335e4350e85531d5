use crate::client::{Client, segment};
use crate::output::{say, say_json, table, time};
use crate::progress;
use anyhow::Context;
use gangway_model::{Job as Record, JobStatus};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Job {
    /// Start a run for a source system.
    Start {
        /// Name or id of the source.
        system: String,
        /// `read` writes what is new or changed; `resync` writes every entity; `simulate` writes nothing.
        #[arg(long = "type", default_value = "read", value_parser = ["read", "resync", "simulate"])]
        kind: String,
        /// Show progress until it ends; the exit code tells whether it succeeded.
        #[arg(long, short)]
        watch: bool,
    },
    /// Find out what a resync would do, without writing anything; `gangway plan` shows it.
    Plan {
        /// Name or id of the source.
        system: String,
        /// Look at the targets too: accounts that are there already, and what differs.
        #[arg(long)]
        live: bool,
    },
    /// What the transformations make of the first ten rows of CSV files; asks no system.
    Validate {
        /// Name or id of the source.
        system: String,
        /// A CSV of users; its first row names attributes: userName, emails[0].value.
        #[arg(long)]
        users: Option<PathBuf>,
        /// A CSV of groups.
        #[arg(long)]
        groups: Option<PathBuf>,
        /// Where the result goes.
        #[arg(long, default_value = "validation.zip")]
        output: PathBuf,
    },
    /// The latest runs.
    List {
        /// Only those of this source.
        #[arg(long)]
        system: Option<String>,
        /// Only those of this type.
        #[arg(long = "type")]
        kind: Option<String>,
        /// Only those that stand so: success, finished-with-error, running, …
        #[arg(long)]
        status: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run with its statistics.
    Show {
        /// The job's id.
        job: String,
    },
    /// Show the progress of a run until it ends.
    Watch {
        /// The job's id.
        job: String,
    },
    /// Stop a run: it ends as Manually Terminated and deletes nothing.
    Stop {
        /// The job's id.
        job: String,
    },
    /// Take back what a run did to the targets: what it deleted is made again. Updates and creates are
    /// taken back if the target's property ips.undo is "all".
    Undo {
        /// The job's id.
        job: String,
        /// Say what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        /// Remove what the run created.
        #[arg(long)]
        remove_created: bool,
        /// Show progress until it ends.
        #[arg(long, short)]
        watch: bool,
    },
    /// Download one log of a run as an archive.
    Export {
        /// The job's id.
        job: String,
        /// Which.
        #[arg(long, default_value = "failed", value_parser = ["common", "failed", "skipped", "created", "updated", "deleted"])]
        log: String,
        /// Where to; `JOB-LOG.zip` if not given.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Remove the logs of all runs that have ended.
    DeleteLogs {
        /// Confirms it.
        #[arg(long)]
        yes: bool,
    },
    /// What happened to single entities, with the reason.
    #[command(visible_alias = "logs")]
    Log {
        /// The job's id.
        job: String,
        /// Only these.
        #[arg(long, value_parser = ["failed", "skipped", "deleted", "created", "updated"])]
        state: Option<String>,
        /// At most so many lines.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

impl Job {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |job: &str| client.path(&format!("jobs/{}", segment(job)));
        match self {
            Self::Start { system, kind, watch } => {
                let body = json!({ "type": kind.to_ascii_uppercase() });
                let url = client.path(&format!("systems/{}/jobs", segment(&system)));
                let job: Record = client.send(Method::POST, &url, &body).await?;
                if watch {
                    return finish(client, progress::watch(client, &job).await?);
                }
                if client.json { say_json(&job)? } else { say(job.id.as_str()) }
            }
            Self::Plan { system, live } => {
                let body = json!({ "type": "SIMULATE", "live": live });
                let url = client.path(&format!("systems/{}/jobs", segment(&system)));
                let job: Record = client.send(Method::POST, &url, &body).await?;
                let job = progress::watch(client, &job).await?;
                let id = job.id.clone();
                let code = finish(client, job)?;
                if !client.json {
                    say(&format!("what it would do: gangway plan show {id}"));
                }
                return Ok(code);
            }
            Self::Validate { system, users, groups, output } => {
                let read = |path: Option<PathBuf>| {
                    let read = |path: &PathBuf| {
                        std::fs::read_to_string(path)
                            .with_context(|| format!("cannot read {}", path.display()))
                    };
                    path.as_ref().map(read).transpose()
                };
                let body = json!({ "users": read(users)?, "groups": read(groups)? });
                let url = client.path(&format!("systems/{}/validate", segment(&system)));
                let archive = client.download(Method::POST, &url, &body).await?;
                std::fs::write(&output, archive)
                    .with_context(|| format!("cannot write {}", output.display()))?;
                say(&format!("the result is in {}", output.display()));
            }
            Self::List { system, kind, status, limit } => {
                let mut url = client.path(&format!("jobs?limit={limit}"));
                if let Some(system) = &system {
                    url.push_str(&format!("&system={}", segment(system)));
                }
                for (key, value) in [("type", &kind), ("status", &status)] {
                    if let Some(value) = value {
                        let value = value.to_uppercase().replace(['-', ' '], "_");
                        url.push_str(&format!("&{key}={}", segment(&value)));
                    }
                }
                let answer: Value = client.get(&url).await?;
                if client.json {
                    say_json(&answer)?;
                } else {
                    let jobs: Vec<Record> =
                        serde_json::from_value(answer.get("jobs").cloned().unwrap_or_default())?;
                    say(&list(&jobs));
                }
            }
            Self::Show { job } => {
                let found: Value = client.get(&path(&job)).await?;
                if client.json {
                    say_json(&found)?;
                } else {
                    let job: Record = serde_json::from_value(found.clone())?;
                    say(&summary(&job));
                    let shown = found.get("failedEntities").and_then(Value::as_array).map_or(0, Vec::len);
                    if shown > 0 {
                        say(&log(&json!({ "events": found.get("failedEntities") })));
                    }
                }
            }
            Self::Watch { job } => {
                let job: Record = client.get(&path(&job)).await?;
                return finish(client, progress::watch(client, &job).await?);
            }
            Self::Stop { job } => {
                let job: Record =
                    client.send(Method::POST, &format!("{}/stop", path(&job)), &json!({})).await?;
                if client.json { say_json(&job)? } else { say(&format!("job {} is being stopped", job.id)) }
            }
            Self::Undo { job, dry_run, remove_created, watch } => {
                let body = json!({ "dryRun": dry_run, "removeCreated": remove_created });
                let answer: Value = client.send(Method::POST, &format!("{}/undo", path(&job)), &body).await?;
                if dry_run {
                    if client.json {
                        say_json(&answer)?
                    } else {
                        say(&undoable(&answer))
                    }
                    return Ok(ExitCode::SUCCESS);
                }
                let job: Record = serde_json::from_value(answer)?;
                if watch {
                    return finish(client, progress::watch(client, &job).await?);
                }
                if client.json { say_json(&job)? } else { say(job.id.as_str()) }
            }
            Self::Export { job, log, output } => {
                let kind = match log.as_str() {
                    "common" => "commonLog".to_owned(),
                    list => format!("{list}EntitiesLog"),
                };
                let file = output.unwrap_or_else(|| PathBuf::from(format!("{job}-{log}.zip")));
                client.save(&format!("{}/export?logType={kind}", path(&job)), &file).await?;
                say(&format!("{}", file.display()));
            }
            Self::DeleteLogs { yes } => {
                anyhow::ensure!(
                    yes,
                    "this removes the logs of all jobs that have ended: add --yes if you mean it"
                );
                client.delete(&client.path("jobs")).await?;
                say("logs removed");
            }
            Self::Log { job, state, limit } => {
                let mut url = format!("{}/log?limit={limit}", path(&job));
                if let Some(state) = state {
                    url.push_str(&format!("&state={state}"));
                }
                let answer: Value = client.get(&url).await?;
                if client.json { say_json(&answer)? } else { say(&log(&answer)) }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows how a run ended; its success is the exit code.
pub(crate) fn finish(client: &Client, job: Record) -> anyhow::Result<ExitCode> {
    if client.json {
        say_json(&job)?
    } else {
        say(&summary(&job))
    }
    Ok(if job.status == JobStatus::Success { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// What an undo would do.
fn undoable(answer: &Value) -> String {
    let changes = answer.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
    let number =
        |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).unwrap_or_default().to_string();
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|row| {
            let mut cells = vec![text(row, "targetName"), text(row, "entityType")];
            cells.extend(["deleted", "updated", "created"].iter().map(|key| number(row, key)));
            cells
        })
        .collect();
    table(&["target", "type", "deleted: made again", "updated: reverted", "created: removed if asked"], &rows)
}

/// A status as people say it.
pub(crate) fn status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "Queued",
        JobStatus::Running => "Running",
        JobStatus::RunningWithError => "Running with Error",
        JobStatus::Success => "Success",
        JobStatus::FinishedWithError => "Finished with Error",
        JobStatus::ManuallyTerminated => "Manually Terminated",
        JobStatus::PendingRestart => "Pending Restart",
        JobStatus::Resumed => "Resumed",
    }
}

fn list(jobs: &[Record]) -> String {
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|job| {
            vec![
                job.id.to_string(),
                job.source_name.clone(),
                format!("{:?}", job.kind).to_uppercase(),
                status(job.status).to_owned(),
                time(job.start_ms),
                job.end_ms.map(time).unwrap_or_default(),
            ]
        })
        .collect();
    table(&["job", "source", "type", "status", "start", "end"], &rows)
}

/// The outcome of a run: its statistics, and what stood in the way.
fn summary(job: &Record) -> String {
    let rows: Vec<Vec<String>> = job
        .statistics
        .iter()
        .map(|row| {
            let c = row.counters;
            let mut cells = vec![row.system_name.clone(), row.key.entity_type.to_string()];
            let numbers = [c.read, c.created, c.updated, c.deleted, c.skipped, c.failed, c.unchanged];
            cells.extend(numbers.iter().map(|n| if *n == 0 { "·".to_owned() } else { n.to_string() }));
            cells
        })
        .collect();
    let header =
        ["system", "type", "read", "created", "updated", "deleted", "skipped", "failed", "unchanged"];
    let took = job.end_ms.map(|end| format!(" in {:.1} s", end.saturating_sub(job.start_ms) as f64 / 1000.0));
    let mut out = format!("{}\n", table(&header, &rows));
    out.push_str(&format!("{}: {}{}", job.source_name, status(job.status), took.unwrap_or_default()));
    if let Some(error) = &job.error {
        out.push_str(&format!("\nerror: {error}"));
    }
    let configured: u64 = job.statistics.iter().map(|row| row.counters.updated_by_configuration).sum();
    if configured > 0 {
        out.push_str(&format!(
            "\nnote: {configured} of the updates because a transformation or a property changed"
        ));
    }
    for line in &job.outcome {
        out.push_str(&format!("\nnote: {line}"));
    }
    for (system, error) in &job.broken {
        out.push_str(&format!("\ntarget {system} broke off: {error}"));
    }
    if job.statistics.iter().any(|row| row.counters.failed > 0) {
        out.push_str(&format!("\nwhy: gangway job log {} --state failed", job.id));
    }
    out
}

fn log(answer: &Value) -> String {
    let lines = answer.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let text =
        |event: &Value, key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|event| {
            let error = event.get("error").map(|e| {
                let mut line = text(e, "message");
                for pair in e.get("details").and_then(Value::as_array).into_iter().flatten() {
                    if let Some([key, value]) = pair.as_array().map(Vec::as_slice) {
                        let (key, value) = (key.as_str().unwrap_or(""), value.as_str().unwrap_or(""));
                        line.push_str(&format!(" [{key} {value}]"));
                    }
                }
                line
            });
            vec![
                text(event, "state"),
                text(event, "entityType"),
                text(event, "sourceId"),
                text(event, "targetId"),
                error.unwrap_or_else(|| text(event, "reason")),
            ]
        })
        .collect();
    table(&["state", "type", "source id", "target id", "why"], &rows)
}
