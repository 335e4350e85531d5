//! `gangway:plugin/log`: a plugin's messages, with the system and the job they belong to, bounded in
//! size and number.

use crate::bindings::v0_1::gangway::plugin::log::{Host, Level};
use crate::guest::GuestState;
use crate::limits::Limits;
use crate::scope::Scope;
use std::sync::{Mutex, PoisonError};

/// The target of all lines of plugins, for filters.
const TARGET: &str = "gangway::plugin";
/// Fields of one line.
const FIELDS: usize = 32;

impl Host for GuestState {
    async fn log(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        match self.scope.log.admit(self.scope.clock.now_ms()) {
            Admission::Pass => {}
            Admission::Drop => return,
            Admission::First => {
                write(
                    &self.scope,
                    Level::Warn,
                    &format!(
                        "the plugin logs more than {} lines a second; what is more is dropped",
                        self.limits.log_lines_per_second
                    ),
                    "",
                );
                return;
            }
            Admission::Again { dropped } => {
                write(&self.scope, Level::Warn, &format!("{dropped} lines of the plugin were dropped"), "");
            }
        }
        let mut room = self.limits.log_line_bytes;
        let message = cut(&message, &mut room);
        let mut text = String::new();
        let count = fields.len();
        for (key, value) in fields.into_iter().take(FIELDS) {
            if room == 0 {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&cut(&key, &mut room));
            text.push('=');
            text.push_str(&cut(&value, &mut room));
        }
        if room == 0 || count > FIELDS {
            text.push_str(" (cut)");
        }
        write(&self.scope, level, &message, &text);
    }
}

fn write(scope: &Scope, level: Level, message: &str, fields: &str) {
    let plugin = scope.plugin.as_str();
    let (tenant, system, job) = match &scope.open {
        Some(open) => (open.system.tenant.as_str(), open.system.name.as_str(), open.job.as_str()),
        None => ("", "", ""),
    };
    macro_rules! line {
        ($level:ident) => {
            tracing::event!(target: TARGET, tracing::Level::$level, tenant, system, job, plugin, fields, "{message}")
        };
    }
    match level {
        Level::Trace => line!(TRACE),
        Level::Debug => line!(DEBUG),
        Level::Info => line!(INFO),
        Level::Warn => line!(WARN),
        Level::Error => line!(ERROR),
    }
}

/// As much of the text as there is room for, on one line: a plugin cannot forge another's line.
fn cut(text: &str, room: &mut usize) -> String {
    let mut kept = String::with_capacity(text.len().min(*room));
    for c in text.chars() {
        if c.len_utf8() > *room {
            *room = 0;
            break;
        }
        *room -= c.len_utf8();
        if c.is_control() { kept.extend(c.escape_default()) } else { kept.push(c) }
    }
    kept
}

/// How many lines a system's plugin may still write.
#[derive(Debug)]
pub(crate) struct LogGate {
    per_second: u64,
    bucket: Mutex<Bucket>,
}

/// In thousandths of a line.
#[derive(Debug)]
struct Bucket {
    tokens: u64,
    at_ms: u64,
    dropped: u64,
}

#[derive(PartialEq, Eq, Debug)]
enum Admission {
    Pass,
    /// The first line too many.
    First,
    Drop,
    /// There is room again.
    Again {
        dropped: u64,
    },
}

impl LogGate {
    pub(crate) fn new(limits: &Limits) -> Self {
        let per_second = u64::from(limits.log_lines_per_second);
        Self { per_second, bucket: Mutex::new(Bucket { tokens: per_second * 10_000, at_ms: 0, dropped: 0 }) }
    }

    fn admit(&self, now_ms: u64) -> Admission {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now_ms.saturating_sub(bucket.at_ms);
        bucket.at_ms = now_ms;
        bucket.tokens = bucket
            .tokens
            .saturating_add(elapsed.saturating_mul(self.per_second))
            .min(self.per_second * 10_000);
        // After a flood it takes a second's worth before lines pass again, so that the notice itself
        // does not become the flood.
        let needed = if bucket.dropped > 0 { (self.per_second * 1_000).max(1_000) } else { 1_000 };
        if bucket.tokens < needed {
            bucket.dropped += 1;
            return if bucket.dropped == 1 { Admission::First } else { Admission::Drop };
        }
        bucket.tokens -= 1_000;
        match std::mem::take(&mut bucket.dropped) {
            0 => Admission::Pass,
            dropped => Admission::Again { dropped },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_announced_once_and_counted() {
        let gate = LogGate::new(&Limits { log_lines_per_second: 10, ..Limits::default() });
        let passed = (0..1_000).filter(|_| gate.admit(5_000) == Admission::Pass).count();
        assert_eq!(passed, 100);
        assert_eq!(gate.admit(5_001), Admission::Drop);
        assert_eq!(gate.admit(5_900), Admission::Drop);
        assert_eq!(gate.admit(6_100), Admission::Again { dropped: 902 });
        assert_eq!(gate.admit(6_100), Admission::Pass);
    }

    #[test]
    fn lines_stay_lines_and_within_their_size() {
        let mut room = 10;
        assert_eq!(cut("a\nb\u{1b}[c", &mut room), "a\\nb\\u{1b}[c");
        assert_eq!(room, 4);
        assert_eq!(cut("dé", &mut room), "dé");
        assert_eq!(cut("éé", &mut room), "");
        assert_eq!(room, 0);
    }
}
