//! Users who are not seen for long are blocked, and later deleted.

use crate::schema::{Kind, SAP_USER_URN};
use crate::settings::{Inactivity, Settings};
use crate::storage::{Read, Record, Step};
use crate::{Directory, ScimError};
use serde_json::{Value, json};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// The type of a user who names none.
const DEFAULT_TYPE: &str = "employee";
/// Users that are looked at between two rounds of changes.
const AT_ONCE: usize = 1000;

/// What becomes of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Stays,
    Block,
    Delete,
}

fn judge(settings: &Settings, record: &Record, now_ms: u64) -> Verdict {
    let content = &record.content;
    let user_type = content.get("userType").and_then(Value::as_str).unwrap_or(DEFAULT_TYPE);
    let Some(rule) = settings.inactivity.iter().find(|r| r.user_type.eq_ignore_ascii_case(user_type)) else {
        return Verdict::Stays;
    };
    let since = now_ms.saturating_sub(last_seen(rule, record)) / DAY_MS;
    let over = |days: Option<u32>| days.is_some_and(|days| since >= u64::from(days));
    if over(rule.delete_after_days) {
        Verdict::Delete
    } else if over(rule.block_after_days) && content.get("active") != Some(&Value::Bool(false)) {
        Verdict::Block
    } else {
        Verdict::Stays
    }
}

/// The last sign-in; for one who never did, the creation and the days of grace.
fn last_seen(rule: &Inactivity, record: &Record) -> u64 {
    let signed_in = record
        .content
        .get(SAP_USER_URN)
        .and_then(|e| e.get("loginTime"))
        .and_then(Value::as_str)
        .and_then(|t| t.parse::<jiff::Timestamp>().ok())
        .and_then(|t| u64::try_from(t.as_millisecond()).ok());
    let grace = u64::from(rule.grace_days.unwrap_or(0)) * DAY_MS;
    signed_in.unwrap_or(record.created_ms.saturating_add(grace))
}

impl Directory {
    /// Blocks and deletes the users whom the settings say so of; how many of each.
    pub fn apply_inactivity(&self) -> Result<(u64, u64), ScimError> {
        let settings = self.settings();
        if settings.inactivity.is_empty() {
            return Ok((0, 0));
        }
        let now_ms = self.clock.now_ms();
        let (mut blocked, mut deleted, mut after) = (0, 0, None);
        loop {
            let (mut found, mut last, mut seen) = (Vec::new(), None, 0);
            self.read()?.scan(Kind::User, after, &mut |sequence, record| {
                last = Some(sequence);
                seen += 1;
                match judge(&settings, &record, now_ms) {
                    Verdict::Stays => {}
                    verdict => found.push((record.id.to_string(), record.version, verdict)),
                }
                Ok(if seen >= AT_ONCE { Step::Stop } else { Step::On })
            })?;
            for (id, version, verdict) in found {
                // Somebody who changes the user meanwhile has seen it.
                let version = crate::render::tag(version);
                let done = if verdict == Verdict::Delete {
                    self.delete(Kind::User, &id, Some(&version)).map(|()| deleted += 1)
                } else {
                    let patch =
                        json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
                    let view = crate::View::default();
                    self.patch(Kind::User, &id, patch, Some(&version), &view).map(|_| blocked += 1)
                };
                match done {
                    Err(error) if !matches!(error.status, 404 | 412) => return Err(error),
                    _ => {}
                }
            }
            if last.is_none() {
                return Ok((blocked, deleted));
            }
            after = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn user(created_days_ago: u64, login_days_ago: Option<u64>, user_type: Option<&str>) -> Record {
        let now = 3000 * DAY_MS;
        let mut content = Map::new();
        if let Some(user_type) = user_type {
            content.insert("userType".to_owned(), json!(user_type));
        }
        if let Some(days) = login_days_ago {
            let at = jiff::Timestamp::from_millisecond((now - days * DAY_MS).try_into().unwrap()).unwrap();
            content.insert(SAP_USER_URN.to_owned(), json!({ "loginTime": at.to_string() }));
        }
        let created_ms = now - created_days_ago * DAY_MS;
        let id = uuid::Uuid::from_u128(1);
        Record { id, created_ms, modified_ms: created_ms, version: 1, password: None, content }
    }

    #[test]
    fn who_is_not_seen_for_long_is_blocked_and_later_deleted() {
        let rule = Inactivity {
            user_type: "Employee".to_owned(),
            block_after_days: Some(30),
            delete_after_days: Some(60),
            grace_days: Some(10),
        };
        let settings = Settings { inactivity: vec![rule], ..Settings::default() };
        let judge = |record: &Record| judge(&settings, record, 3000 * DAY_MS);
        for (login, verdict) in
            [(29, Verdict::Stays), (30, Verdict::Block), (59, Verdict::Block), (60, Verdict::Delete)]
        {
            assert_eq!(judge(&user(1000, Some(login), None)), verdict, "{login} days");
        }
        // Never signed in: the days of grace come first.
        for (created, verdict) in [(39, Verdict::Stays), (40, Verdict::Block), (70, Verdict::Delete)] {
            assert_eq!(judge(&user(created, None, Some("employee"))), verdict, "{created} days");
        }
        assert_eq!(judge(&user(1000, None, Some("partner"))), Verdict::Stays);
        let mut blocked = user(1000, Some(40), None);
        blocked.content.insert("active".to_owned(), json!(false));
        assert_eq!(judge(&blocked), Verdict::Stays);
    }
}
