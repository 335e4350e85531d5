//! What a system's properties say about how much may be deleted, when, and how it may be undone.

use gangway_model::System;

/// Without a threshold of its own, a type loses at most this many entities in one job, or this
/// share, whichever is more.
const DEFAULT_COUNT: u64 = 10;
const DEFAULT_PERCENT: u64 = 10;

/// A read that delivers this much less than the one before is not believed.
const DEFAULT_DROP_PERCENT: u64 = 50;

/// For how long what is needed to undo a job is kept.
const DEFAULT_RETENTION_DAYS: u64 = 7;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// A number of entities, or a share of those there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Amount {
    Unlimited,
    Count(u64),
    Percent(u64),
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("unlimited") {
            return Some(Self::Unlimited);
        }
        match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        }
    }

    /// How many of `all` that is; none for no limit.
    pub(crate) fn of(self, all: u64) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::Count(count) => Some(count),
            Self::Percent(percent) => Some(share(all, percent)),
        }
    }
}

fn share(all: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(all) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// Above how many candidates none is deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Threshold {
    /// No property says anything.
    Default,
    /// The property that says it.
    Set(String, Amount),
}

impl Threshold {
    /// `ips.delete.threshold.users|groups|roles`, else `ips.delete.threshold`. The error is for a value
    /// that is neither a number nor a percentage: nothing is deleted until it is corrected.
    pub(crate) fn of(target: &System, entity_type: &str) -> Result<Self, String> {
        for key in [format!("ips.delete.threshold.{entity_type}s"), "ips.delete.threshold".to_owned()] {
            let Some(value) = target.property(&key).filter(|value| !value.trim().is_empty()) else {
                continue;
            };
            return Amount::parse(value).map(|amount| Self::Set(key.clone(), amount)).ok_or_else(|| {
                format!(
                    "{key} is {value:?}; it must be a whole number without separators, a percentage such as 20%, or \"unlimited\", or be removed"
                )
            });
        }
        Ok(Self::Default)
    }

    /// How many of so many managed entities may go at once; none for no limit.
    pub(crate) fn limit(&self, managed: u64) -> Option<u64> {
        match self {
            Self::Default => Some(DEFAULT_COUNT.max(share(managed, DEFAULT_PERCENT))),
            Self::Set(_, amount) => amount.of(managed),
        }
    }

    /// So many may go whatever the number of managed entities.
    pub(crate) fn sure(&self) -> u64 {
        match self {
            Self::Default => DEFAULT_COUNT,
            Self::Set(_, Amount::Unlimited) => u64::MAX,
            Self::Set(_, Amount::Count(count)) => *count,
            Self::Set(_, Amount::Percent(_)) => 0,
        }
    }

    /// As an explanation spells it.
    pub(crate) fn spell(&self, managed: u64, limit: u64) -> String {
        match self {
            Self::Default => format!(
                "the default threshold of {limit} (the larger of {DEFAULT_COUNT} and {DEFAULT_PERCENT} % of the {managed} managed)"
            ),
            Self::Set(key, Amount::Percent(percent)) => {
                format!("{key} = {percent}% ({limit} of the {managed} managed)")
            }
            Self::Set(key, _) => format!("{key} = {limit}"),
        }
    }
}

/// `ips.read.drop.limit` of a source: how much less than before a full read may deliver.
pub(crate) fn drop_limit(source: &System) -> Result<Option<Amount>, String> {
    let key = "ips.read.drop.limit";
    let Some(value) = source.property(key).filter(|value| !value.trim().is_empty()) else { return Ok(None) };
    Amount::parse(value)
        .map(Some)
        .ok_or_else(|| format!("{key} is {value:?}; it must be a whole number, a percentage such as 30%, or \"unlimited\", or be removed"))
}

/// Whether a read of `now` entities is too few after one of `before`, by this limit or the default.
pub(crate) fn is_drop(limit: Option<Amount>, before: u64, now: u64) -> bool {
    let less = before.saturating_sub(now);
    let allowed = match limit {
        Some(amount) => amount.of(before),
        None => Some(DEFAULT_COUNT.max(share(before, DEFAULT_DROP_PERCENT))),
    };
    allowed.is_some_and(|allowed| less > allowed)
}

/// For how long an entity must be missing before its counterpart is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grace {
    pub(crate) reads: u32,
    pub(crate) hours: u64,
}

impl Grace {
    /// `ips.delete.grace.reads` and `ips.delete.grace.hours`; none if neither says anything.
    pub(crate) fn of(target: &System) -> Result<Option<Self>, String> {
        let number = |key: &str| {
            let Some(value) = target.property(key).filter(|value| !value.trim().is_empty()) else {
                return Ok(0);
            };
            value
                .trim()
                .parse::<u32>()
                .map_err(|_| format!("{key} is {value:?}; it must be a whole number, or be removed"))
        };
        let (reads, hours) = (number("ips.delete.grace.reads")?, number("ips.delete.grace.hours")?);
        Ok((reads > 1 || hours > 0).then_some(Self { reads: reads.max(1), hours: u64::from(hours) }))
    }

    /// Whether an absence of so many reads and milliseconds has lasted long enough.
    pub(crate) fn is_over(self, reads: u32, ms: u64) -> bool {
        reads >= self.reads && ms >= self.hours.saturating_mul(HOUR_MS)
    }
}

/// `ips.delete.gate.per.entity.type`: failed entities of the source hold the deletions of their own type
/// only.
pub(crate) fn gates_by_type(target: &System) -> bool {
    target.flag("ips.delete.gate.per.entity.type", false)
}

/// `ips.delete.keep.disabled`: what gets content in place of a deletion is managed on.
pub(crate) fn keeps_disabled(target: &System) -> bool {
    target.flag("ips.delete.keep.disabled", false)
}

/// `*.user.update.instead.delete`: false deletes although the document has content for a deletion.
pub(crate) fn updates_instead(target: &System, entity_type: &str) -> bool {
    let value = crate::policy::specific(target, &format!(".{entity_type}.update.instead.delete"));
    !matches!(value.map(|v| v.to_ascii_lowercase()).as_deref(), Some("false" | "disabled"))
}

/// What is remembered of target entities before they are changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Remember {
    Nothing,
    Deletions,
    Everything,
}

/// `ips.undo`: `off`, `deletions` (the default) or `all`.
pub(crate) fn remembers(target: &System) -> Remember {
    match target.property("ips.undo").map(|v| v.trim().to_ascii_lowercase()).as_deref() {
        Some("off" | "false" | "disabled") => Remember::Nothing,
        Some("all" | "true" | "enabled") => Remember::Everything,
        _ => Remember::Deletions,
    }
}

/// `ips.undo.retention.days`: when what is remembered now is forgotten.
pub(crate) fn remembered_until(target: &System, now_ms: u64) -> u64 {
    let days = target.property("ips.undo.retention.days").and_then(|v| v.trim().parse().ok());
    now_ms.saturating_add(days.unwrap_or(DEFAULT_RETENTION_DAYS).saturating_mul(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::system;

    fn threshold(properties: &[(&str, &str)], kind: &str, managed: u64) -> Option<u64> {
        Threshold::of(&system("scim2", properties), kind).unwrap().limit(managed)
    }

    #[test]
    fn the_default_threshold_is_the_larger_of_ten_and_ten_percent() {
        assert_eq!(threshold(&[], "user", 5), Some(10));
        assert_eq!(threshold(&[], "user", 100), Some(10));
        assert_eq!(threshold(&[], "user", 2_000), Some(200));
    }

    #[test]
    fn thresholds_are_per_type_absolute_relative_or_lifted() {
        let set = [
            ("ips.delete.threshold.users", "500"),
            ("ips.delete.threshold.groups", "20%"),
            ("ips.delete.threshold", "unlimited"),
        ];
        assert_eq!(threshold(&set, "user", 1_000_000), Some(500));
        assert_eq!(threshold(&set, "group", 50), Some(10));
        assert_eq!(threshold(&set, "role", 50), None);
        for wrong in ["x", "1.000", "-1", "101%", "%"] {
            let target = system("scim2", &[("ips.delete.threshold.roles", wrong)]);
            assert!(Threshold::of(&target, "role").is_err_and(|e| e.contains("ips.delete.threshold.roles")));
            assert_eq!(Threshold::of(&target, "user"), Ok(Threshold::Default));
        }
    }

    #[test]
    fn a_drop_is_measured_against_the_read_before() {
        assert!(!is_drop(None, 12, 2), "ten are nothing");
        assert!(!is_drop(None, 100, 50));
        assert!(is_drop(None, 100, 49));
        assert!(!is_drop(None, 100, 200));
        assert!(is_drop(Some(Amount::Percent(5)), 100, 94));
        assert!(!is_drop(Some(Amount::Percent(5)), 100, 95));
        assert!(is_drop(Some(Amount::Count(0)), 2, 1));
        assert!(!is_drop(Some(Amount::Unlimited), 100, 0));
        assert!(drop_limit(&system("csv", &[("ips.read.drop.limit", "half")])).is_err());
    }

    #[test]
    fn grace_asks_for_reads_and_hours() {
        let grace = |properties| Grace::of(&system("scim2", properties)).unwrap();
        assert_eq!(grace(&[]), None);
        assert_eq!(grace(&[("ips.delete.grace.reads", "1")]), None);
        let three = grace(&[("ips.delete.grace.reads", "3")]).unwrap();
        assert!(!three.is_over(2, u64::MAX) && three.is_over(3, 0));
        let day = grace(&[("ips.delete.grace.hours", "24")]).unwrap();
        assert!(!day.is_over(9, 24 * HOUR_MS - 1) && day.is_over(1, 24 * HOUR_MS));
        assert!(Grace::of(&system("scim2", &[("ips.delete.grace.hours", "soon")])).is_err());
    }
}
