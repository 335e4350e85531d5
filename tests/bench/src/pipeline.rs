//! The whole pipeline: CSV users through read and write transformation into `discard`.

use anyhow::{Context, ensure};
use gangway_company::{Company, Size};
use gangway_kit::{Api, Engine, root};
use gangway_model::{Action, Job, JobStatus};
use serde_json::json;
use std::time::Duration;

/// An engine with a source "CSV" of so many users and a target "Nowhere".
pub(crate) struct Setting {
    pub(crate) engine: Engine,
    pub(crate) api: Api,
    _folder: tempfile::TempDir,
}

pub(crate) async fn setting(users: usize) -> anyhow::Result<Setting> {
    let engine = Engine::start().await?;
    let folder = tempfile::tempdir()?;
    let company = Company::new(Size { users, groups: 0, service_accounts: 0, damaged: 0 }, 9);
    std::fs::write(folder.path().join("users.csv"), company.users_csv())?;
    std::fs::write(folder.path().join("groups.csv"), company.groups_csv())?;
    drop(company);
    let api = engine.api("pipeline")?;
    api.make_tenant().await?;
    api.load(&["csv", "discard", "json-transformation"]).await?;
    let document = |path: &str| std::fs::read_to_string(root().join("plugins").join(path));
    api.make_system(json!({
        "name": "CSV", "role": "source", "plugin": "csv", "enabled": true,
        "grants": { "files": [
            { "name": "users", "path": folder.path().join("users.csv") },
            { "name": "groups", "path": folder.path().join("groups.csv") },
        ] },
        "read": { "plugin": "json-transformation", "document": document("csv/types/csv.read.json")? },
    }))
    .await?;
    api.make_system(json!({
        "name": "Nowhere", "role": "target", "plugin": "discard", "enabled": true, "sources": ["CSV"],
        "grants": { "relations": true },
        "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json")? },
    }))
    .await?;
    Ok(Setting { engine, api, _folder: folder })
}

pub(crate) async fn run(users: usize) -> anyhow::Result<()> {
    println!("\npipeline: {users} CSV users → read transformation → write transformation → discard");
    let Setting { mut engine, api, _folder } = setting(users).await?;
    // Memory is that of the jobs: components that were never compiled on this machine are by now.
    engine.restart().await?;
    let idle = peak_memory(&engine)?;
    for (what, goal) in [("first read (all created)", "≥ 40,000"), ("re-read, nothing changed", "≥ 100,000")]
    {
        let job = api.start("CSV", "READ").await?;
        let job = api.wait(job.id.as_str(), Duration::from_secs(1800)).await?;
        ensure!(job.status == JobStatus::Success, "{job:?}");
        let row = job.statistics.iter().find(|r| r.key.action == Action::Write).context("no statistics")?;
        ensure!(row.counters.created + row.counters.unchanged == users as u64, "{job:?}");
        let seconds = seconds(&job);
        println!(
            "  {what:<26} {seconds:>7.2} s  {:>9.0} users/s (goal {goal})  peak memory {:>4} MB (idle {idle} MB, goal ≤ 200)",
            users as f64 / seconds,
            peak_memory(&engine)?
        );
    }
    Ok(())
}

pub(crate) fn seconds(job: &Job) -> f64 {
    job.end_ms.unwrap_or(job.start_ms).saturating_sub(job.start_ms) as f64 / 1000.0
}

/// The most memory the engine had in use so far (VmHWM), in MB.
pub(crate) fn peak_memory(engine: &Engine) -> anyhow::Result<u64> {
    let id = engine.process_id().context("no engine")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024)
}
