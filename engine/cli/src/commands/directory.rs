use crate::client::Client;
use crate::output::{say, say_json};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Directory {
    /// Whether records, indexes and memberships agree with one another. Exit code 1 if not.
    Check,
    /// Take a CSV table in: a column is an attribute path, a row a user or group.
    Import { kind: Kind, file: PathBuf },
    /// Write all users or groups as a CSV table to standard output.
    Export { kind: Kind },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Users,
    Groups,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Users => "directory/tables/users",
            Self::Groups => "directory/tables/groups",
        }
    }
}

impl Directory {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check => {
                let report: Value = client.get(&client.path("directory/check")).await?;
                let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or_default();
                if client.json {
                    say_json(&report)?;
                } else {
                    say(&format!(
                        "{} users, {} groups, {} blocked users, {} memberships, {} index entries: {}",
                        number("users"),
                        number("groups"),
                        number("blocked"),
                        number("memberships"),
                        number("indexEntries"),
                        match number("problemCount") {
                            0 => "all agree".to_owned(),
                            n => format!(
                                "{n} contradictions; restore the tenant's directory.redb and directory.journal from one backup"
                            ),
                        }
                    ));
                    for problem in report.get("problems").and_then(Value::as_array).into_iter().flatten() {
                        say(&format!("  {}", problem.as_str().unwrap_or_default()));
                    }
                }
                Ok(if number("problemCount") == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Import { kind, file } => {
                let table =
                    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let report: Value = client.send_table(&client.path(kind.path()), table).await?;
                let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or_default();
                if client.json {
                    say_json(&report)?;
                } else {
                    for row in report.get("rows").and_then(Value::as_array).into_iter().flatten() {
                        if let Some(detail) = row.get("detail").and_then(Value::as_str) {
                            let line = row.get("line").and_then(Value::as_u64).unwrap_or_default();
                            say(&format!("line {line}: {detail}"));
                        }
                    }
                    let (created, updated) = (number("created"), number("updated"));
                    say(&format!("{created} created, {updated} updated, {} failed", number("failed")));
                }
                Ok(if number("failed") == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Export { kind } => {
                let mut table = client.stream(&client.path(kind.path())).await?;
                let mut out = std::io::stdout().lock();
                while let Some(chunk) = table.chunk().await.context("the engine's answer broke off")? {
                    out.write_all(&chunk)?;
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
