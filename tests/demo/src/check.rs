use crate::stage::Stage;
use gangway_company::{Company, Expected, expected_groups, expected_users};
use gangway_model::{Action, Counters, Job};

/// Runs both jobs and compares their statistics with what the company's change demands.
pub(crate) async fn run(stage: &Stage<'_>, before: Option<&Company>, now: &Company) -> anyhow::Result<bool> {
    let users = expected_users(before, now);
    let groups = expected_groups(before, now);
    stage.run(&["job", "start", "HR files", "--watch"])?;
    println!();
    stage.run(&["job", "start", "Directory outgoing", "--watch"])?;

    let answer = stage.api.ok(gangway_kit::Method::GET, "jobs?limit=2", None).await?;
    let jobs: Vec<Job> = serde_json::from_value(answer.get("jobs").cloned().unwrap_or_default())?;
    println!("\nexpected and found:");
    let mut good = true;
    // The newest job comes first.
    let [outgoing, incoming] = jobs.as_slice() else { anyhow::bail!("two jobs should be listed") };
    good &= compare(incoming, "user", users);
    good &= compare(incoming, "group", groups);
    // What stands in the directory has neither damaged rows nor service accounts.
    let clean = Expected { skipped: 0, failed: 0, ..users };
    good &= compare(outgoing, "user", clean);
    good &= compare(outgoing, "group", groups);
    Ok(good)
}

fn compare(job: &Job, entity_type: &str, expected: Expected) -> bool {
    let counters = |action: Action| {
        let rows = job.statistics.iter();
        let mut rows = rows.filter(|r| r.key.action == action && r.key.entity_type.as_str() == entity_type);
        rows.next().map(|r| r.counters).unwrap_or_default()
    };
    let (read, write): (Counters, Counters) = (counters(Action::Read), counters(Action::Write));
    let found = Expected {
        read: read.read,
        created: write.created,
        updated: write.updated,
        deleted: write.deleted,
        skipped: read.skipped,
        failed: read.failed + write.failed,
    };
    let good = found == expected;
    println!(
        "  {} {:<20} {:<6} read {:>4}  created {:>4}  updated {:>3}  deleted {:>3}  skipped {:>2}  failed {:>2}",
        if good { "✓" } else { "✗" },
        job.source_name,
        entity_type,
        found.read,
        found.created,
        found.updated,
        found.deleted,
        found.skipped,
        found.failed
    );
    if !good {
        println!("    expected {expected:?}");
    }
    good
}
