use crate::client::{Client, segment};
use crate::output::{say, say_json, table};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Relation {
    /// Which entity of a target stands for which of a source.
    List {
        #[command(flatten)]
        pair: Pair,
        /// Start above this identifier of the source.
        #[arg(long)]
        after: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Answer for entities that existed before, as if the engine had made them: they are deleted when
    /// they are gone from the source.
    Adopt(Chosen),
    /// Leave entities alone from now on.
    Release(Chosen),
    /// Forget entities: the next job finds them again by their unique attributes.
    Forget(Chosen),
}

/// Whose relations.
#[derive(clap::Args)]
pub(crate) struct Pair {
    /// Name or id of the target.
    target: String,
    /// Name or id of the source.
    #[arg(long)]
    source: String,
    /// user, group, …
    #[arg(long = "type", default_value = "user")]
    entity_type: String,
}

/// Which of them.
#[derive(clap::Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    pair: Pair,
    /// Identifiers in the source.
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Relation {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { pair, after, limit } => {
                let mut url = format!(
                    "{}?source={}&entityType={}&limit={limit}",
                    path(client, &pair),
                    segment(&pair.source),
                    segment(&pair.entity_type)
                );
                if let Some(after) = after {
                    url.push_str(&format!("&after={}", segment(&after)));
                }
                let answer: Value = client.get(&url).await?;
                if client.json { say_json(&answer)? } else { say(&list(&answer)) }
            }
            Self::Adopt(chosen) => change(client, "adopt", chosen).await?,
            Self::Release(chosen) => change(client, "release", chosen).await?,
            Self::Forget(chosen) => change(client, "forget", chosen).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn path(client: &Client, pair: &Pair) -> String {
    client.path(&format!("systems/{}/relations", segment(&pair.target)))
}

fn list(answer: &Value) -> String {
    let relations = answer.get("relations").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |r: &Value, key: &str| r.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = relations
        .iter()
        .map(|relation| {
            let existed = relation.get("existedBefore").and_then(Value::as_bool).unwrap_or(false);
            vec![
                text(relation, "sourceId"),
                text(relation, "targetId"),
                text(relation, "state"),
                if existed { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let mut out = table(&["source id", "target id", "state", "existed before"], &rows);
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        out.push_str(&format!("\nmore: --after {next}"));
    }
    out
}

async fn change(client: &Client, deed: &str, chosen: Chosen) -> anyhow::Result<()> {
    let Chosen { pair, ids, all } = chosen;
    let body = json!({ "source": pair.source, "entityType": pair.entity_type, "sourceIds": ids, "all": all });
    let answer: Value = client.send(Method::POST, &format!("{}/{deed}", path(client, &pair)), &body).await?;
    if client.json {
        return say_json(&answer);
    }
    let changed = answer.get("changed").and_then(Value::as_u64).unwrap_or_default();
    say(&format!("{deed}: {changed} relations"));
    Ok(())
}
