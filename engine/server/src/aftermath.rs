//! What follows when a job begins to fail or ends, and what is due now and then.
//!
//! The store says which jobs have news until it is settled here, so that a crash in between leaves nothing
//! out.

use crate::outbox::{self, Surroundings};
use crate::problem::Problem;
use crate::services::Services;
use gangway_jobs::{CONTENT_SWITCHES, logs, records};
use gangway_model::{Job, System, TenantId};
use gangway_store::TenantStore;
use std::time::Duration;

/// How often old logs are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Follows up until it is dropped.
pub(crate) async fn run(services: Services) {
    let mut news = services.inner.news.lock().await;
    match services.stored(|store| store.tenants()).await {
        Ok(tenants) => {
            for tenant in tenants {
                settle(&services, &tenant).await;
            }
        }
        Err(problem) => {
            tracing::error!(problem = problem.detail(), "what earlier jobs left was not followed up")
        }
    }
    while let Some(tenant) = news.recv().await {
        settle(&services, &tenant).await;
    }
}

/// Removes old logs now and then until it is dropped.
pub(crate) async fn housekeeping(services: Services) {
    loop {
        for tenant in services.stored(|store| store.tenants()).await.unwrap_or_default() {
            let now = services.inner.clock.now_ms();
            let purged = move |store: &dyn TenantStore| {
                let days = records::settings(store)?.log_retention_days;
                outbox::purge(store, now.saturating_sub(u64::from(days) * DAY_MS))?;
                store.purge_images(now)?;
                logs::purge(store, now)
            };
            match services.of_tenant(&tenant, purged).await {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(%tenant, jobs, "old job logs were removed"),
                Err(problem) => {
                    tracing::error!(%tenant, problem = problem.detail(), "old job logs were not removed")
                }
            }
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

async fn settle(services: &Services, tenant: &TenantId) {
    if let Err(problem) = follow_up(services, tenant).await {
        // A tenant that was deleted meanwhile has nothing left to do.
        tracing::warn!(%tenant, problem = problem.detail(), "the news of its jobs wait");
    }
}

async fn follow_up(services: &Services, tenant: &TenantId) -> Result<(), Problem> {
    // The source is read, changed and written.
    let _changes = services.inner.changes.lock().await;
    let inner = services.inner.clone();
    let told = services
        .of_tenant(tenant, move |store| {
            let around = Surroundings {
                now_ms: inner.clock.now_ms(),
                public_url: inner.public_url.as_deref(),
                id: &|| inner.ids.next(),
            };
            let mut told = false;
            for (id, news) in store.news()? {
                let job = store.job(&id)?;
                let source = job.as_ref().map(|job| store.system(&job.source)).transpose()?.flatten();
                let mut changes = Vec::new();
                // A source that is gone has no subscribers.
                if let (Some(job), Some(source)) = (&job, source) {
                    changes = outbox::announce(store, &source, job, news, &around)?;
                    if news.ended {
                        reset_switches(store, source, job)?;
                    }
                }
                told |= !changes.is_empty();
                store.settle_news(&id, news, &changes)?;
            }
            Ok(told)
        })
        .await?;
    if told {
        services.inner.deliver(tenant);
    }
    Ok(())
}

/// Contents are collected by one job: their switches go back.
fn reset_switches(
    store: &dyn TenantStore,
    mut source: System,
    job: &Job,
) -> Result<(), gangway_store::StoreError> {
    if job.trace.contents.is_empty() || job.event.is_some() {
        return Ok(());
    }
    for (name, state) in CONTENT_SWITCHES {
        if job.trace.contents.contains(&state)
            && let Some(property) = source.properties.get_mut(name)
        {
            property.value = "false".to_owned();
        }
    }
    store.put_system(&source)
}
