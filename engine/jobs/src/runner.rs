//! Starts, queues, stops and resumes jobs.
//!
//! A source has one running job at a time, and two running jobs never share a target: parallel
//! writers would overwrite each other's work. A job that has to wait is queued, and those before it
//! in the queue have the first claim, so that none waits for ever.

use crate::error::{StartError, StopError};
use crate::execute::{Execution, linked_targets};
use crate::progress::Progress;
use crate::services::{News, Order, Services};
use crate::watchdog::{self, Expiry};
use gangway_model::ports::Systems;
use gangway_model::{Job, JobEvent, JobId, JobStatus, JobType, Role, SystemId, TenantId, Trigger};
use gangway_store::{StoreError, TenantStore};
use record::same_entity;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{broadcast, watch};

mod record;
mod recovery;

/// The jobs of the installation.
#[derive(Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

struct Inner {
    services: Services,
    state: Mutex<State>,
    /// One start is checked and recorded at a time.
    admission: tokio::sync::Mutex<()>,
    running: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    queued: Vec<Entry>,
    running: Vec<Entry>,
    closing: bool,
    /// Ended jobs whose last record the store did not take.
    unrecorded: Vec<Job>,
}

/// A job that waits or runs.
#[derive(Clone)]
struct Entry {
    job: Job,
    targets: BTreeSet<SystemId>,
    cancelled: Arc<AtomicBool>,
    suspended: Arc<AtomicBool>,
    /// Why it is ended although nobody stopped it.
    expired: Arc<OnceLock<String>>,
    progress: Progress,
}

impl Entry {
    fn new(job: Job, targets: BTreeSet<SystemId>, news: &News) -> Self {
        let progress = Progress::new(job.tenant.clone(), news.clone());
        let (cancelled, suspended) = (Arc::default(), Arc::default());
        Self { job, targets, cancelled, suspended, expired: Arc::default(), progress }
    }

    fn is(&self, tenant: &TenantId, job: &JobId) -> bool {
        self.job.id == *job && self.job.tenant == *tenant
    }

    /// What no other job may touch meanwhile.
    fn holds(&self) -> impl Iterator<Item = (&TenantId, &SystemId)> {
        self.targets.iter().chain([&self.job.source]).map(|system| (&self.job.tenant, system))
    }
}

impl Runner {
    /// A runner without jobs; [`Runner::recover`] brings in those that the store still holds.
    pub fn new(services: Services) -> Self {
        let running = watch::Sender::new(0);
        let inner =
            Inner { services, state: Mutex::default(), admission: tokio::sync::Mutex::default(), running };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a job of a source, or queues it behind those in its way.
    pub async fn start(
        &self,
        tenant: &TenantId,
        source: &SystemId,
        order: impl Into<Order>,
        trigger: Trigger,
    ) -> Result<JobId, StartError> {
        let Order { kind, live, plan, undo, event } = order.into();
        if kind == JobType::Undo && undo.is_none() {
            return Err(StartError::NothingToUndo);
        }
        let _admission = self.inner.admission.lock().await;
        self.inner.record_ended().await;
        let (store, tenant_id, source_id) =
            (self.inner.services.store.clone(), tenant.clone(), source.clone());
        let (system, systems) = blocking(move || {
            let store = store.tenant(&tenant_id)?;
            Ok((store.system(&source_id)?, store.systems()?))
        })
        .await
        .map_err(|error| match error {
            StoreError::Missing(_) => StartError::UnknownTenant(tenant.clone()),
            other => StartError::Store(other),
        })?;
        let Some(system) = system else {
            return Err(StartError::UnknownSystem { tenant: tenant.clone(), system: source.clone() });
        };
        if system.role != Role::Source {
            return Err(StartError::NotASource(system.name));
        }
        let job = self.job(tenant, &system, Order { kind, live, plan, undo, event }, trigger);
        if !system.enabled {
            if job.event.is_some() {
                // Nobody else will look at the answer: the log has to say it.
                let why = format!("the source {:?} is disabled", system.name);
                self.inner.put(&failed(&job, why, job.start_ms)).await?;
            }
            return Err(StartError::Disabled(system.name));
        }
        {
            let state = self.inner.state();
            if state.closing {
                return Err(StartError::ShuttingDown);
            }
            let of_source = |e: &&Entry| e.job.tenant == *tenant && e.job.source == *source;
            let is_job = |e: &&Entry| of_source(e) && e.job.event.is_none();
            if job.trigger.kind == Trigger::REPEAT {
                let mut all = state.running.iter().chain(&state.queued);
                if let Some(busy) = all.find(is_job) {
                    return Err(StartError::Busy { job: busy.job.id.clone(), source_name: system.name });
                }
            }
            if job.event.is_some() {
                // What waits reads the entity when its turn comes.
                if let Some(same) = state.queued.iter().rfind(|e| of_source(e) && same_entity(&e.job, &job))
                    && same.job.event == job.event
                {
                    return Ok(same.job.id.clone());
                }
            } else if let Some(waiting) = state.queued.iter().find(is_job) {
                return Err(StartError::AlreadyQueued {
                    job: waiting.job.id.clone(),
                    source_name: system.name,
                });
            }
        }
        let targets = linked_targets(systems, source).into_iter().map(|target| target.id).collect();
        self.inner.put(&job).await?;
        let id = job.id.clone();
        self.inner.state().queued.push(Entry::new(job, targets, &self.inner.services.news));
        self.inner.pump();
        Ok(id)
    }

    /// Asks a tenant's store.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        call: impl FnOnce(&dyn TenantStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, tenant) = (self.inner.services.store.clone(), tenant.clone());
        blocking(move || call(store.tenant(&tenant)?.as_ref())).await
    }

    /// A tenant's systems, for something that is no job.
    pub(crate) fn systems(&self, tenant: &TenantId) -> (Arc<dyn Systems>, JobId) {
        ((self.inner.services.systems)(tenant), (self.inner.services.ids)())
    }

    /// A tenant's store itself.
    pub(crate) async fn open_store(&self, tenant: &TenantId) -> Result<Arc<dyn TenantStore>, StoreError> {
        let (store, tenant) = (self.inner.services.store.clone(), tenant.clone());
        blocking(move || store.tenant(&tenant)).await
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.inner.services.clock.now_ms()
    }

    /// Stops a job: it ends as manually terminated after the requests under way, and deletes nothing.
    pub async fn stop(&self, tenant: &TenantId, job: &JobId) -> Result<(), StopError> {
        let waiting = {
            let mut state = self.inner.state();
            if let Some(entry) = state.running.iter().find(|e| e.is(tenant, job)) {
                entry.cancelled.store(true, Ordering::Release);
                return Ok(());
            }
            let position = state.queued.iter().position(|e| e.is(tenant, job));
            position.map(|position| state.queued.remove(position))
        };
        if let Some(mut entry) = waiting {
            entry.job.status = JobStatus::ManuallyTerminated;
            entry.job.end_ms = Some(self.inner.services.clock.now_ms());
            self.inner.put(&entry.job).await?;
            entry.progress.end(&entry.job);
            self.inner.pump();
            return Ok(());
        }
        let (store, tenant_id, id) = (self.inner.services.store.clone(), tenant.clone(), job.clone());
        let found = blocking(move || match store.tenant(&tenant_id) {
            Ok(store) => store.job(&id),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        });
        match found.await? {
            Some(_) => Err(StopError::Ended(job.clone())),
            None => Err(StopError::UnknownJob { tenant: tenant.clone(), job: job.clone() }),
        }
    }

    /// What a waiting or running job does from now on; none if it does neither.
    pub fn subscribe(&self, tenant: &TenantId, job: &JobId) -> Option<broadcast::Receiver<JobEvent>> {
        let state = self.inner.state();
        let mut entries = state.running.iter().chain(&state.queued);
        entries.find(|e| e.is(tenant, job)).map(|e| e.progress.subscribe())
    }

    /// The running or waiting job that holds a system.
    pub fn holder(&self, tenant: &TenantId, system: &SystemId) -> Option<JobId> {
        let state = self.inner.state();
        let mut entries = state.running.iter().chain(&state.queued);
        entries.find(|e| e.holds().any(|held| held == (tenant, system))).map(|e| e.job.id.clone())
    }

    /// Ends all work so that [`Runner::recover`] can take it up: running jobs stop after the requests
    /// under way.
    pub async fn shutdown(&self) {
        {
            let mut state = self.inner.state();
            state.closing = true;
            for entry in &state.running {
                entry.suspended.store(true, Ordering::Release);
                entry.cancelled.store(true, Ordering::Release);
            }
        }
        let mut running = self.inner.running.subscribe();
        // The sender lives as long as `self`.
        let _ = running.wait_for(|running| *running == 0).await;
        self.inner.record_ended().await;
    }

    pub(crate) fn services(&self) -> &Services {
        &self.inner.services
    }

    /// Waits until nothing runs or waits.
    pub async fn idle(&self) {
        let mut running = self.inner.running.subscribe();
        let _ = running.wait_for(|running| *running == 0).await;
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts every waiting job that nothing is in the way of.
    fn pump(self: &Arc<Self>) {
        let mut state = self.state();
        if state.closing {
            self.running.send_replace(state.running.len());
            return;
        }
        let mut taken: HashSet<(TenantId, SystemId)> =
            state.running.iter().flat_map(Entry::holds).map(|(t, s)| (t.clone(), s.clone())).collect();
        let mut waiting = Vec::new();
        for entry in std::mem::take(&mut state.queued) {
            let full = state.running.len() >= self.services.at_once.max(1);
            let blocked = entry.holds().any(|(t, s)| taken.contains(&(t.clone(), s.clone())));
            taken.extend(entry.holds().map(|(t, s)| (t.clone(), s.clone())));
            if full || blocked {
                waiting.push(entry);
            } else {
                state.running.push(entry.clone());
                tokio::spawn(self.clone().run(entry));
            }
        }
        state.queued = waiting;
        self.running.send_replace(state.running.len());
    }

    async fn run(self: Arc<Self>, entry: Entry) {
        let (job, stored) = self.execute(&entry).await;
        if !stored && job.status.is_final() {
            self.state().unrecorded.push(job.clone());
        }
        tracing::info!(job = %job.id, status = ?job.status, "job ended");
        {
            let mut state = self.state();
            state.running.retain(|e| e.job.id != job.id);
        }
        entry.progress.end(&job);
        self.pump();
    }

    async fn execute(&self, entry: &Entry) -> (Job, bool) {
        let (store, tenant) = (self.services.store.clone(), entry.job.tenant.clone());
        let systems = (self.services.systems)(&tenant);
        let opened = blocking(move || store.tenant(&tenant)).await;
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                return (failed(&entry.job, error.to_string(), self.services.clock.now_ms()), false);
            }
        };
        let execution = Execution {
            store,
            systems,
            clock: self.services.clock.clone(),
            targets: entry.targets.clone(),
            cancelled: entry.cancelled.clone(),
            suspended: entry.suspended.clone(),
            expired: entry.expired.clone(),
            progress: entry.progress.clone(),
        };
        let job = entry.job.clone();
        let mut running = tokio::spawn(async move { execution.run(job).await });
        let ended = tokio::select! {
            ended = &mut running => ended,
            why = watchdog::expiry(&entry.progress, self.services.limits) => {
                self.expire(entry, why).await;
                // Every call to a plugin is bounded: it ends after the one under way.
                running.await
            }
        };
        match ended {
            Ok(ended) => ended,
            Err(_) => {
                let defect = "the job broke down: a defect of the engine, see its log; the next job goes on from the last stored page";
                let (store, entry_job) = (self.services.store.clone(), entry.job.clone());
                let last = blocking(move || store.tenant(&entry_job.tenant)?.job(&entry_job.id)).await;
                let last = last.ok().flatten().unwrap_or_else(|| entry.job.clone());
                let job = failed(&last, defect.to_owned(), self.services.clock.now_ms());
                let stored = self.put(&job).await.is_ok();
                (job, stored)
            }
        }
    }

    async fn expire(&self, entry: &Entry, why: Expiry) {
        let (store, job) = (self.services.store.clone(), entry.job.clone());
        let last = blocking(move || store.tenant(&job.tenant)?.job(&job.id)).await.ok().flatten();
        let diagnosis = watchdog::diagnosis(why, last.as_ref().unwrap_or(&entry.job));
        tracing::error!(job = %entry.job.id, diagnosis, "the watchdog ends the job");
        let _ = entry.expired.set(diagnosis);
        entry.cancelled.store(true, Ordering::Release);
    }

    async fn put(&self, job: &Job) -> Result<(), StoreError> {
        let (store, job) = (self.services.store.clone(), job.clone());
        blocking(move || store.tenant(&job.tenant)?.put_job(&job)).await
    }

    /// Tries again to store how jobs ended.
    async fn record_ended(&self) {
        let unrecorded = std::mem::take(&mut self.state().unrecorded);
        for job in unrecorded {
            if self.put(&job).await.is_err() {
                self.state().unrecorded.push(job);
            }
        }
    }
}

fn failed(job: &Job, error: String, now_ms: u64) -> Job {
    Job { status: JobStatus::FinishedWithError, error: Some(error), end_ms: Some(now_ms), ..job.clone() }
}

pub(crate) async fn blocking<T, F>(call: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    tokio::task::spawn_blocking(call)
        .await
        .unwrap_or_else(|_| Err(StoreError::Failed("a call to the store panicked".to_owned())))
}
