//! Tells watchers of a running job what has become durable.

use gangway_model::{Job, JobEvent};
use tokio::sync::broadcast;

/// A watcher that falls this far behind misses steps, not the job's state: each event holds all of it.
const BACKLOG: usize = 64;

/// The sending side of one job's events.
#[derive(Clone)]
pub(crate) struct Progress(broadcast::Sender<JobEvent>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.0.subscribe()
    }

    /// Nobody watching is no error.
    pub(crate) fn step(&self, job: &Job, total: Option<u64>) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(JobEvent::Progress { job: Box::new(job.clone()), total });
        }
    }

    pub(crate) fn end(&self, job: &Job) {
        let _ = self.0.send(JobEvent::End { job: Box::new(job.clone()) });
    }
}
