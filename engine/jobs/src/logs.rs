//! The life of logs: deleted by hand, and after the days for which a tenant keeps them.

use crate::records;
use gangway_model::{Job, JobId};
use gangway_store::{StoreError, TenantStore};
use std::collections::HashSet;

/// Jobs read at a time.
const PAGE: usize = 200;
/// Jobs that are followed back to the first of a chain.
const LONGEST_CHAIN: usize = 10_000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Removes all jobs that have ended, with their logs. Gives how many.
pub fn delete_ended(store: &dyn TenantStore) -> Result<u64, StoreError> {
    delete(store, u64::MAX)
}

/// Removes the jobs that ended longer ago than the tenant keeps them.
pub fn purge(store: &dyn TenantStore, now_ms: u64) -> Result<u64, StoreError> {
    let days = records::settings(store)?.log_retention_days;
    delete(store, now_ms.saturating_sub(u64::from(days) * DAY_MS))
}

/// A chain of resumed jobs has one log, under its first job: it stays as long as the last of them does.
fn delete(store: &dyn TenantStore, ended_before_ms: u64) -> Result<u64, StoreError> {
    let mut needed: HashSet<JobId> = HashSet::new();
    let mut before = None;
    let mut deleted = 0;
    loop {
        let jobs = store.jobs(before.as_ref(), PAGE)?;
        let Some(last) = jobs.last() else { return Ok(deleted) };
        before = Some(last.id.clone());
        for job in jobs {
            let over = job.status.is_final() && job.end_ms.is_some_and(|end| end < ended_before_ms);
            if over && !needed.contains(&job.id) && store.delete_job(&job.id)? {
                deleted += 1;
            } else {
                needed.extend(job.resumes);
            }
        }
    }
}

/// The first job of a chain of resumed ones: the log is under its identifier.
pub fn first(store: &dyn TenantStore, job: &Job) -> Result<JobId, StoreError> {
    let mut first = job.id.clone();
    let mut earlier = job.resumes.clone();
    for _ in 0..LONGEST_CHAIN {
        let Some(before) = earlier else { break };
        match store.job(&before)? {
            Some(before) => {
                first = before.id;
                earlier = before.resumes;
            }
            None => break,
        }
    }
    Ok(first)
}
