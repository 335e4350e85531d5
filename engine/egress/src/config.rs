use futures_util::future::BoxFuture;
use gangway_model::ports::Clock;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Name resolution, as a parameter: tests give names the addresses they need.
pub trait Lookup: Send + Sync {
    /// All addresses of a host name or address literal.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// What holds for all systems, whatever their properties say.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a response body.
    pub response_bytes: usize,
    /// Bytes of a request body.
    pub request_bytes: usize,
    /// TCP and TLS together, for one address.
    pub connect: Duration,
    /// The longest `Retry-After` that is waited for; a longer one goes to the plugin.
    pub retry_after: Duration,
    /// First wait after a connection error; quadruples with each attempt.
    pub backoff: Duration,
    /// First wait after a 429 without `Retry-After`; quadruples with each attempt.
    pub throttle: Duration,
    /// Connection failures in a row after which a server is left alone for a while.
    pub breaker_failures: u32,
    /// That while.
    pub breaker_pause: Duration,
    /// Byte streams that one system may hold open.
    pub streams: usize,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_bytes: 32 << 20,
            request_bytes: 32 << 20,
            connect: Duration::from_secs(10),
            retry_after: Duration::from_secs(120),
            backoff: Duration::from_millis(500),
            throttle: Duration::from_secs(2),
            breaker_failures: 6,
            breaker_pause: Duration::from_secs(10),
            streams: 64,
            idle: Duration::from_secs(30),
        }
    }
}

/// What [`Egress`](crate::Egress) needs from outside.
#[derive(Clone)]
pub struct EgressConfig {
    /// For `Retry-After` dates.
    pub clock: Arc<dyn Clock>,
    /// Names to addresses.
    pub lookup: Arc<dyn Lookup>,
    /// A number from 0 up to 1: spreads the waits of requests that failed together.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// What holds for all systems.
    pub limits: Limits,
}

impl EgressConfig {
    /// The operating system's resolver, random jitter, default limits.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            lookup: Arc::new(SystemLookup),
            jitter: Arc::new(rand::random::<f64>),
            limits: Limits::default(),
        }
    }
}
