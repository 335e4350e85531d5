//! Whether and when a request is sent again: pure decisions.

use crate::config::Limits;
use crate::matrix::{self, Call, Connector, Exception};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::{Duration, UNIX_EPOCH};

/// Each wait is so many times the one before it.
const GROWTH: u32 = 4;

/// How an attempt ended, as far as repeating it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// With an answer.
    Status {
        /// HTTP status.
        status: u16,
        /// What `Retry-After` said.
        retry_after: Option<Duration>,
    },
    /// No connection came about, so the server has not seen the request.
    NotSent,
    /// The connection was lost, or time ran out, after the request may have been seen.
    Lost,
    /// In a way that a repetition does not change: TLS, a refusal, a limit, nonsense.
    Final,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// The answer or error goes to the plugin.
    Stop,
    /// This request again after a while; others go on.
    Wait(Duration),
    /// The whole system rests, then this request again.
    Pause(Duration),
    /// The whole system rests, and the answer goes to the plugin: the rest is too long to wait for,
    /// or the attempts are used up.
    PauseAndStop(Duration),
}

/// What a system's properties allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryRules {
    /// Repetitions after the first attempt.
    pub(crate) retries: u32,
    /// The longest wait that is not asked for by the system.
    pub(crate) interval: Duration,
    /// What the reference product repeats for this connector, and nothing else.
    pub(crate) parity: Option<Connector>,
}

/// The longest fixed wait after a 502.
const LONGEST_AFTER_502: Duration = Duration::from_secs(50);

/// What the reference product does: a fixed wait, and only for what its table names.
pub(crate) fn parity(
    ended: Ended,
    attempt: u32,
    connector: Connector,
    call: Call,
    rules: RetryRules,
) -> Next {
    let exception = match ended {
        Ended::NotSent | Ended::Lost => Exception::Timeout,
        Ended::Status { status: 429, .. } => Exception::TooManyRequests,
        Ended::Status { status: 502, .. } => Exception::BadGateway,
        Ended::Status { status: 403, .. } => Exception::Forbidden,
        Ended::Status { .. } | Ended::Final => return Next::Stop,
    };
    if attempt >= rules.retries || !matrix::repeats(connector, call, exception) {
        return Next::Stop;
    }
    let longest = if exception == Exception::BadGateway { LONGEST_AFTER_502 } else { rules.interval };
    Next::Wait(rules.interval.min(longest))
}

/// The retry matrix of `docs/egress.md`. `attempt` counts from 0; `jitter` is from 0 up to 1.
pub(crate) fn next(
    ended: Ended,
    attempt: u32,
    idempotent: bool,
    rules: RetryRules,
    limits: &Limits,
    jitter: f64,
) -> Next {
    let left = attempt < rules.retries;
    let backoff = |first: Duration| {
        let grown = first.saturating_mul(GROWTH.saturating_pow(attempt)).min(rules.interval);
        // From half to the whole: spread, yet never at once.
        Next::Wait(grown.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
    };
    match ended {
        Ended::Final => Next::Stop,
        Ended::Status { status: 429 | 503, retry_after: Some(rest) } => {
            if left && rest <= limits.retry_after { Next::Pause(rest) } else { Next::PauseAndStop(rest) }
        }
        _ if !left => Next::Stop,
        Ended::Status { status: 429, .. } => backoff(limits.throttle),
        Ended::Status { status: 408 | 425 | 500 | 502 | 503 | 504, .. } | Ended::Lost if idempotent => {
            backoff(limits.backoff)
        }
        Ended::NotSent => backoff(limits.backoff),
        Ended::Status { .. } | Ended::Lost => Next::Stop,
    }
}

/// `Retry-After` as seconds or as a date. A date is measured from the server's own `Date`, where it
/// gives one, because its clock and ours may differ.
pub(crate) fn retry_after(headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let now = headers
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .or_else(|| UNIX_EPOCH.checked_add(Duration::from_millis(now_ms)))?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RetryRules = RetryRules { retries: 2, interval: Duration::from_secs(30), parity: None };

    fn status(status: u16) -> Ended {
        Ended::Status { status, retry_after: None }
    }

    fn at(ended: Ended, attempt: u32, idempotent: bool) -> Next {
        next(ended, attempt, idempotent, RULES, &Limits::default(), 1.0)
    }

    #[test]
    fn the_matrix() {
        let half = Next::Wait(Duration::from_millis(500));
        let two = Next::Wait(Duration::from_secs(2));
        // What ended the attempt, next if idempotent, next if not.
        let table = [
            (status(200), Next::Stop, Next::Stop),
            (status(301), Next::Stop, Next::Stop),
            (status(400), Next::Stop, Next::Stop),
            (status(401), Next::Stop, Next::Stop),
            (status(403), Next::Stop, Next::Stop),
            (status(404), Next::Stop, Next::Stop),
            (status(409), Next::Stop, Next::Stop),
            (status(413), Next::Stop, Next::Stop),
            (status(501), Next::Stop, Next::Stop),
            (status(429), two, two),
            (status(408), half, Next::Stop),
            (status(425), half, Next::Stop),
            (status(500), half, Next::Stop),
            (status(502), half, Next::Stop),
            (status(503), half, Next::Stop),
            (status(504), half, Next::Stop),
            (Ended::NotSent, half, half),
            (Ended::Lost, half, Next::Stop),
            (Ended::Final, Next::Stop, Next::Stop),
        ];
        for (ended, idempotent, not) in table {
            assert_eq!(at(ended, 0, true), idempotent, "{ended:?}, idempotent");
            assert_eq!(at(ended, 0, false), not, "{ended:?}, not idempotent");
            assert_eq!(at(ended, 2, true), Next::Stop, "{ended:?}, attempts used up");
        }
    }

    #[test]
    fn what_the_system_asks_for_is_honoured_up_to_the_cap() {
        for code in [429, 503] {
            let ended = |s| Ended::Status { status: code, retry_after: Some(Duration::from_secs(s)) };
            assert_eq!(at(ended(60), 0, false), Next::Pause(Duration::from_secs(60)));
            assert_eq!(at(ended(120), 1, false), Next::Pause(Duration::from_secs(120)));
            assert_eq!(at(ended(121), 0, false), Next::PauseAndStop(Duration::from_secs(121)));
            // The last refusal still tells the others to wait.
            assert_eq!(at(ended(60), 2, false), Next::PauseAndStop(Duration::from_secs(60)));
        }
        // On other answers it means something else (a redirect, a long operation).
        let created = Ended::Status { status: 201, retry_after: Some(Duration::from_secs(5)) };
        assert_eq!(at(created, 0, true), Next::Stop);
    }

    #[test]
    fn f141_waits_grow_up_to_the_interval_and_are_spread() {
        let rules = RetryRules { retries: 3, interval: Duration::from_secs(3), parity: None };
        let wait = |ended, attempt, jitter| next(ended, attempt, true, rules, &Limits::default(), jitter);
        let ms = |ms| Next::Wait(Duration::from_millis(ms));
        assert_eq!([0, 1, 2].map(|n| wait(Ended::Lost, n, 1.0)), [ms(500), ms(2000), ms(3000)]);
        assert_eq!([0, 1, 2].map(|n| wait(status(429), n, 1.0)), [ms(2000), ms(3000), ms(3000)]);
        assert_eq!(wait(Ended::Lost, 0, 0.0), ms(250));
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect::<HeaderMap>()
        };
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        let date = "Sun, 06 Nov 1994 08:49:47 GMT";
        let parsed = |pairs: &[(&'static str, &'static str)]| retry_after(&headers(pairs), now);
        assert_eq!(parsed(&[("retry-after", "17")]), Some(Duration::from_secs(17)));
        assert_eq!(parsed(&[("retry-after", date)]), Some(Duration::from_secs(10)));
        let skewed = [("retry-after", date), ("date", "Sun, 06 Nov 1994 08:49:42 GMT")];
        assert_eq!(parsed(&skewed), Some(Duration::from_secs(5)));
        let past = "Sun, 06 Nov 1994 08:00:00 GMT";
        assert_eq!(parsed(&[("retry-after", past)]), Some(Duration::ZERO));
        for bad in ["-1", "1.5", "soon", "", "99999999999999999999999"] {
            assert_eq!(parsed(&[("retry-after", bad)]), None, "{bad:?}");
        }
        assert_eq!(parsed(&[]), None);
    }
}
