//! From upload to serving, over HTTP.

use gangway_kit::{Engine, EngineOptions, component, number};
use std::time::Instant;

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("\nhot load over HTTP: from the first byte to serving (ms; goal cold ≤ 1000, warm ≤ 50)");
    println!("{:<22} {:>10} {:>8} {:>8}", "component", "bytes", "cold", "warm");
    let options = EngineOptions { cold: true, ..EngineOptions::default() };
    let engine = Engine::start_with(options).await?;
    let api = engine.api("load")?;
    api.make_tenant().await?;
    for plugin in ["csv", "scim2", "ldap", "json-transformation", "discard"] {
        let wasm = component(plugin)?;
        let start = Instant::now();
        let (status, report) = api.upload(plugin, wasm.clone()).await?;
        anyhow::ensure!(status.is_success(), "{report}");
        let cold = start.elapsed().as_secs_f64() * 1e3;
        anyhow::ensure!(number(&report, "/timings/compileMicros") > 0, "{report}");
        let again = engine.api("load-again")?;
        if plugin == "csv" {
            again.make_tenant().await?;
        }
        // Another tenant, so that the same bytes are a new plugin there, compiled before.
        let start = Instant::now();
        let (status, report) = again.upload(plugin, wasm.clone()).await?;
        anyhow::ensure!(status.is_success(), "{report}");
        let warm = start.elapsed().as_secs_f64() * 1e3;
        println!("{plugin:<22} {:>10} {cold:>8.0} {warm:>8.1}", wasm.len());
    }
    Ok(())
}
