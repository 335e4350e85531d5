//! A target that answers late beside one that does not: how long it takes until the other has everything.

use anyhow::{Context, ensure};
use gangway_company::{Company, Size};
use gangway_kit::{Answer, Api, Engine, Relay, ScimServer, root};
use gangway_model::{JobStatus, Phase, SystemId};
use serde_json::json;
use std::time::{Duration, Instant};

const USERS: usize = 1200;
/// What the slow target takes to answer a request.
const LATE: Duration = Duration::from_millis(200);

pub(crate) async fn run() -> anyhow::Result<()> {
    println!(
        "\nlanes: {USERS} CSV users → scim2-server, alone and beside one that answers in {} ms",
        LATE.as_millis()
    );
    let (alone, _) = job(false).await?;
    let (beside, all) = job(true).await?;
    println!("  until the fast target has everything, alone   {alone:>7.2} s");
    println!(
        "  the same beside the slow target               {beside:>7.2} s  ({:.2}×, goal ≤ 1.1)",
        beside / alone
    );
    println!("  until the slow target has everything, too     {all:>7.2} s");
    Ok(())
}

/// Seconds until the fast target is through, and until the job has ended.
async fn job(beside: bool) -> anyhow::Result<(f64, f64)> {
    let (fast, slow) = (ScimServer::start_for_load("fast-token")?, ScimServer::start_for_load("slow-token")?);
    let late = Relay::start(&slow.url()).await?;
    late.set_rule(|_, _, _| Answer::Late(LATE));
    let engine = Engine::start().await?;
    let folder = tempfile::tempdir()?;
    let company = Company::new(Size { users: USERS, groups: 0, service_accounts: 0, damaged: 0 }, 9);
    std::fs::write(folder.path().join("users.csv"), company.users_csv())?;
    std::fs::write(folder.path().join("groups.csv"), company.groups_csv())?;
    let api = engine.api("lanes")?;
    api.make_tenant().await?;
    api.load(&["csv", "scim2", "json-transformation"]).await?;
    let document = |path: &str| std::fs::read_to_string(root().join("plugins").join(path));
    api.make_system(json!({
        "name": "CSV", "role": "source", "plugin": "csv", "enabled": true,
        "properties": { "csv.page.size": { "value": "20" } },
        "grants": { "files": [
            { "name": "users", "path": folder.path().join("users.csv") },
            { "name": "groups", "path": folder.path().join("groups.csv") },
        ] },
        "read": { "plugin": "json-transformation", "document": document("csv/types/csv.read.json")? },
    }))
    .await?;
    let id = target(&api, "Fast", &fast.url(), fast.token(), true).await?;
    target(&api, "Slow", &late.url(), slow.token(), beside).await?;

    let start = Instant::now();
    let job = api.start("CSV", "READ").await?;
    let place = SystemId::new(id);
    let through = loop {
        let job = api.job(job.id.as_str()).await?;
        if job.checkpoint.lanes.get(&place).is_some_and(|lane| lane.phase == Phase::Done) {
            break start.elapsed().as_secs_f64();
        }
        ensure!(!job.status.is_final(), "{job:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    ensure!(fast.all("Users").await?.len() == USERS, "the fast target does not have everybody");
    let job = api.wait(job.id.as_str(), Duration::from_secs(900)).await?;
    ensure!(job.status == JobStatus::Success, "{job:?}");
    let end = job.end_ms.context("the job has no end")?;
    Ok((through, end.saturating_sub(job.start_ms) as f64 / 1000.0))
}

async fn target(api: &Api, name: &str, url: &str, token: &str, enabled: bool) -> anyhow::Result<String> {
    let document = std::fs::read_to_string(root().join("plugins/scim2/types/scim.write.json"))?;
    api.make_system(json!({
        "name": name, "role": "target", "plugin": "scim2", "enabled": enabled, "sources": ["CSV"],
        "properties": {
            "URL": { "value": url },
            "Authentication": { "value": "BearerTokenAuthentication" },
            "Token": { "value": token, "secret": true },
        },
        "grants": { "addresses": ["127.0.0.1"], "relations": true },
        "write": { "plugin": "json-transformation", "document": document },
    }))
    .await
}
