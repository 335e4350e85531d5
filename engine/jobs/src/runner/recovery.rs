//! Jobs that an earlier life of the engine left unfinished.

use super::{Entry, Runner, blocking};
use crate::execute::targets_of;
use crate::services::Services;
use gangway_model::{Job, JobId, JobStatus, Trigger};
use gangway_store::{StoreError, TenantStore};
use std::collections::HashSet;

impl Runner {
    /// Takes up what an earlier life of the engine left: waiting jobs wait again, and an interrupted
    /// job goes on from its last commit as a new one. Gives the new jobs.
    pub async fn recover(&self) -> Result<Vec<JobId>, StoreError> {
        let _admission = self.inner.admission.lock().await;
        let store = self.inner.services.store.clone();
        let tenants = blocking(move || store.tenants()).await?;
        let mut resumed = Vec::new();
        for tenant in tenants {
            let (store, services) = (self.inner.services.store.clone(), self.inner.services.clone());
            let id = tenant.clone();
            let entries = blocking(move || {
                let store = store.tenant(&id)?;
                unfinished(store.as_ref(), &services)
            });
            let entries = entries.await.unwrap_or_else(|error| {
                // One tenant's damage is not the others'.
                tracing::error!(%tenant, %error, "unfinished jobs were not taken up");
                Vec::new()
            });
            for entry in entries {
                let known = {
                    let state = self.inner.state();
                    state.running.iter().chain(&state.queued).any(|e| e.is(&entry.job.tenant, &entry.job.id))
                };
                if known {
                    continue;
                }
                if entry.job.resumes.is_some() {
                    tracing::info!(job = %entry.job.id, resumes = ?entry.job.resumes, "job resumes");
                    resumed.push(entry.job.id.clone());
                }
                self.inner.state().queued.push(entry);
            }
        }
        self.inner.pump();
        Ok(resumed)
    }
}

/// The jobs of a tenant that have not ended, ready to be queued.
fn unfinished(store: &dyn TenantStore, services: &Services) -> Result<Vec<Entry>, StoreError> {
    let systems = store.systems()?;
    let jobs = store.unfinished_jobs()?;
    let taken_up: HashSet<JobId> = jobs.iter().filter_map(|job| job.resumes.clone()).collect();
    let mut entries = Vec::new();
    for mut job in jobs {
        let targets = targets_of(systems.clone(), &job);
        if job.status == JobStatus::Queued {
            entries.push(Entry::new(job, targets, &services.news));
            continue;
        }
        let now = services.clock.now_ms();
        // The new record goes first: a crash in between leaves both, and `taken_up` tells.
        if !taken_up.contains(&job.id) {
            let next = Job {
                id: (services.ids)(),
                resumes: Some(job.id.clone()),
                trigger: Trigger { kind: Trigger::IMMEDIATE.to_owned(), by: None },
                status: JobStatus::Queued,
                start_ms: now,
                end_ms: None,
                ..job.clone()
            };
            store.put_job(&next)?;
            entries.push(Entry::new(next, targets, &services.news));
        }
        job.status = JobStatus::Resumed;
        job.end_ms = Some(now);
        store.put_job(&job)?;
    }
    Ok(entries)
}
