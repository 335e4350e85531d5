//! How often a tenant's directory may be asked, where the tenant's settings limit it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const MINUTE_MS: u64 = 60_000;
/// Requests of a minute that are answered at once.
const FREE: u32 = 200;
/// Requests of a minute that are answered at all.
const MOST: u32 = 280;
const DELAY: Duration = Duration::from_secs(1);

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    Now,
    Later(Duration),
    /// With the seconds until the next may come.
    Refused(u64),
}

/// The requests of the running minute.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    start_ms: u64,
    count: u32,
    refused_until_ms: u64,
}

impl Limits {
    pub(crate) fn admit(&self, now_ms: u64) -> Admission {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms < minute.refused_until_ms {
            return Admission::Refused((minute.refused_until_ms - now_ms).div_ceil(1000));
        }
        if now_ms.saturating_sub(minute.start_ms) >= MINUTE_MS || now_ms < minute.start_ms {
            *minute = Minute { start_ms: now_ms, ..Minute::default() };
        }
        minute.count += 1;
        if minute.count > MOST {
            *minute = Minute { refused_until_ms: now_ms + MINUTE_MS, ..Minute::default() };
            return Admission::Refused(MINUTE_MS / 1000);
        }
        if minute.count > FREE { Admission::Later(DELAY) } else { Admission::Now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_a_minute_pass_eighty_wait_and_then_a_minute_is_shut() {
        let limits = Limits::default();
        let mut now = 1_000_000;
        let mut next = |by: u64| {
            now += by;
            limits.admit(now)
        };
        assert!((0..200).all(|_| next(1) == Admission::Now));
        assert!((200..280).all(|_| next(1) == Admission::Later(DELAY)));
        assert_eq!(next(0), Admission::Refused(60));
        assert_eq!(next(30_000), Admission::Refused(30));
        assert_eq!(next(30_000), Admission::Now);
        // The next minute counts anew.
        assert!((0..199).all(|_| next(1) == Admission::Now));
        assert_eq!(next(1), Admission::Later(DELAY));
        assert_eq!(next(60_000), Admission::Now);
    }
}
