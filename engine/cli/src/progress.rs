use crate::client::{Client, segment};
use anyhow::Context;
use futures_util::StreamExt;
use gangway_model::{Action, Job, JobEvent};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Follows a job's events until it ends, drawing a bar on a terminal.
pub(crate) async fn watch(client: &Client, job: &Job) -> anyhow::Result<Job> {
    let path = client.path(&format!("jobs/{}", segment(job.id.as_str())));
    let bar = bar(&job.source_name);
    // A connection may break (a restart of the engine): ask for the job and follow on.
    let mut last = job.clone();
    for _ in 0..5 {
        if last.status.is_final() {
            break;
        }
        match follow(client, &path, &bar).await {
            Ok(Some(ended)) => last = ended,
            Ok(None) | Err(_) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                last = client.get(&path).await?;
            }
        }
    }
    bar.finish_and_clear();
    anyhow::ensure!(
        last.status.is_final(),
        "lost sight of job {}: ask again with `gangway job watch {}`",
        last.id,
        last.id
    );
    Ok(last)
}

async fn follow(client: &Client, path: &str, bar: &ProgressBar) -> anyhow::Result<Option<Job>> {
    let response = client.events(&format!("{path}/events")).await?;
    let mut stream = response.bytes_stream();
    let mut buffer = Vec::new();
    while let Some(chunk) = stream.next().await {
        buffer.extend_from_slice(&chunk.context("the event stream broke off")?);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            match parse(&event)? {
                Some(JobEvent::Progress { job, total }) => show(bar, &job, total),
                Some(JobEvent::End { job }) => return Ok(Some(*job)),
                None => {}
            }
        }
    }
    Ok(None)
}

/// The `data` of one server-sent event; none for a comment.
fn parse(event: &[u8]) -> anyhow::Result<Option<JobEvent>> {
    let text = String::from_utf8_lossy(event);
    let data: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
    if data.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&data.join("\n")).map(Some).context("an event is not what this program expects")
}

fn bar(name: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_bar} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn show(bar: &ProgressBar, job: &Job, total: Option<u64>) {
    let rows = &job.statistics;
    let read: u64 = rows
        .iter()
        .filter(|r| r.key.action == Action::Read)
        .map(|r| r.counters.read + r.counters.skipped + r.counters.failed)
        .sum();
    let sum = |count: fn(&gangway_model::Counters) -> u64| -> u64 {
        rows.iter().filter(|r| r.key.action == Action::Write).map(|r| count(&r.counters)).sum()
    };
    if let Some(total) = total {
        bar.set_length(total.max(read));
    }
    bar.set_position(read);
    bar.set_message(format!(
        "created {} updated {} deleted {} failed {}",
        sum(|c| c.created),
        sum(|c| c.updated),
        sum(|c| c.deleted),
        sum(|c| c.failed)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_comment_is_no_event() {
        assert!(parse(b": keep-alive\n\n").unwrap().is_none());
    }

    #[test]
    fn an_event_that_is_no_json_is_an_error() {
        assert!(parse(b"data: <html>\n\n").is_err());
    }
}
