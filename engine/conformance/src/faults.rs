//! Servers that misbehave: answers given to the plugin in place of the network's.

use async_trait::async_trait;
use gangway_egress::{HttpRequest, HttpResponse};
use gangway_host::Interposer;
use gangway_model::{PluginError, System, code};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What goes wrong with every request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// An answer with this status, media type and body.
    Answer(u16, &'static str, &'static [u8]),
    /// 429 with `Retry-After`, until that time is over.
    SlowDown,
    /// No answer at all: the host's error.
    None(&'static str),
    /// The server says nothing until the job is stopped.
    Silence,
}

/// The seconds of `Retry-After`.
pub(crate) const RETRY_AFTER_S: u64 = 2;
/// How often a silent server looks whether the job is being stopped.
const LOOK: Duration = Duration::from_millis(10);

/// Injects one fault.
pub(crate) struct Faults {
    fault: Fault,
    cancelled: Arc<AtomicBool>,
    hits: AtomicUsize,
    first: OnceLock<Instant>,
}

impl Faults {
    pub(crate) fn new(fault: Fault, cancelled: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self { fault, cancelled, hits: AtomicUsize::new(0), first: OnceLock::new() })
    }

    /// How many requests met it.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Interposer for Faults {
    async fn answer(&self, _: &System, request: &HttpRequest) -> Option<Result<HttpResponse, PluginError>> {
        self.hits.fetch_add(1, Ordering::SeqCst);
        let response = |status, headers: &[(&str, String)], body: &[u8]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Ok(HttpResponse { status, headers, body: body.to_vec() })
        };
        Some(match self.fault {
            Fault::Answer(status, media_type, body) => {
                response(status, &[("content-type", media_type.to_owned())], body)
            }
            Fault::SlowDown => {
                if self.first.get_or_init(Instant::now).elapsed() >= Duration::from_secs(RETRY_AFTER_S) {
                    return None;
                }
                let headers =
                    [("content-type", "text/plain".to_owned()), ("retry-after", RETRY_AFTER_S.to_string())];
                response(429, &headers, b"too many requests")
            }
            Fault::None(code) => Err(PluginError::new(
                code,
                format!("no answer to {} {} (injected)", request.method, request.url),
            )),
            Fault::Silence => {
                while !self.cancelled.load(Ordering::SeqCst) {
                    tokio::time::sleep(LOOK).await;
                }
                Err(PluginError::new(code::CANCELLED, "the job is being stopped"))
            }
        })
    }
}
