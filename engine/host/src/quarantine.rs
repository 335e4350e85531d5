//! A plugin that keeps crashing is slowed down, and then stopped, where everybody sees it.

use gangway_model::{PluginError, code};
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When crashes become a crash loop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrashPolicy {
    /// This many crashes within `window` quarantine the plugin.
    pub crashes: usize,
    /// How long a crash counts.
    pub window: Duration,
    /// The pause after the second crash in the window; doubles with each further one. The first
    /// has none: it may have been one bad record.
    pub back_off: Duration,
}

impl Default for CrashPolicy {
    fn default() -> Self {
        Self { crashes: 5, window: Duration::from_secs(600), back_off: Duration::from_secs(1) }
    }
}

/// How a plugin is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "state")]
pub enum PluginState {
    /// Calls go through.
    Ready,
    /// Calls are refused for a while.
    BackingOff {
        /// Until then, in milliseconds since 1970.
        until_ms: u64,
    },
    /// Calls are refused until an administrator releases it or loads another version.
    Quarantined {
        /// Since then, in milliseconds since 1970.
        since_ms: u64,
    },
}

/// The end of an instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Crash {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What happened, with the wasm backtrace and the end of the plugin's own output.
    pub text: String,
}

/// The health of one loaded version of a plugin.
#[derive(Debug)]
pub(crate) struct Health {
    policy: CrashPolicy,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    recent: VecDeque<u64>,
    total: u64,
    last: Option<Crash>,
    pause_until: u64,
    quarantined: Option<u64>,
}

impl Health {
    pub(crate) fn new(policy: CrashPolicy) -> Self {
        Self { policy, record: Mutex::default() }
    }

    pub(crate) fn state(&self, now_ms: u64) -> PluginState {
        let record = self.record();
        match record.quarantined {
            Some(since_ms) => PluginState::Quarantined { since_ms },
            None if now_ms < record.pause_until => PluginState::BackingOff { until_ms: record.pause_until },
            None => PluginState::Ready,
        }
    }

    /// Crashes since loading, and the last of them.
    pub(crate) fn crashes(&self) -> (u64, Option<Crash>) {
        let record = self.record();
        (record.total, record.last.clone())
    }

    /// Whether a call may go through; the error says what to do. `plugin` is its name, for messages.
    pub(crate) fn admit(&self, plugin: &impl Display, id: &str, now_ms: u64) -> Result<(), PluginError> {
        let state = self.state(now_ms);
        if state == PluginState::Ready {
            return Ok(());
        }
        let last = self.crashes().1.map(|crash| first_line(&crash.text)).unwrap_or_default();
        Err(match state {
            PluginState::BackingOff { until_ms } => PluginError {
                retry_after_ms: Some(until_ms.saturating_sub(now_ms)),
                ..PluginError::new(
                    code::UNAVAILABLE,
                    format!("{plugin} crashed repeatedly and is left alone for a while; last: {last}"),
                )
            },
            _ => PluginError::new(
                code::UNAVAILABLE,
                format!(
                    "{plugin} is quarantined after {} crashes within {} s; last: {last}. Load a version \
                     that does not crash, roll back, or release it: gangway plugin release {id}",
                    self.policy.crashes,
                    self.policy.window.as_secs(),
                ),
            )
            .with("state", "quarantined"),
        })
    }

    /// Records a crash; true if it was the one that quarantines.
    pub(crate) fn crashed(&self, now_ms: u64, text: String) -> bool {
        let window = u64::try_from(self.policy.window.as_millis()).unwrap_or(u64::MAX);
        let back_off = u64::try_from(self.policy.back_off.as_millis()).unwrap_or(u64::MAX);
        let mut record = self.record();
        record.total += 1;
        record.last = Some(Crash { at_ms: now_ms, text });
        record.recent.push_back(now_ms);
        while record.recent.front().is_some_and(|at| at.saturating_add(window) < now_ms) {
            record.recent.pop_front();
        }
        let recent = record.recent.len();
        if recent >= self.policy.crashes {
            let first = record.quarantined.is_none();
            record.quarantined.get_or_insert(now_ms);
            return first;
        }
        if let Some(doublings) = recent.checked_sub(2) {
            let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
            let factor = 2_u64.checked_pow(doublings).unwrap_or(u64::MAX);
            record.pause_until = now_ms.saturating_add(back_off.saturating_mul(factor));
        }
        false
    }

    /// An administrator's decision: the crashes so far no longer count.
    pub(crate) fn release(&self) {
        let mut record = self.record();
        record.recent.clear();
        record.pause_until = 0;
        record.quarantined = None;
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(CrashPolicy::default())
    }

    #[test]
    fn the_first_crash_has_no_consequence() {
        let health = health();
        health.crashed(1_000, "boom".into());
        assert_eq!(health.state(1_000), PluginState::Ready);
        assert_eq!(health.crashes(), (1, Some(Crash { at_ms: 1_000, text: "boom".into() })));
    }

    #[test]
    fn pauses_double_and_then_it_is_quarantined() {
        let health = health();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            health.crashed(0, "boom".into());
            pauses.push(match health.state(0) {
                PluginState::BackingOff { until_ms } => until_ms,
                _ => 0,
            });
        }
        assert_eq!(pauses, [0, 1_000, 2_000, 4_000]);
        let error = health.admit(&"chaos 0.1.0", "chaos", 1_000).unwrap_err();
        assert_eq!((error.code.as_str(), error.retry_after_ms), (code::UNAVAILABLE, Some(3_000)));
        assert!(health.admit(&"chaos 0.1.0", "chaos", 4_000).is_ok());
        assert!(health.crashed(4_000, "boom\nbacktrace".into()));
        assert!(!health.crashed(4_001, "boom\nbacktrace".into()));
        assert_eq!(health.state(u64::MAX), PluginState::Quarantined { since_ms: 4_000 });
        let error = health.admit(&"chaos 0.1.0", "chaos", u64::MAX).unwrap_err();
        assert!(error.message.contains("gangway plugin release chaos"), "{error}");
        assert!(error.message.contains("last: boom."), "{error}");
        health.release();
        assert_eq!(health.state(5_000), PluginState::Ready);
    }

    #[test]
    fn old_crashes_do_not_count() {
        let health = health();
        for hour in 0..10 {
            assert!(!health.crashed(hour * 3_600_000, "boom".into()));
        }
        assert_eq!(health.state(u64::MAX), PluginState::Ready);
    }
}
