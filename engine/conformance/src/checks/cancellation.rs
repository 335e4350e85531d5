//! Jobs that are being stopped.

use super::{Check, Expect, Stop, check, demand, refused};
use crate::bench::{Bench, write_one};
use crate::faults::Fault;
use gangway_model::{PluginError, code};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The host gives a plugin that is being stopped five seconds.
const IN_TIME: Duration = Duration::from_secs(4);
/// How long a call waits for the silent server before the job is stopped.
const LATER: Duration = Duration::from_millis(200);

pub(super) const CHECKS: &[Check] = &[
    check!(
        Source,
        "read.cancelled",
        read,
        "a call of a job that is being stopped ends with `cancelled`, or returns within 4 s"
    ),
    check!(
        Writing,
        "write.cancelled",
        write,
        "a call of a job that is being stopped ends with `cancelled`, or returns within 4 s"
    ),
    check!(
        HttpSource,
        "read.cancelled-waiting",
        read_waiting,
        "when the host ends a request with `cancelled`, the plugin passes that on"
    ),
    check!(
        HttpTarget,
        "write.cancelled-waiting",
        write_waiting,
        "when the host ends a request with `cancelled`, the plugin passes that on"
    ),
];

fn ended<T>(answer: Result<T, PluginError>, took: Duration) -> Result<(), Stop> {
    if answer.is_err() {
        refused("the call", answer, &[code::CANCELLED])?;
    }
    demand(took <= IN_TIME, || format!("it took {:.1} s", took.as_secs_f64()))
}

async fn read(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = bench.source(None).await.expect_of("opening the source")?;
    opened.cancelled.store(true, Ordering::SeqCst);
    let start = Instant::now();
    let answer = opened.side.read_page(entity_type, None, 100).await;
    ended(answer, start.elapsed())
}

async fn write(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = bench.target(None).await.expect_of("opening the target")?;
    let Some(specimen) = bench.specimen(entity_type) else { return Ok(()) };
    opened.cancelled.store(true, Ordering::SeqCst);
    let start = Instant::now();
    let answer = write_one(opened.side.as_ref(), specimen.creation()).await;
    if let Ok(outcome) = &answer {
        bench.note(entity_type, outcome);
    }
    ended(answer, start.elapsed())
}

async fn stop(cancelled: Arc<AtomicBool>) {
    tokio::time::sleep(LATER).await;
    cancelled.store(true, Ordering::SeqCst);
}

async fn read_waiting(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = bench.source(Some(Fault::Silence)).await.expect_of("opening the source")?;
    let start = Instant::now();
    let (answer, ()) =
        tokio::join!(opened.side.read_page(entity_type, None, 100), stop(opened.cancelled.clone()));
    ended(answer, start.elapsed())
}

async fn write_waiting(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let opened = bench.target(Some(Fault::Silence)).await.expect_of("opening the target")?;
    let Some(specimen) = bench.specimen(entity_type) else { return Ok(()) };
    let start = Instant::now();
    let call = write_one(opened.side.as_ref(), specimen.creation());
    let (answer, ()) = tokio::join!(call, stop(opened.cancelled.clone()));
    ended(answer, start.elapsed())
}
