use crate::client::{Client, segment};
use crate::output::{say, say_json};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Tenant {
    /// All tenants.
    List,
    /// Make an empty tenant.
    Create {
        /// 1 to 63 of a-z, 0-9 and '-'.
        name: String,
    },
    /// Show or change what holds for all systems of the tenant given with --tenant.
    Settings {
        /// The time zone in which schedules count: Europe/Berlin
        #[arg(long)]
        time_zone: Option<String>,
        /// Days for which job logs are kept: 7, 14 or 30.
        #[arg(long)]
        log_retention: Option<u32>,
    },
    /// Remove all systems, schedules, subscriptions and job logs of the tenant given with --tenant.
    Reset {
        /// Confirms it: the tenant's name.
        #[arg(long)]
        confirm: String,
    },
    /// Erase a tenant with its systems, jobs, relations and directory.
    Delete {
        name: String,
        /// Confirms that everything of the tenant is to be erased.
        #[arg(long)]
        yes: bool,
    },
}

impl Tenant {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                let tenants: Value = client.get("/api/v1/tenants").await?;
                if client.json {
                    say_json(&tenants)?;
                } else {
                    for tenant in tenants.get("tenants").and_then(Value::as_array).into_iter().flatten() {
                        say(tenant.get("name").and_then(Value::as_str).unwrap_or_default());
                    }
                }
            }
            Self::Create { name } => {
                let made: Value =
                    client.send(Method::POST, "/api/v1/tenants", &json!({ "name": name })).await?;
                if client.json { say_json(&made)? } else { say(&format!("tenant {name} made")) }
            }
            Self::Settings { time_zone, log_retention } => {
                let url = client.path("settings");
                let mut settings: Value = client.get(&url).await?;
                if let Some(map) = settings.as_object_mut() {
                    if let Some(zone) = &time_zone {
                        map.insert("timeZone".to_owned(), json!(zone));
                    }
                    if let Some(days) = log_retention {
                        map.insert("logRetentionDays".to_owned(), json!(days));
                    }
                }
                if time_zone.is_some() || log_retention.is_some() {
                    settings = client.send(Method::PUT, &url, &settings).await?;
                }
                say_json(&settings)?;
            }
            Self::Reset { confirm } => {
                let body = json!({ "confirm": confirm });
                let removed: Value = client.send(Method::POST, &client.path("reset"), &body).await?;
                say_json(&removed)?;
            }
            Self::Delete { name, yes } => {
                anyhow::ensure!(
                    yes,
                    "deleting tenant {name} erases all its systems and jobs: add --yes if you mean it"
                );
                client.delete(&format!("/api/v1/tenants/{}", segment(&name))).await?;
                say(&format!("tenant {name} erased"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
