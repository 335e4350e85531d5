use crate::client::{Client, segment};
use crate::output::{say, say_json, table, time};
use serde_json::Value;
use std::process::ExitCode;

/// Why an account is there, or is not: what happened to it in all jobs, and what is known of it now.
#[derive(clap::Args)]
pub(crate) struct Why {
    /// Its identifier in the source or in a target, word for word.
    entity: String,
    /// Only what happened in this system, or in jobs that read it.
    #[arg(long)]
    system: Option<String>,
    /// At most so many lines.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Why {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let mut url =
            client.path(&format!("entities/{}/history?limit={}", segment(&self.entity), self.limit));
        if let Some(system) = &self.system {
            url.push_str(&format!("&system={}", segment(system)));
        }
        let found: Value = client.get(&url).await?;
        if client.json {
            say_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        for line in list(&found, "answer") {
            say(line.as_str().unwrap_or_default());
        }
        let rows: Vec<Vec<String>> = list(&found, "events").iter().map(row).collect();
        if !rows.is_empty() {
            say("");
            say(&table(&["time", "state", "in", "source id", "target id", "job", "why"], &rows));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn row(event: &Value) -> Vec<String> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let why = match text("/error/message") {
        error if error.is_empty() => text("/reason"),
        error => error,
    };
    vec![
        time(event.get("timeMs").and_then(Value::as_u64).unwrap_or_default()),
        text("/state"),
        text("/systemName"),
        text("/sourceId"),
        text("/targetId"),
        text("/job"),
        why,
    ]
}
