//! Whole jobs through seeded schedules of faults, and an oracle that knows what the targets must hold at the end.
//!
//! A seed decides everything: who joins, leaves and changes, which pages of the source go wrong and how, which requests
//! to the target are refused, delayed, dropped or answered into the void, when the target is restarted and when the
//! engine is killed. The source is the `chaos` component; the targets are the directory of a second engine behind a
//! relay, and CSV files.
//!
//! ```sh
//! GANGWAY_CHAOS_SEED=17 cargo test --workspace --test black-box -- chaos      # one seed
//! GANGWAY_CHAOS_SEEDS=500 cargo test --workspace --test black-box -- chaos    # the first 500
//! ```

mod faults;
mod oracle;
mod random;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// The seeds of a usual run.
const SEEDS: u64 = 48;
/// Pairs of engines at once: most of the time is spent waiting before a retry.
const WORLDS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_end_as_the_oracle_demands_or_say_what_is_open() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("GANGWAY_CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("GANGWAY_CHAOS_SEEDS").unwrap_or(SEEDS),
    };
    let next = Arc::new(AtomicU64::new(seeds.start));
    let mut worlds = tokio::task::JoinSet::new();
    for _ in 0..WORLDS.min(seeds.end - seeds.start) {
        let (next, end) = (next.clone(), seeds.end);
        worlds.spawn(async move {
            let mut world = World::new().await;
            let mut failures = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= end {
                    return failures;
                }
                if let Err(failure) = world.run(seed).await {
                    failures.push(format!("GANGWAY_CHAOS_SEED={seed}: {failure}"));
                }
            }
        });
    }
    let failures: Vec<String> = worlds.join_all().await.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} of {} seeds:\n{}",
        failures.len(),
        seeds.end - seeds.start,
        failures.join("\n")
    );
}
