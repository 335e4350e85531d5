//! How fast a system is called: one pacer for each, shared by all jobs of the process.

use crate::config::Limits;
use places::{Place, Places};
use rate::Rate;
pub(crate) use rate::RateLimit;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

mod places;
mod rate;

/// A system that asks for more than this is asked again after it: nobody means a year.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Why a request is not sent now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// The system asked for a longer rest than the engine waits.
    Resting(Duration),
    /// The server could not be reached several times in a row.
    Unreachable {
        /// How often.
        failures: u32,
        /// When it is tried again.
        again: Duration,
        /// What the last attempt said.
        last: String,
    },
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    last: String,
}

/// The pace of one system.
pub(crate) struct Pacer {
    places: Arc<Places>,
    rate: Option<Rate>,
    streams: Arc<Semaphore>,
    paused_until: Mutex<Option<Instant>>,
    breakers: Mutex<HashMap<String, Breaker>>,
    limits: Limits,
}

impl Pacer {
    pub(crate) fn new(limit: usize, rate: Option<RateLimit>, limits: Limits) -> Self {
        Self {
            places: Places::new(limit),
            rate: rate.map(Rate::new),
            streams: Arc::new(Semaphore::new(limits.streams)),
            paused_until: Mutex::new(None),
            breakers: Mutex::new(HashMap::new()),
            limits,
        }
    }

    /// Requests at once.
    pub(crate) fn limit(&self) -> usize {
        self.places.limit()
    }

    /// Requests in a stretch of time.
    pub(crate) fn rate(&self) -> Option<RateLimit> {
        self.rate.as_ref().map(|rate| rate.limit)
    }

    /// Adapts to what the system answered.
    pub(crate) fn answered(&self, status: u16) {
        match status {
            429 | 503 => self.places.slower(),
            _ => self.places.faster(),
        }
    }

    /// Waits for the system's turn: a free place, the rate it bears, and the end of a rest it asked for.
    /// Places are given in the order of asking.
    pub(crate) async fn admit(&self) -> Result<Place, Held> {
        let place = self.places.take().await;
        if let Some(rate) = &self.rate {
            rate.turn().await;
        }
        while let Some(rest) = self.rest() {
            if rest > self.limits.retry_after {
                return Err(Held::Resting(rest));
            }
            tokio::time::sleep(rest).await;
        }
        Ok(place)
    }

    /// A place for a stream, if there is one.
    pub(crate) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        self.streams.clone().try_acquire_owned().ok()
    }

    /// How long the system still rests.
    fn rest(&self) -> Option<Duration> {
        let until = (*lock(&self.paused_until))?;
        let rest = until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    /// The system asked to be left alone: every request to it waits. A longer rest stands.
    pub(crate) fn pause(&self, rest: Duration) {
        let until = Instant::now() + rest.min(PAUSE_MAX);
        let mut paused = lock(&self.paused_until);
        if paused.is_none_or(|current| current < until) {
            *paused = Some(until);
        }
    }

    /// Whether a server may be tried: not shortly after several failures in a row. After that pause
    /// a single failure is enough for another one.
    pub(crate) fn try_server(&self, authority: &str) -> Result<(), Held> {
        let breakers = lock(&self.breakers);
        let Some(breaker) = breakers.get(authority) else { return Ok(()) };
        let Some(until) = breaker.open_until else { return Ok(()) };
        let again = until.saturating_duration_since(Instant::now());
        if again.is_zero() {
            return Ok(());
        }
        Err(Held::Unreachable { failures: breaker.failures, again, last: breaker.last.clone() })
    }

    /// A connection came about.
    pub(crate) fn reached(&self, authority: &str) {
        let mut breakers = lock(&self.breakers);
        if !breakers.is_empty() {
            breakers.remove(authority);
        }
    }

    /// No connection came about.
    pub(crate) fn unreachable(&self, authority: &str, reason: &str) {
        let mut breakers = lock(&self.breakers);
        let breaker = breakers.entry(authority.to_owned()).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        reason.clone_into(&mut breaker.last);
        if breaker.failures >= self.limits.breaker_failures {
            breaker.open_until = Some(Instant::now() + self.limits.breaker_pause);
        }
    }
}

/// A panic elsewhere leaves these maps whole: each change is one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(limit: usize) -> Arc<Pacer> {
        Arc::new(Pacer::new(limit, None, Limits::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_holds_every_request_until_it_is_over() {
        let pacer = pacer(4);
        pacer.pause(Duration::from_secs(7));
        pacer.pause(Duration::from_secs(3));
        let start = Instant::now();
        let (a, b) = tokio::join!(pacer.admit(), pacer.admit());
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(start.elapsed().as_secs(), 7);
        assert!(pacer.admit().await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_longer_than_the_engine_waits_is_answered_at_once() {
        let pacer = pacer(1);
        pacer.pause(Duration::from_secs(86_400));
        let start = Instant::now();
        let Err(Held::Resting(rest)) = pacer.admit().await else { panic!("was admitted") };
        assert_eq!(rest, PAUSE_MAX);
        assert!(start.elapsed().is_zero());
        // Once the rest is short enough it is waited for.
        tokio::time::advance(PAUSE_MAX - Duration::from_secs(60)).await;
        assert!(pacer.admit().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_at_once_than_the_limit() {
        let pacer = pacer(2);
        let first = pacer.admit().await.unwrap();
        let _second = pacer.admit().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(1), pacer.admit()).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(1), pacer.admit()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_server_is_left_alone_for_a_while() {
        let pacer = pacer(2);
        let limits = Limits::default();
        for n in 0..limits.breaker_failures {
            assert!(pacer.try_server("a:1").is_ok(), "{n}");
            pacer.unreachable("a:1", "refused");
        }
        let held = pacer.try_server("a:1").unwrap_err();
        assert_eq!(
            held,
            Held::Unreachable {
                failures: limits.breaker_failures,
                again: limits.breaker_pause,
                last: "refused".to_owned()
            }
        );
        assert!(pacer.try_server("b:1").is_ok());
        tokio::time::advance(limits.breaker_pause).await;
        assert!(pacer.try_server("a:1").is_ok());
        pacer.unreachable("a:1", "refused");
        assert!(pacer.try_server("a:1").is_err(), "one more failure is enough");
        tokio::time::advance(limits.breaker_pause).await;
        pacer.reached("a:1");
        pacer.unreachable("a:1", "refused");
        assert!(pacer.try_server("a:1").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_forgets_the_failures_before_it() {
        let pacer = pacer(2);
        for _ in 0..20 {
            for _ in 1..Limits::default().breaker_failures {
                pacer.unreachable("a:1", "refused");
            }
            pacer.reached("a:1");
        }
        assert!(pacer.try_server("a:1").is_ok());
    }
}
