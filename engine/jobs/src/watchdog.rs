//! Ends jobs that make no progress, or take longer than any job should, and says where they stood.

use crate::progress::Progress;
use crate::services::Limits;
use gangway_model::{Action, Job, Phase};
use tokio::time::{Instant, sleep_until};

/// Which limit was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiry {
    /// No page was committed for so many seconds.
    Idle(u64),
    /// It took so many seconds in all.
    Total(u64),
}

/// Waits until a job has reached a limit.
pub(crate) async fn expiry(progress: &Progress, limits: Limits) -> Expiry {
    // Beyond what the clock can hold is never.
    let after =
        |start: Instant, span| start.checked_add(span).unwrap_or(start + Limits::default().total * 365);
    let end = after(Instant::now(), limits.total);
    loop {
        let idle = after(progress.last_step(), limits.idle);
        sleep_until(idle.min(end)).await;
        let now = Instant::now();
        if now >= end {
            return Expiry::Total(limits.total.as_secs());
        }
        if now >= after(progress.last_step(), limits.idle) {
            return Expiry::Idle(limits.idle.as_secs());
        }
    }
}

/// What was reached, where the job stood, and what to do.
pub(crate) fn diagnosis(expiry: Expiry, job: &Job) -> String {
    let types: Vec<_> = job.statistics.iter().filter(|row| row.key.action == Action::Read).collect();
    let name = |index: u32| {
        let row = usize::try_from(index).ok().and_then(|index| types.get(index));
        row.map_or("next", |row| row.key.entity_type.as_str())
    };
    let at = |phase: &Phase| match phase {
        Phase::Reading { index, .. } => format!("it was reading {} entities", name(*index)),
        Phase::Completing { index, .. } => {
            format!("it was completing references of {} entities", name(*index))
        }
        Phase::Applying { .. } => "it was carrying out a plan".to_owned(),
        Phase::Undoing { .. } => "it was taking back what an earlier job did".to_owned(),
        Phase::Deleting => "it was deleting".to_owned(),
        Phase::Done => "it was ending".to_owned(),
    };
    let place = at(&job.checkpoint.phase);
    let what = match expiry {
        Expiry::Idle(seconds) => format!("the job made no progress for {seconds} s and was ended"),
        Expiry::Total(seconds) => format!("the job took longer than {seconds} s and was ended"),
    };
    let lanes = &job.checkpoint.lanes;
    let under_way: Vec<String> = lanes
        .iter()
        .filter(|(id, lane)| lanes.len() > 1 && lane.phase != Phase::Done && !job.broken.contains_key(*id))
        .map(|(id, lane)| {
            let row = job.statistics.iter().find(|row| row.key.system == *id);
            format!("{:?}: {}", row.map_or(id.as_str(), |row| &row.system_name), at(&lane.phase))
        })
        .collect();
    let under_way = match under_way.is_empty() {
        true => String::new(),
        false => format!("; targets not at their end: {}", under_way.join(", ")),
    };
    format!(
        "{what}: {place} of {:?}, with {} pages stored{under_way}; see which of its systems answers slowly, and --job-idle-limit and --job-time-limit of gangway serve",
        job.source_name, job.checkpoint.pages
    )
}
