//! A job's progress as server-sent events: where it stands, each change, and its end.

use crate::api::jobs::read;
use crate::extract::{self, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use gangway_model::{Job, JobEvent, JobId, JobStatus, TenantId};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// So that proxies and clients know the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

enum Next {
    /// The first event: where the job stands.
    First(Box<Job>, Option<Receiver<JobEvent>>),
    More(Receiver<JobEvent>),
    Ended,
}

pub(crate) async fn stream(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    // Subscribed before it is read: what happens in between comes twice rather than never.
    let events = services.runner().subscribe(&tenant, &job);
    let now = read(&services, &tenant, &job).await?;
    let watcher = Watcher { closing: services.closing(), services, tenant, job };
    let stream = unfold((watcher, Next::First(Box::new(now), events)), |(mut watcher, next)| async move {
        let (event, next) = watcher.next(next).await?;
        Some((Ok(sse(&event)), (watcher, next)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Watcher {
    services: Services,
    tenant: TenantId,
    job: JobId,
    closing: watch::Receiver<bool>,
}

impl Watcher {
    async fn next(&mut self, next: Next) -> Option<(JobEvent, Next)> {
        match next {
            Next::Ended => None,
            Next::First(job, events) => match events {
                Some(events) if !over(&job) => {
                    Some((JobEvent::Progress { job, total: None }, Next::More(events)))
                }
                _ => Some((JobEvent::End { job }, Next::Ended)),
            },
            Next::More(mut events) => {
                let received = tokio::select! {
                    received = events.recv() => received,
                    // The client asks again when the engine is back.
                    _ = self.closing.wait_for(|closing| *closing) => return None,
                };
                match received {
                    Ok(event @ JobEvent::End { .. }) => Some((event, Next::Ended)),
                    Ok(event) => Some((event, Next::More(events))),
                    // Too slow for every step: where it stands now says the same.
                    Err(RecvError::Lagged(_)) => {
                        let job = Box::new(self.read().await?);
                        Some((JobEvent::Progress { job, total: None }, Next::More(events)))
                    }
                    Err(RecvError::Closed) => {
                        let job = Box::new(self.read().await?);
                        Some((JobEvent::End { job }, Next::Ended))
                    }
                }
            }
        }
    }

    async fn read(&self) -> Option<Job> {
        read(&self.services, &self.tenant, &self.job).await.ok()
    }
}

/// Whether nothing more comes under this id while the engine runs.
fn over(job: &Job) -> bool {
    job.status.is_final() || job.status == JobStatus::PendingRestart
}

fn sse(event: &JobEvent) -> Event {
    let name = match event {
        JobEvent::Progress { .. } => "progress",
        JobEvent::End { .. } => "end",
    };
    Event::default().event(name).json_data(event).unwrap_or_else(|_| Event::default().comment("unreadable"))
}
