//! Starts recurring jobs at their points.
//!
//! What is active is held in memory and read again when somebody changes it. A point at which a job of
//! the same source still runs or waits is skipped, as is one that came while the engine was down.

use crate::error::StartError;
use crate::records::{self, Recurring, SCHEDULES};
use crate::runner::Runner;
use gangway_model::ports::Clock;
use gangway_model::{JobType, SystemId, TenantId, Trigger};
use gangway_schedule::{TimeZone, time_zone};
use gangway_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The clock may be set while the loop sleeps: it looks again after so long.
const LONGEST_SLEEP_MS: u64 = 10_000;

/// The recurring jobs of the installation.
#[derive(Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

struct Inner {
    runner: Runner,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    active: Mutex<BTreeMap<TenantId, Active>>,
    changed: Notify,
}

/// What a tenant has turned on.
struct Active {
    zone: TimeZone,
    list: Vec<(SystemId, Recurring)>,
}

impl Scheduler {
    /// A scheduler that knows of nothing; [`Scheduler::run`] reads what is stored.
    pub fn new(runner: Runner, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { runner, store, clock, active: Mutex::default(), changed: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Reads a tenant's schedules and settings again, after they changed. It blocks.
    pub fn reload(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let read = || {
            let store = self.inner.store.tenant(tenant)?;
            let zone =
                time_zone(&records::settings(store.as_ref())?.time_zone).map_err(StoreError::Damaged)?;
            let all: Vec<(String, Recurring)> = records::all(store.as_ref(), SCHEDULES)?;
            let list = all.into_iter().filter(|(_, recurring)| recurring.schedule.active);
            let list = list.map(|(source, recurring)| (SystemId::new(source), recurring)).collect();
            Ok(Active { zone, list })
        };
        match read() {
            Ok(active) => self.active().insert(tenant.clone(), active),
            Err(StoreError::Missing(_)) => self.active().remove(tenant),
            Err(error) => return Err(error),
        };
        self.inner.changed.notify_one();
        Ok(())
    }

    /// Starts jobs at their points until it is dropped.
    pub async fn run(self) {
        let this = self.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            for tenant in this.inner.store.tenants()? {
                if let Err(error) = this.reload(&tenant) {
                    // One tenant's damage is not the others'.
                    tracing::error!(%tenant, %error, "its schedules start nothing");
                }
            }
            Ok::<(), StoreError>(())
        });
        if let Ok(Err(error)) = loaded.await {
            tracing::error!(%error, "no schedule starts anything");
        }
        let mut from = self.inner.clock.now_ms();
        loop {
            let now = self.inner.clock.now_ms();
            let next = self.tick(from, now).await;
            from = now;
            let now = self.inner.clock.now_ms();
            let sleep = next.map_or(LONGEST_SLEEP_MS, |next| next.saturating_sub(now)).min(LONGEST_SLEEP_MS);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(sleep)) => {}
                () = self.inner.changed.notified() => {}
            }
        }
    }

    /// Starts what became due after `from_ms`. Gives the next point of all.
    pub(crate) async fn tick(&self, from_ms: u64, now_ms: u64) -> Option<u64> {
        let mut due = Vec::new();
        let mut next: Option<u64> = None;
        for (tenant, active) in self.active().iter() {
            for (source, recurring) in &active.list {
                if recurring.schedule.due(from_ms, now_ms, &active.zone).is_some() {
                    due.push((tenant.clone(), source.clone(), recurring.kind));
                }
                let point = recurring.schedule.next(now_ms, &active.zone);
                next = next.into_iter().chain(point).min();
            }
        }
        for (tenant, source, kind) in due {
            self.start(&tenant, &source, kind).await;
        }
        next
    }

    async fn start(&self, tenant: &TenantId, source: &SystemId, kind: JobType) {
        let trigger = Trigger { kind: Trigger::REPEAT.to_owned(), by: None };
        match self.inner.runner.start(tenant, source, kind, trigger).await {
            Ok(job) => tracing::info!(%tenant, %source, %job, "scheduled job started"),
            Err(StartError::Busy { job, .. }) => {
                tracing::info!(%tenant, %source, %job, "scheduled point skipped: a job of the source has not ended");
            }
            Err(error) => tracing::warn!(%tenant, %source, %error, "scheduled job not started"),
        }
    }

    fn active(&self) -> MutexGuard<'_, BTreeMap<TenantId, Active>> {
        self.inner.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
