//! How often a tenant's own APIs may be asked.
//!
//! Up to a number of requests of a minute are answered at once, some more after a delay, and after those none
//! for a while. The numbers are the caller's: each API has its own.

use gangway_model::TenantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE_MS: u64 = 60_000;

/// How many requests of a minute are answered, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rates {
    /// So many at once.
    pub(crate) free: u32,
    /// So many at all.
    pub(crate) most: u32,
    /// How long those in between wait.
    pub(crate) delay: Duration,
    /// For how long nothing is answered after that.
    pub(crate) shut_ms: u64,
}

impl Rates {
    /// Those of a tenant's directory.
    pub(crate) const DIRECTORY: Self = Self::of(200, 280);
    /// Those of what other systems send a tenant: events of real time now, requests to proxies with them one day.
    pub(crate) const INBOUND: Self = Self::of(150, 200);

    const fn of(free: u32, most: u32) -> Self {
        Self { free, most, delay: Duration::from_secs(1), shut_ms: MINUTE_MS }
    }
}

/// The limits of every tenant.
#[derive(Debug)]
pub(crate) struct Tenants {
    rates: Rates,
    tenants: Mutex<HashMap<TenantId, Arc<Limits>>>,
}

impl Tenants {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, tenants: Mutex::default() }
    }

    /// Those of one tenant.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<Limits> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Limits::new(self.rates));
        tenants.entry(tenant.clone()).or_insert_with(new).clone()
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    Now,
    Later(Duration),
    /// With the seconds until the next may come.
    Refused(u64),
}

/// The requests of the running minute.
#[derive(Debug)]
pub(crate) struct Limits {
    rates: Rates,
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    start_ms: u64,
    count: u32,
    refused_until_ms: u64,
}

impl Limits {
    fn new(rates: Rates) -> Self {
        Self { rates, minute: Mutex::default() }
    }

    pub(crate) fn admit(&self, now_ms: u64) -> Admission {
        let rates = self.rates;
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms < minute.refused_until_ms {
            return Admission::Refused((minute.refused_until_ms - now_ms).div_ceil(1000));
        }
        if now_ms.saturating_sub(minute.start_ms) >= MINUTE_MS || now_ms < minute.start_ms {
            *minute = Minute { start_ms: now_ms, ..Minute::default() };
        }
        minute.count += 1;
        if minute.count > rates.most {
            *minute = Minute { refused_until_ms: now_ms + rates.shut_ms, ..Minute::default() };
            return Admission::Refused(rates.shut_ms.div_ceil(1000));
        }
        if minute.count > rates.free { Admission::Later(rates.delay) } else { Admission::Now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks with these rates: so many pass, the next wait, and then nothing passes until it opens again.
    fn passes(rates: Rates) {
        let limits = Limits::new(rates);
        let mut now = 1_000_000;
        let mut next = |by: u64| {
            now += by;
            limits.admit(now)
        };
        let later = Admission::Later(rates.delay);
        assert!((0..rates.free).all(|_| next(1) == Admission::Now));
        assert!((rates.free..rates.most).all(|_| next(1) == later));
        assert_eq!(next(0), Admission::Refused(60));
        assert_eq!(next(30_000), Admission::Refused(30));
        assert_eq!(next(30_000), Admission::Now);
        // The next minute counts anew.
        assert!((1..rates.free).all(|_| next(1) == Admission::Now));
        assert_eq!(next(1), later);
        assert_eq!(next(60_000), Admission::Now);
    }

    #[test]
    fn f140_two_hundred_a_minute_pass_eighty_wait_and_then_a_minute_is_shut() {
        assert_eq!((Rates::DIRECTORY.free, Rates::DIRECTORY.most), (200, 280));
        passes(Rates::DIRECTORY);
    }

    #[test]
    fn f139_a_tenant_is_slowed_down_above_150_a_minute_and_refused_above_200() {
        assert_eq!((Rates::INBOUND.free, Rates::INBOUND.most), (150, 200));
        passes(Rates::INBOUND);
        let tenants = Tenants::new(Rates::INBOUND);
        let (one, other) = (TenantId::new("one"), TenantId::new("other"));
        assert!((0..200).all(|_| !matches!(tenants.of(&one).admit(1), Admission::Refused(_))));
        assert_eq!(tenants.of(&one).admit(1), Admission::Refused(60));
        assert_eq!(tenants.of(&other).admit(1), Admission::Now);
    }
}
