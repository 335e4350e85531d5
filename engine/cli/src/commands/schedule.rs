use crate::client::{Client, segment};
use crate::output::{say, say_json, table, time};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Recurring jobs of source systems.
#[derive(clap::Subcommand)]
pub(crate) enum Schedule {
    /// All schedules of the tenant.
    List,
    /// One schedule with its next points.
    Show {
        /// Name or id of the source.
        system: String,
        /// How many points.
        #[arg(long, default_value_t = 5)]
        count: u32,
    },
    /// Save a schedule. It starts nothing before it is turned on.
    Set {
        /// Name or id of the source.
        system: String,
        /// An interval: 30m, 2h; a bare number counts minutes.
        #[arg(long, conflicts_with_all = ["on", "at"], required_unless_present = "on")]
        every: Option<String>,
        /// Days: monday,thursday
        #[arg(long, value_delimiter = ',', requires = "at")]
        on: Vec<String>,
        /// Time of day in the tenant's time zone: 02:30
        #[arg(long, requires = "on")]
        at: Option<String>,
        /// What is started.
        #[arg(long = "type", default_value = "read", value_parser = ["read", "resync"])]
        kind: String,
        /// Turn it on at once.
        #[arg(long)]
        activate: bool,
    },
    /// Start jobs from the next point on.
    On {
        /// Name or id of the source.
        system: String,
    },
    /// Start no more jobs; a running one goes on.
    Off {
        /// Name or id of the source.
        system: String,
    },
    /// Remove a schedule.
    Remove {
        /// Name or id of the source.
        system: String,
    },
}

impl Schedule {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |system: &str| client.path(&format!("systems/{}/schedule", segment(system)));
        match self {
            Self::List => {
                let answer: Value = client.get(&client.path("schedules?count=1")).await?;
                if client.json {
                    say_json(&answer)?;
                } else {
                    let all = answer.get("schedules").and_then(Value::as_array).cloned().unwrap_or_default();
                    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
                    say(&table(&["source", "type", "when", "active", "next", "note"], &rows));
                }
            }
            Self::Show { system, count } => {
                let found: Value = client.get(&format!("{}?count={count}", path(&system))).await?;
                show(client, &found)?;
            }
            Self::Set { system, every, on, at, kind, activate } => {
                let mut body = json!({ "type": kind.to_ascii_uppercase() });
                if let Some(map) = body.as_object_mut() {
                    if let Some(every) = every {
                        map.insert("every".to_owned(), json!(every));
                    } else {
                        map.insert("weekdays".to_owned(), json!(on));
                        map.insert("time".to_owned(), json!(at));
                    }
                    if activate {
                        map.insert("active".to_owned(), json!(true));
                    }
                }
                let saved: Value = client.send(Method::PUT, &path(&system), &body).await?;
                show(client, &saved)?;
            }
            Self::On { system } => {
                let url = format!("{}/on", path(&system));
                show(client, &client.send(Method::POST, &url, &json!({})).await?)?;
            }
            Self::Off { system } => {
                let url = format!("{}/off", path(&system));
                show(client, &client.send(Method::POST, &url, &json!({})).await?)?;
            }
            Self::Remove { system } => {
                client.delete(&path(&system)).await?;
                say(&format!("schedule of {system} removed"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn points(value: &Value) -> Vec<String> {
    let list = value.get("next").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_u64).map(time).collect()
}

fn when(value: &Value) -> String {
    match text(value, "every") {
        every if every.is_empty() => {
            format!(
                "{} at {} {}",
                strings(value, "weekdays").join(", "),
                text(value, "time"),
                text(value, "timeZone")
            )
        }
        every => format!("every {every}"),
    }
}

fn is_active(value: &Value) -> bool {
    value.get("active").and_then(Value::as_bool).unwrap_or_default()
}

fn row(value: &Value) -> Vec<String> {
    vec![
        text(value, "sourceName"),
        text(value, "type"),
        when(value),
        if is_active(value) { "yes" } else { "NO" }.to_owned(),
        points(value).into_iter().next().unwrap_or_default(),
        strings(value, "notices").join("; "),
    ]
}

fn show(client: &Client, value: &Value) -> anyhow::Result<()> {
    if client.json {
        return say_json(value);
    }
    let state = if is_active(value) { "on" } else { "off" };
    say(&format!("{}: {} {}, {state}", text(value, "sourceName"), text(value, "type"), when(value)));
    for notice in strings(value, "notices") {
        say(&format!("note: {notice}"));
    }
    for point in points(value) {
        say(&format!("next: {point}"));
    }
    Ok(())
}
