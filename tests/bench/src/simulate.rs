//! What a plan costs: a simulation of users that are all new, and of users that are all known.

use crate::pipeline::{peak_memory, seconds, setting};
use anyhow::ensure;
use gangway_model::{Action, JobStatus};
use std::time::Duration;

pub(crate) async fn run(users: usize) -> anyhow::Result<()> {
    println!("\nsimulate: the plan of {users} CSV users");
    let setting = setting(users).await?;
    let api = &setting.api;
    for (what, kind) in [("all new", "SIMULATE"), ("", "READ"), ("all known", "SIMULATE")] {
        let job = api.start("CSV", kind).await?;
        let job = api.wait(job.id.as_str(), Duration::from_secs(600)).await?;
        ensure!(job.status == JobStatus::Success, "{job:?}");
        if kind == "SIMULATE" {
            let row = job.statistics.iter().find(|row| row.key.action == Action::Write);
            let planned = row.map_or(0, |row| row.counters.created + row.counters.updated);
            ensure!(planned == users as u64, "{job:?}");
            let (seconds, peak) = (seconds(&job), peak_memory(&setting.engine)?);
            println!("  {what:<26} {seconds:>7.2} s (goal ≤ 3)  peak memory {peak:>4} MB");
        }
    }
    Ok(())
}
