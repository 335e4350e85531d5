//! At most so many requests in any stretch of time.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A limit such as 200 in a minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RateLimit {
    /// Requests.
    pub(crate) count: usize,
    /// In any stretch this long.
    pub(crate) per: Duration,
}

/// Holds a system to its limit by waiting, in the order of asking.
pub(crate) struct Rate {
    pub(crate) limit: RateLimit,
    /// When the last requests went out; never more than the limit.
    sent: Mutex<VecDeque<Instant>>,
}

impl Rate {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, sent: Mutex::default() }
    }

    /// Waits until one more request keeps the limit.
    pub(crate) async fn turn(&self) {
        // Who waits inside holds the others up behind it: that is the order of asking.
        let mut sent = self.sent.lock().await;
        if sent.len() >= self.limit.count {
            if let Some(oldest) = sent.front() {
                tokio::time::sleep_until(*oldest + self.limit.per).await;
            }
            sent.pop_front();
        }
        sent.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::testing::system;

    #[tokio::test(start_paused = true)]
    async fn f138_jam_gets_at_most_200_requests_in_any_minute() {
        for properties in [vec![], vec![("http.rate.limit", "1000/min")]] {
            let mut properties = properties;
            properties.push(("ips.system.type", "SAP Jam"));
            let limit = Settings::of(&system(&properties)).unwrap().rate.unwrap();
            let rate = Rate::new(limit);
            let mut times = Vec::new();
            for number in 0..1000_u64 {
                rate.turn().await;
                times.push(Instant::now());
                // An answer takes a while.
                tokio::time::advance(Duration::from_millis(number % 7 * 10)).await;
            }
            for (first, after) in times.iter().zip(times.iter().skip(200)) {
                assert!(*after - *first >= Duration::from_secs(60));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_gives_up_takes_nobodys_turn() {
        let rate = Rate::new(RateLimit { count: 1, per: Duration::from_secs(10) });
        let start = Instant::now();
        rate.turn().await;
        assert!(tokio::time::timeout(Duration::from_secs(3), rate.turn()).await.is_err());
        rate.turn().await;
        assert_eq!(start.elapsed().as_secs(), 10);
        rate.turn().await;
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
