//! Messages on their way: written in the step in which it is decided that they are sent, and removed when
//! they are delivered.

use crate::problem::Problem;
use crate::services::Services;
use gangway_jobs::records::{self, record};
use gangway_model::{Job, JobId, JobStatus, JobType, System, TenantId};
use gangway_notify::{
    Channel, Happening, Kind, MailServer, Message, Rules, SendError, State, Subscription, decide, message,
    retry_at,
};
use gangway_store::{News, Record, StoreError, TenantStore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Who is told about the jobs of a source: a list for each.
pub(crate) const SUBSCRIPTIONS: &str = "subscription";
/// What is remembered of a source between its jobs.
pub(crate) const STATES: &str = "notification-state";
/// Messages that wait.
pub(crate) const OUTBOX: &str = "outbox";
/// The installation's mail server.
const MAIL_SERVER: &str = "mail-server";
/// Looked for again although nobody said so.
const LONGEST_SLEEP_MS: u64 = 60_000;

/// A message for one subscriber.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Waiting {
    pub(crate) job: JobId,
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) message: Message,
    pub(crate) created_ms: u64,
    pub(crate) attempts: u32,
    /// None if it was given up.
    pub(crate) next_ms: Option<u64>,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// Of a source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    state: State,
    /// Of its events: they fail and succeed for themselves.
    events: State,
    /// The job of which it was told that it runs with errors: the first of its chain.
    running: Option<JobId>,
}

/// What the decision needs to know beside the store.
pub(crate) struct Surroundings<'a> {
    pub(crate) now_ms: u64,
    pub(crate) public_url: Option<&'a str>,
    pub(crate) id: &'a dyn Fn() -> Uuid,
}

/// The records that news of a job lead to: messages, and what is remembered.
pub(crate) fn announce(
    store: &dyn TenantStore,
    source: &System,
    job: &Job,
    news: News,
    around: &Surroundings<'_>,
) -> Result<Vec<Record>, StoreError> {
    if !matches!(job.kind, JobType::Read | JobType::Resync | JobType::RealTime) {
        return Ok(Vec::new());
    }
    let key = source.id.as_str();
    let mut remembered: Remembered = records::find(store, STATES, key)?.unwrap_or_default();
    let subscriptions: Vec<Subscription> = records::find(store, SUBSCRIPTIONS, key)?.unwrap_or_default();
    let first = gangway_jobs::logs::first(store, job)?;
    let mut happenings = Vec::new();
    let is_event = job.kind == JobType::RealTime;
    // An event is at its end as soon as it fails.
    if news.failing && !is_event && remembered.running.as_ref() != Some(&first) {
        remembered.running = Some(first);
        happenings.push(Happening::Failing);
    }
    if news.ended {
        let failed = job.statistics.iter().any(|row| row.counters.failed > 0);
        happenings.push(match job.status {
            JobStatus::Success => Happening::Succeeded,
            JobStatus::ManuallyTerminated if !failed => Happening::Stopped,
            _ => Happening::Failed,
        });
    }
    let targets: Vec<String> = store
        .systems()?
        .into_iter()
        .filter(|s| s.enabled && s.sources.contains(&source.id))
        .map(|s| s.name)
        .collect();
    let mut changes = Vec::new();
    for happening in happenings {
        let known = if is_event { &mut remembered.events } else { &mut remembered.state };
        let (state, kind) = decide(*known, Rules::of(source), happening);
        *known = state;
        let Some(kind) = kind else { continue };
        let message = message(kind, job, &targets, around.public_url);
        for subscription in &subscriptions {
            let waiting = Waiting {
                job: job.id.clone(),
                name: subscription.name.clone(),
                channel: subscription.channel.clone(),
                message: message.clone(),
                created_ms: around.now_ms,
                attempts: 0,
                next_ms: Some(around.now_ms),
                error: None,
            };
            // In the order in which things happened.
            let order = u8::from(kind != Kind::RunningWithError);
            let key = format!("{:015}-{order}-{}", around.now_ms, (around.id)());
            changes.push(record(OUTBOX, &key, Some(&waiting))?);
        }
    }
    changes.push(record(STATES, key, Some(&remembered))?);
    Ok(changes)
}

/// Delivers until it is dropped.
pub(crate) async fn run(services: Services) {
    let mut told = services.inner.outbox.1.lock().await;
    let mut due: BTreeMap<TenantId, u64> = BTreeMap::new();
    for tenant in services.stored(|store| store.tenants()).await.unwrap_or_default() {
        due.insert(tenant, 0);
    }
    loop {
        let now = services.inner.clock.now_ms();
        let ready: Vec<TenantId> =
            due.iter().filter(|(_, at)| **at <= now).map(|(tenant, _)| tenant.clone()).collect();
        for tenant in ready {
            match deliver(&services, &tenant).await {
                Ok(Some(next)) => due.insert(tenant, next),
                Ok(None) => due.remove(&tenant),
                Err(problem) => {
                    tracing::warn!(%tenant, problem = problem.detail(), "its notifications wait");
                    due.insert(tenant, now + LONGEST_SLEEP_MS)
                }
            };
        }
        let now = services.inner.clock.now_ms();
        let sleep = due.values().min().map_or(LONGEST_SLEEP_MS, |next| next.saturating_sub(now));
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(sleep.min(LONGEST_SLEEP_MS))) => {}
            tenant = told.recv() => match tenant {
                Some(tenant) => { due.insert(tenant, 0); }
                None => return,
            },
        }
    }
}

/// Delivers what is due. Gives when the next is.
async fn deliver(services: &Services, tenant: &TenantId) -> Result<Option<u64>, Problem> {
    let list: Vec<(String, Waiting)> = match services.of_tenant(tenant, |s| records::all(s, OUTBOX)).await {
        Ok(list) => list,
        // Deleted meanwhile.
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let server = mail_server(services).await?;
    let mut next: Option<u64> = None;
    for (key, mut waiting) in list {
        let now = services.inner.clock.now_ms();
        let Some(at) = waiting.next_ms else { continue };
        if at > now {
            next = next.into_iter().chain([at]).min();
            continue;
        }
        let to = (waiting.name.as_str(), &waiting.channel);
        let sent = services.inner.sender.send(tenant, to, &waiting.message, server.as_ref(), now).await;
        let change = match sent {
            Ok(()) => record::<Waiting>(OUTBOX, &key, None),
            Err(error) => {
                waiting.attempts += 1;
                let now = services.inner.clock.now_ms();
                waiting.next_ms = match &error {
                    SendError::Later(_) => retry_at(waiting.attempts, now),
                    SendError::Never(_) => None,
                };
                tracing::warn!(
                    %tenant, job = %waiting.job, attempts = waiting.attempts, %error,
                    given_up = waiting.next_ms.is_none(), "a notification was not delivered"
                );
                waiting.error = Some(error.to_string());
                next = next.into_iter().chain(waiting.next_ms).min();
                record(OUTBOX, &key, Some(&waiting))
            }
        };
        services.of_tenant(tenant, move |store| store.put_records(&[change?])).await?;
    }
    Ok(next)
}

/// The installation's mail server.
pub(crate) async fn mail_server(services: &Services) -> Result<Option<MailServer>, Problem> {
    let found = services.stored(|store| store.secret(MAIL_SERVER)).await?;
    found
        .map(|bytes| records::read(MAIL_SERVER, "of the installation", &bytes))
        .transpose()
        .map_err(Problem::from)
}

/// Sets or removes it.
pub(crate) async fn set_mail_server(services: &Services, server: Option<&MailServer>) -> Result<(), Problem> {
    let bytes = record(MAIL_SERVER, "", server)?.value;
    services.stored(move |store| store.set_secret(MAIL_SERVER, bytes.as_deref())).await
}

/// Removes what was given up before a time.
pub(crate) fn purge(store: &dyn TenantStore, before_ms: u64) -> Result<(), StoreError> {
    let all: Vec<(String, Waiting)> = records::all(store, OUTBOX)?;
    let old = all.into_iter().filter(|(_, w)| w.next_ms.is_none() && w.created_ms < before_ms);
    let gone = old.map(|(key, _)| record::<Waiting>(OUTBOX, &key, None)).collect::<Result<Vec<_>, _>>()?;
    store.put_records(&gone)
}

/// Makes everything that waits, or was given up, due now.
pub(crate) fn retry(store: &dyn TenantStore, now_ms: u64) -> Result<usize, StoreError> {
    let all: Vec<(String, Waiting)> = records::all(store, OUTBOX)?;
    let again = all.into_iter().map(|(key, waiting)| {
        let attempts = if waiting.next_ms.is_none() { 0 } else { waiting.attempts };
        record(OUTBOX, &key, Some(&Waiting { next_ms: Some(now_ms), attempts, ..waiting }))
    });
    let again = again.collect::<Result<Vec<_>, _>>()?;
    store.put_records(&again)?;
    Ok(again.len())
}
