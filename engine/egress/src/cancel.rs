use crate::failure;
use gangway_model::PluginError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A stopped job leaves its waits after this long at most.
const POLL: Duration = Duration::from_millis(100);

/// The job's wish to stop.
#[derive(Clone, Debug)]
pub(crate) struct Cancel(pub(crate) Arc<AtomicBool>);

impl Cancel {
    /// Whether the job is being stopped.
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        if self.0.load(Ordering::Relaxed) { Err(failure::cancelled()) } else { Ok(()) }
    }

    /// The work's result, unless the job is stopped first.
    pub(crate) async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T, PluginError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(POLL) => self.check()?,
            }
        }
    }
}
