//! Shows what a change of a system would do before it is saved.

use crate::client::Client;
use crate::output::{complain, table};
use reqwest::Method;
use serde_json::Value;

/// Asks the engine what the next job would do to the targets if the system at `path` were as given, and
/// shows it if something would be deleted; then the change needs a `--yes`.
pub(crate) async fn confirm(client: &Client, path: &str, system: &Value, yes: bool) -> anyhow::Result<()> {
    let asked: anyhow::Result<Value> = client.send(Method::POST, &format!("{path}/impact"), system).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            complain(&format!("what the change would do to the targets is not known: {error:#}"));
            return Ok(());
        }
    };
    let rows: Vec<Value> = answer.get("impact").and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).unwrap_or_default();
    if rows.iter().all(|row| number(row, "deleted") == 0) {
        return Ok(());
    }
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let header = ["source", "target", "type", "managed", "create", "update", "delete", "held", "note"];
    let cells = rows.iter().map(|row| {
        let mut cells: Vec<String> =
            ["source", "target", "entityType"].iter().map(|k| text(row, k)).collect();
        cells.extend(
            ["managed", "created", "updated", "deleted", "held"].iter().map(|k| number(row, k).to_string()),
        );
        cells.push(text(row, "blocked"));
        cells
    });
    complain(&format!("the next job would delete:\n{}", table(&header, &cells.collect::<Vec<_>>())));
    anyhow::ensure!(yes, "nothing was changed; add --yes if that is what you want");
    Ok(())
}
