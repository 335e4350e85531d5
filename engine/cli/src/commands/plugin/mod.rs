mod check;
mod new;
mod test;

use crate::client::{Client, segment};
use crate::output::{say, say_json, table, time};
use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Plugin {
    /// The plugins that are loaded.
    List,
    /// Load a component into the running engine, or a new version of one.
    ///
    /// Running jobs end with the version they started with; the next ones use the new.
    Load {
        /// The component (`.wasm`).
        file: PathBuf,
        /// The name to load it under; its own if none is given.
        #[arg(long)]
        name: Option<String>,
    },
    /// A plugin with its versions, wishes and state.
    Show {
        /// Its name.
        name: String,
    },
    /// Go back to the version before.
    RollBack {
        /// Its name.
        name: String,
    },
    /// Let a quarantined plugin try again.
    Release {
        /// Its name.
        name: String,
    },
    /// Remove a plugin. Refused while a system uses it.
    Remove {
        /// Its name.
        name: String,
    },
    /// Write a project for a connector of your own; it builds and passes its tests as it stands.
    New(new::New),
    /// Tell what a component exports, imports and asks for, and whether this engine takes it.
    Check(check::Check),
    /// Run the conformance kit against a component.
    Test(test::Test),
}

impl Plugin {
    pub(crate) async fn run(
        self,
        client: impl FnOnce() -> anyhow::Result<Client>,
    ) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Test(command) => command.run().await,
            Self::List => list(&client()?).await,
            Self::Load { file, name } => load(&client()?, &file, name).await,
            Self::Show { name } => {
                let client = client()?;
                say_json(&client.get::<Value>(&path(&client, &name)).await?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::RollBack { name } => act(&client()?, &name, "roll-back").await,
            Self::Release { name } => act(&client()?, &name, "release").await,
            Self::Remove { name } => {
                let client = client()?;
                client.delete(&path(&client, &name)).await?;
                say(&format!("plugin {name} removed"));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn path(client: &Client, name: &str) -> String {
    client.path(&format!("plugins/{}", segment(name)))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

async fn list(client: &Client) -> anyhow::Result<ExitCode> {
    let answer: Value = client.get(&client.path("plugins")).await?;
    if client.json {
        say_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plugins = answer.get("plugins").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = plugins
        .iter()
        .map(|p| {
            let capabilities = p.pointer("/manifest/capabilities").and_then(Value::as_array);
            let names = capabilities.into_iter().flatten().map(|c| text(c, "/name"));
            vec![
                text(p, "/id").to_owned(),
                text(p, "/manifest/version").to_owned(),
                text(p, "/state").to_owned(),
                names.collect::<Vec<_>>().join(" "),
                p.get("loadedMs").and_then(Value::as_u64).map(time).unwrap_or_default(),
                text(p, "/digest").chars().take(12).collect(),
            ]
        })
        .collect();
    say(&table(&["plugin", "version", "state", "wants", "loaded", "sha-256"], &rows));
    Ok(ExitCode::SUCCESS)
}

async fn load(client: &Client, file: &Path, name: Option<String>) -> anyhow::Result<ExitCode> {
    let wasm = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = match name {
        Some(name) => name,
        None => {
            let inspection = gangway_server::inspect(&wasm)
                .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
            inspection.manifest.name
        }
    };
    let report: Value = client.upload(&path(client, &name), wasm).await?;
    if client.json {
        say_json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let took = report.pointer("/timings/totalMicros").and_then(Value::as_u64).unwrap_or(0);
    let cached = report.pointer("/timings/fromCache").and_then(Value::as_bool).unwrap_or(false);
    say(&format!(
        "plugin {name} {} serves after {:.1} ms{}",
        text(&report, "/manifest/version"),
        took as f64 / 1000.0,
        if cached { " (compiled code was cached)" } else { "" }
    ));
    Ok(ExitCode::SUCCESS)
}

async fn act(client: &Client, name: &str, what: &str) -> anyhow::Result<ExitCode> {
    let url = format!("{}/{what}", path(client, name));
    let answer: Value = client.send(Method::POST, &url, &json!({})).await?;
    if client.json {
        say_json(&answer)?;
    } else {
        say(&format!("plugin {name} {} is {}", text(&answer, "/manifest/version"), text(&answer, "/state")));
    }
    Ok(ExitCode::SUCCESS)
}
