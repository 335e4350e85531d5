use crate::cancel::Cancel;
use crate::exchange::Exchange;
use crate::message::{HttpRequest, HttpResponse, Prepared};
use crate::resolver::CheckedResolver;
use crate::secret::Secret;
use crate::stream::{Address, Stream};
use futures_util::StreamExt as _;
use futures_util::stream;
use gangway_model::PluginError;
use gangway_model::ports::Reading;
use rustls::ClientConfig;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What all users of one system configuration share.
pub(crate) struct Inner {
    pub(crate) exchange: Exchange,
    pub(crate) resolver: CheckedResolver,
    pub(crate) stream_tls: Arc<ClientConfig>,
    pub(crate) secrets: BTreeMap<String, Secret>,
}

impl Inner {
    pub(crate) fn secret(&self, property: &str) -> Option<&Secret> {
        self.secrets.get(property)
    }
}

/// The way out for one system on behalf of one job.
pub struct SystemEgress {
    pub(crate) inner: Arc<Inner>,
    pub(crate) cancel: Cancel,
    pub(crate) reading: Reading,
}

impl std::fmt::Debug for SystemEgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemEgress").field("system", &self.inner.exchange.system).finish_non_exhaustive()
    }
}

impl SystemEgress {
    /// The same for another way of reading: what is repeated may depend on it.
    #[must_use]
    pub fn reading(&self, reading: Reading) -> Self {
        Self { inner: self.inner.clone(), cancel: self.cancel.clone(), reading }
    }

    /// Sends a request. Any HTTP status is an answer, a redirect too: whoever follows it sends a new
    /// request, which is checked like any other.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let exchange = &self.inner.exchange;
        let request = Prepared::of(request, exchange.settings.timeout, exchange.config.limits.request_bytes)?;
        exchange.send(request, self.reading, &self.cancel).await
    }

    /// The same for many, as many at once as the system's limit allows; answers in the order of the
    /// requests.
    pub async fn send_many(&self, requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, PluginError>> {
        self.send_each(requests, |request| self.send(request)).await
    }

    /// The same, but somebody else sends each of them.
    pub async fn send_each<S: Future<Output = Result<HttpResponse, PluginError>>>(
        &self,
        requests: Vec<HttpRequest>,
        send: impl Fn(HttpRequest) -> S,
    ) -> Vec<Result<HttpResponse, PluginError>> {
        // No more are begun than can run, so that another job's single request does not queue behind
        // a long list.
        let limit = self.inner.exchange.pacer.limit();
        let sends = requests.into_iter().enumerate().map(|(at, request)| {
            let sent = send(request);
            async move { (at, sent.await) }
        });
        let mut answers: Vec<_> = stream::iter(sends).buffer_unordered(limit).collect().await;
        answers.sort_unstable_by_key(|(at, _)| *at);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Opens a byte stream.
    pub async fn connect(&self, address: Address) -> Result<Stream, PluginError> {
        Stream::open(self.inner.clone(), self.cancel.clone(), address).await
    }

    /// The length in bytes of a property that can be written as a secret; none if it is not set.
    pub fn secret_length(&self, property: &str) -> Option<u32> {
        u32::try_from(self.inner.secret(property)?.expose().len()).ok()
    }
}
