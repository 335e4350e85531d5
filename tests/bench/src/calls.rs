//! What an instance and a call cost.

use crate::median;
use crate::stage::{NoState, TENANT, host, job, system};
use gangway_model::{Role, TenantId};
use std::sync::Arc;
use std::time::Instant;

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("\ninstances and calls (discard component, median)");
    let folder = tempfile::tempdir()?;
    let host = host(folder.path(), &["discard"]).await?;
    let systems = host.systems(&TenantId::new(TENANT), Arc::new(NoState));
    let target = system("discard", Role::Target);
    let mut opened = Vec::new();
    let mut warm = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        let open = systems.target(&target, &job()).await?;
        open.find("user", Vec::new(), 0).await?;
        opened.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for _ in 0..200 {
            open.find("user", Vec::new(), 0).await?;
        }
        warm.push(start.elapsed().as_secs_f64() / 200.0);
    }
    let (opened, warm) = (median(opened) * 1e6, median(warm) * 1e6);
    println!("  an instance and its first call  {opened:>8.1} µs");
    println!("  an empty call                   {warm:>8.2} µs");
    Ok(())
}
