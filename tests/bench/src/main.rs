//! `make bench`: every figure of `docs/performance.md`, each as a ratio against something measured
//! in the same run. Sections: `tax`, `calls`, `load`, `pipeline`, `simulate`, `lanes`, `million`, `servers`, `directory`; all if none is named.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a bench talks to the person in front of it")]

mod calls;
mod directory;
mod lanes;
mod load;
mod pipeline;
mod servers;
mod simulate;
mod stage;
mod tax;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |section: &str| named.is_empty() || named.iter().any(|n| n == section);
    println!("{} processors", std::thread::available_parallelism()?);
    if wanted("tax") {
        tax::run().await?;
    }
    if wanted("calls") {
        calls::run().await?;
    }
    if wanted("load") {
        load::run().await?;
    }
    if wanted("pipeline") {
        pipeline::run(100_000).await?;
    }
    if wanted("simulate") {
        simulate::run(100_000).await?;
    }
    if wanted("lanes") {
        lanes::run().await?;
    }
    if wanted("million") {
        pipeline::run(1_000_000).await?;
    }
    if wanted("servers") {
        servers::run().await?;
    }
    if wanted("directory") {
        directory::run().await?;
    }
    Ok(())
}

/// The median of some measured seconds.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(0.0)
}
