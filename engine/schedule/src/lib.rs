//! When a recurring job is due.
//!
//! A [`Schedule`] has a [`Period`]: an interval, or weekdays with a time of day. Its points are a fixed
//! grid: they depend on nothing that happens, least of all on how long a job takes. The time is a
//! parameter everywhere.

#![forbid(unsafe_code)]

mod period;
#[cfg(test)]
mod tests;

pub use period::{Day, Period, PeriodBody};

pub use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A point that is older when somebody looks is missed: the engine was down, or the machine asleep.
pub const GRACE_MS: u64 = 60_000;

/// A period with its switch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Which points there are.
    pub period: Period,
    /// Whether anything happens at them.
    pub active: bool,
    /// The grid of an interval starts here: when it was turned on, or its period changed. Milliseconds
    /// since 1970.
    pub since_ms: u64,
}

impl Schedule {
    /// The first point after a time. None only beyond the calendar.
    pub fn next(&self, after_ms: u64, zone: &TimeZone) -> Option<u64> {
        match &self.period {
            Period::Every { seconds } => {
                let step = seconds.checked_mul(1000).filter(|step| *step > 0)?;
                let passed = after_ms.saturating_sub(self.since_ms) / step;
                self.since_ms.checked_add(step.checked_mul(passed + 1)?)
            }
            Period::Weekly { days, time } => {
                let after = Timestamp::from_millisecond(i64::try_from(after_ms).ok()?).ok()?;
                let mut date = after.to_zoned(zone.clone()).date();
                // Today's point may be over, and so may that of the same day next week.
                for _ in 0..=8 {
                    if days.iter().any(|day| day.is(date.weekday())) {
                        // A local time that the clocks skip comes as much later as they skip; one that they
                        // repeat comes the first time.
                        let point = zone.to_ambiguous_zoned(date.to_datetime(*time)).compatible().ok()?;
                        if point.timestamp() > after {
                            return u64::try_from(point.timestamp().as_millisecond()).ok();
                        }
                    }
                    date = date.checked_add(1.day()).ok()?;
                }
                None
            }
        }
    }

    /// The next points after a time.
    pub fn upcoming(&self, after_ms: u64, zone: &TimeZone, count: usize) -> Vec<u64> {
        let next = |after: &u64| self.next(*after, zone);
        std::iter::successors(self.next(after_ms, zone), next).take(count).collect()
    }

    /// The point to act on now, if there is one that nobody has looked at since `from_ms`. Of several only
    /// the last counts, and none that is older than [`GRACE_MS`]: what was missed is not made up for.
    pub fn due(&self, from_ms: u64, now_ms: u64, zone: &TimeZone) -> Option<u64> {
        if !self.active {
            return None;
        }
        let mut point = self.next(from_ms.max(now_ms.saturating_sub(GRACE_MS)), zone)?;
        while let Some(later) = self.next(point, zone).filter(|later| *later <= now_ms) {
            point = later;
        }
        Some(point).filter(|point| *point <= now_ms)
    }
}

/// The time zone of an IANA name such as `Europe/Berlin`.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("{name:?} is no time zone: give a name of the IANA database, such as Europe/Berlin or UTC")
    })
}

/// A time span as people write it: `30m`, `1h 30m`, `PT30M`; a bare number counts minutes.
pub fn time_span(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let parsed = match text.parse::<u64>() {
        Ok(minutes) => minutes.checked_mul(60),
        Err(_) => text.parse::<SignedDuration>().ok().and_then(|span| u64::try_from(span.as_secs()).ok()),
    };
    parsed.filter(|seconds| *seconds > 0).ok_or_else(|| {
        format!("{text:?} is no time span: give minutes, or a number with a unit such as 30m or 2h")
    })
}

/// Seconds as [`time_span`] reads them.
pub fn show_span(seconds: u64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds % 3600 / 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}
