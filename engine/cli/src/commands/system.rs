use crate::client::{Client, segment};
use crate::commands::impact;
use crate::output::{say, say_json, table};
use anyhow::Context;
use reqwest::Method;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum System {
    /// All systems of the tenant.
    List,
    /// Kinds of applications: name one as "type" in a new system's JSON file, and it takes plugin, properties and
    /// transformations from it.
    Types,
    /// One system; secrets are masked.
    Show {
        /// Name or id.
        system: String,
    },
    /// Make a system from a JSON file.
    ///
    /// A value of the form {"file": "path"} in "read" and "write" takes the transformation document
    /// from a file beside it; {"env": "NAME"} as a property takes its value from the environment; a
    /// relative path in grants.files counts from the folder of the JSON file.
    Create {
        /// The system as JSON; see docs/api.md.
        file: PathBuf,
    },
    /// Replace a system by what a JSON file says.
    Update {
        /// Name or id.
        system: String,
        /// The system as JSON.
        file: PathBuf,
        /// Also if the next job deletes something because of it.
        #[arg(long)]
        yes: bool,
    },
    /// Remove a system with its relations. Nothing is removed in the application behind it.
    Delete {
        /// Name or id.
        system: String,
        /// Confirms it.
        #[arg(long)]
        yes: bool,
    },
    /// Forget what is known of a system's entities: the next job treats each as seen for the first time.
    Reset {
        /// Name or id.
        system: String,
        /// Confirms it.
        #[arg(long)]
        yes: bool,
    },
    /// Take a system into use.
    Enable {
        /// Name or id.
        system: String,
    },
    /// Take a system out of use: it receives no request.
    Disable {
        /// Name or id.
        system: String,
    },
    /// Set properties: KEY=VALUE, or KEY= to remove.
    Set {
        /// Name or id.
        system: String,
        /// KEY=VALUE pairs.
        #[arg(required = true)]
        properties: Vec<String>,
        /// The values are credentials: kept encrypted, never shown.
        #[arg(long)]
        secret: bool,
        /// Also if the next job deletes something because of it.
        #[arg(long)]
        yes: bool,
    },
    /// Replace a transformation document, or print it if no file is given.
    Transformation {
        /// Name or id.
        system: String,
        /// `read` or `write`.
        #[arg(value_parser = ["read", "write"])]
        direction: String,
        /// The new document.
        file: Option<PathBuf>,
        /// Also if the next job deletes something because of it.
        #[arg(long)]
        yes: bool,
    },
}

impl System {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |system: &str| client.path(&format!("systems/{}", segment(system)));
        match self {
            Self::List => list(client).await?,
            Self::Types => types(client).await?,
            Self::Show { system } => say_json(&client.get::<Value>(&path(&system)).await?)?,
            Self::Create { file } => {
                let body = read_system(&file)?;
                let made: Value = client.send(Method::POST, &client.path("systems"), &body).await?;
                report(client, "made", &made)?;
            }
            Self::Update { system, file, yes } => {
                let body = read_system(&file)?;
                impact::confirm(client, &path(&system), &body, yes).await?;
                let changed: Value = client.send(Method::PUT, &path(&system), &body).await?;
                report(client, "changed", &changed)?;
            }
            Self::Delete { system, yes } => {
                anyhow::ensure!(
                    yes,
                    "deleting system {system} forgets its relations: add --yes if you mean it"
                );
                client.delete(&path(&system)).await?;
                say(&format!("system {system} deleted"));
            }
            Self::Reset { system, yes } => {
                anyhow::ensure!(
                    yes,
                    "resetting system {system} forgets its relations: add --yes if you mean it"
                );
                let kept: Value =
                    client.send(Method::POST, &format!("{}/reset", path(&system)), &Value::Null).await?;
                report(client, "reset", &kept)?;
            }
            Self::Enable { system } => {
                change(client, &path(&system), None, |s| {
                    s.insert("enabled".to_owned(), Value::Bool(true));
                    Ok(())
                })
                .await?
            }
            Self::Disable { system } => {
                change(client, &path(&system), None, |s| {
                    s.insert("enabled".to_owned(), Value::Bool(false));
                    Ok(())
                })
                .await?
            }
            Self::Set { system, properties, secret, yes } => {
                change(client, &path(&system), Some(yes), |s| set_properties(s, &properties, secret)).await?;
            }
            Self::Transformation { system, direction, file, yes } => {
                let whole = path(&system);
                let path = format!("{whole}/transformations/{direction}");
                match file {
                    None => {
                        let found: Value = client.get(&path).await?;
                        say(found.get("document").and_then(Value::as_str).unwrap_or_default());
                    }
                    Some(file) => {
                        let mut body: Value =
                            client.get(&path).await.unwrap_or_else(|_| Value::Object(Map::new()));
                        let document = std::fs::read_to_string(&file)
                            .with_context(|| format!("cannot read {}", file.display()))?;
                        if let Some(body) = body.as_object_mut() {
                            body.insert("document".to_owned(), Value::String(document));
                            body.entry("plugin")
                                .or_insert_with(|| Value::String("json-transformation".to_owned()));
                        }
                        let mut changed: Value = client.get(&whole).await?;
                        if let Some(changed) = changed.as_object_mut() {
                            changed.insert(direction, body.clone());
                        }
                        impact::confirm(client, &whole, &changed, yes).await?;
                        let answer: Value = client.send(Method::PUT, &path, &body).await?;
                        say_json(&answer)?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let answer: Value = client.get(&client.path("systems")).await?;
    if client.json {
        return say_json(&answer);
    }
    let systems = answer.get("systems").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |s: &Value, key: &str| s.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = systems
        .iter()
        .map(|s| {
            let enabled = s.get("enabled").and_then(Value::as_bool).unwrap_or(false);
            vec![
                text(s, "name"),
                text(s, "role"),
                text(s, "plugin"),
                if enabled { "yes" } else { "no" }.to_owned(),
                text(s, "id"),
            ]
        })
        .collect();
    say(&table(&["name", "role", "plugin", "enabled", "id"], &rows));
    Ok(())
}

async fn types(client: &Client) -> anyhow::Result<()> {
    let answer: Value = client.get("/api/v1/system-types").await?;
    if client.json {
        return say_json(&answer);
    }
    let types = answer.get("types").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |t: &Value, key: &str| t.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = types
        .iter()
        .map(|t| {
            let needs = t.get("needs").and_then(Value::as_array).into_iter().flatten();
            let needs: Vec<&str> = needs.filter_map(Value::as_str).collect();
            vec![text(t, "name"), text(t, "plugin"), needs.join(", "), text(t, "description")]
        })
        .collect();
    say(&table(&["name", "plugin", "needs", "description"], &rows));
    Ok(())
}

fn report(client: &Client, what: &str, system: &Value) -> anyhow::Result<()> {
    if client.json {
        return say_json(system);
    }
    let text = |key: &str| system.get(key).and_then(Value::as_str).unwrap_or_default();
    say(&format!("{} system {} {what} (id {})", text("role"), text("name"), text("id")));
    Ok(())
}

/// Reads, edits and writes back a system. `confirmed` says whether it may cost accounts; none if it
/// cannot.
async fn change(
    client: &Client,
    path: &str,
    confirmed: Option<bool>,
    edit: impl FnOnce(&mut Map<String, Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut system: Value = client.get(path).await?;
    if let Some(object) = system.as_object_mut() {
        edit(object)?;
    }
    if let Some(yes) = confirmed {
        impact::confirm(client, path, &system, yes).await?;
    }
    let changed: Value = client.send(Method::PUT, path, &system).await?;
    report(client, "changed", &changed)
}

fn set_properties(system: &mut Map<String, Value>, pairs: &[String], secret: bool) -> anyhow::Result<()> {
    let properties = system.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    let Some(properties) = properties.as_object_mut() else {
        anyhow::bail!("the engine answered a system without properties");
    };
    for pair in pairs {
        let (key, value) = pair.split_once('=').with_context(|| format!("{pair:?} is not KEY=VALUE"))?;
        if value.is_empty() {
            properties.remove(key);
        } else {
            properties.insert(key.to_owned(), serde_json::json!({ "value": value, "secret": secret }));
        }
    }
    Ok(())
}

/// The JSON file, with transformation documents and secrets filled in from where it says.
fn read_system(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut system: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let Some(object) = system.as_object_mut() else {
        anyhow::bail!("{} is not a JSON object", file.display())
    };
    for direction in ["read", "write"] {
        let Some(reference) = object.get_mut(direction).and_then(Value::as_object_mut) else { continue };
        let Some(Value::String(name)) = reference.remove("file") else { continue };
        let path = folder.join(&name);
        let document =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        reference.insert("document".to_owned(), Value::String(document));
        reference.entry("plugin").or_insert_with(|| Value::String("json-transformation".to_owned()));
    }
    let files = object.get_mut("grants").and_then(|g| g.get_mut("files")).and_then(Value::as_array_mut);
    for grant in files.into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(path) = grant.get("path").and_then(Value::as_str) else { continue };
        let absolute = std::path::absolute(folder.join(path))
            .with_context(|| format!("cannot make {path} an absolute path"))?;
        grant.insert("path".to_owned(), Value::String(absolute.to_string_lossy().into_owned()));
    }
    for (key, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(property) = property.as_object_mut() else { continue };
        let Some(Value::String(name)) = property.remove("env") else { continue };
        let value = std::env::var(&name).with_context(|| {
            format!("property {key} wants the environment variable {name}, which is not set")
        })?;
        property.insert("value".to_owned(), Value::String(value));
    }
    Ok(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_file_takes_its_documents_from_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("read.json"), "{\"user\":{}}").unwrap();
        let file = folder.path().join("system.json");
        let json = r#"{"name":"HR","read":{"file":"read.json"},"grants":{"files":[{"name":"users","path":"users.csv"}]}}"#;
        std::fs::write(&file, json).unwrap();
        let system = read_system(&file).unwrap();
        let path = system["grants"]["files"][0]["path"].as_str().unwrap();
        assert_eq!(Path::new(path), folder.path().join("users.csv"));
        assert_eq!(system["read"]["document"], "{\"user\":{}}");
        assert_eq!(system["read"]["plugin"], "json-transformation");
    }

    #[test]
    fn a_missing_secret_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("system.json");
        std::fs::write(&file, r#"{"properties":{"Password":{"env":"GANGWAY_TEST_NOT_SET","secret":true}}}"#)
            .unwrap();
        let error = read_system(&file).unwrap_err().to_string();
        assert!(error.contains("Password") && error.contains("GANGWAY_TEST_NOT_SET"), "{error}");
    }
}
