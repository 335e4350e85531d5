use crate::client::{Client, segment};
use crate::output::{say, say_json, table, time};
use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Who is told about jobs, and how.
#[derive(clap::Subcommand)]
pub(crate) enum Notification {
    /// Who is told about the jobs of a source.
    Subscribers {
        /// Name or id of the source.
        system: String,
    },
    /// Tell somebody about the jobs of a source.
    Subscribe {
        /// Name or id of the source.
        system: String,
        /// By mail to this address.
        #[arg(long, conflicts_with = "webhook", required_unless_present = "webhook")]
        mail: Option<String>,
        /// By a signed POST to this address.
        #[arg(long, requires = "secret_env")]
        webhook: Option<String>,
        /// The environment variable that holds the webhook's secret.
        #[arg(long)]
        secret_env: Option<String>,
        /// Addresses of the webhook that are otherwise refused: 127.0.0.1, 10.0.0.0/8
        #[arg(long, value_delimiter = ',')]
        addresses: Vec<String>,
        /// Who that is, for people.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Tell somebody no more.
    Unsubscribe {
        /// Name or id of the source.
        system: String,
        /// The subscription's id.
        subscription: String,
    },
    /// Messages that wait to be delivered, or were given up.
    Waiting,
    /// Try all of them now.
    Retry,
    /// Show or set the server that mail is handed to.
    Server {
        /// smtps://host, or smtp://host:587 with STARTTLS.
        #[arg(long, requires = "from")]
        set: Option<String>,
        /// The sender's address.
        #[arg(long)]
        from: Option<String>,
        /// The user to log in as.
        #[arg(long, requires = "password_env")]
        user: Option<String>,
        /// The environment variable that holds the password.
        #[arg(long, requires = "user")]
        password_env: Option<String>,
    },
}

fn secret(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("the environment has no variable {variable}"))
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn show(
    client: &Client,
    answer: &Value,
    list: &str,
    header: &[&str],
    row: fn(&Value) -> Vec<String>,
) -> anyhow::Result<()> {
    if client.json {
        return say_json(answer);
    }
    let rows: Vec<_> = answer.get(list).and_then(Value::as_array).into_iter().flatten().map(row).collect();
    say(&table(header, &rows));
    Ok(())
}

impl Notification {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |system: &str| client.path(&format!("systems/{}/subscriptions", segment(system)));
        match self {
            Self::Subscribers { system } => {
                let answer: Value = client.get(&path(&system)).await?;
                show(client, &answer, "subscriptions", &["id", "name", "channel", "to"], |s| {
                    let to = format!("{}{}", text(s, "address"), text(s, "url"));
                    vec![text(s, "id"), text(s, "name"), text(s, "channel"), to]
                })?;
            }
            Self::Subscribe { system, mail, webhook, secret_env, addresses, name } => {
                let body = match (mail, webhook) {
                    (Some(address), _) => json!({ "channel": "mail", "address": address, "name": name }),
                    (None, url) => json!({
                        "channel": "webhook", "url": url, "name": name, "addresses": addresses,
                        "secret": secret_env.as_deref().map(secret).transpose()?,
                    }),
                };
                let made: Value = client.send(Method::POST, &path(&system), &body).await?;
                if client.json { say_json(&made)? } else { say(&text(&made, "id")) }
            }
            Self::Unsubscribe { system, subscription } => {
                client.delete(&format!("{}/{}", path(&system), segment(&subscription))).await?;
                say("unsubscribed");
            }
            Self::Waiting => {
                let answer: Value = client.get(&client.path("notifications")).await?;
                show(
                    client,
                    &answer,
                    "notifications",
                    &["made", "to", "subject", "attempts", "next", "error"],
                    |n| {
                        let number = |key: &str| n.get(key).and_then(Value::as_u64);
                        vec![
                            number("createdMs").map(time).unwrap_or_default(),
                            text(n, "to"),
                            text(n, "subject"),
                            number("attempts").unwrap_or_default().to_string(),
                            number("nextMs").map_or_else(|| "given up".to_owned(), time),
                            text(n, "error"),
                        ]
                    },
                )?;
            }
            Self::Retry => {
                let answer: Value =
                    client.send(Method::POST, &client.path("notifications/retry"), &json!({})).await?;
                say_json(&answer)?;
            }
            Self::Server { set, from, user, password_env } => {
                const URL: &str = "/api/v1/mail-server";
                let server: Value = match set {
                    Some(url) => {
                        let password = password_env.as_deref().map(secret).transpose()?;
                        let body = json!({ "url": url, "from": from, "user": user, "password": password });
                        client.send(Method::PUT, URL, &body).await?
                    }
                    None => client.get(URL).await?,
                };
                say_json(&server)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
