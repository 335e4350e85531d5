//! What a tenant decides about its directory.

use crate::ScimError;
use serde::{Deserialize, Serialize};

/// The settings. What is left out has its default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// No two users have the same e-mail address, and none has an address that is another identifier of
    /// another user.
    pub unique_emails: bool,
    /// A deleted user is blocked: out of sight, and can be restored by its `userUuid`.
    pub soft_delete: bool,
    /// Requests are counted: above 200 a minute each waits a second, above 280 they are refused for a minute.
    pub rate_limit: bool,
    /// Applications whose groups follow the rules of their `supportedOperations` and `externalName`.
    pub applications: Vec<String>,
    /// Applications whose groups are provisioned as soon as they change, to the targets of the same application.
    pub central_store: Vec<String>,
    /// What becomes of users who are not seen for long, by `userType`.
    pub inactivity: Vec<Inactivity>,
}

/// When users of a type are blocked and deleted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inactivity {
    /// The `userType` it holds for.
    pub user_type: String,
    /// Days without a sign-in after which a user becomes inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_after_days: Option<u32>,
    /// Days without a sign-in after which a user is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<u32>,
    /// Days that a user who has never signed in is given before the days are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u32>,
}

const DAYS: std::ops::RangeInclusive<u32> = 14..=2000;
const GRACE: std::ops::RangeInclusive<u32> = 2..=30;

impl Settings {
    /// Whether the settings make sense.
    pub(crate) fn check(&self) -> Result<(), ScimError> {
        for rule in &self.inactivity {
            let wrong = |what: String| {
                Err(ScimError::value(format!("\"inactivity\" for userType {:?}: {what}", rule.user_type)))
            };
            for (name, days) in
                [("blockAfterDays", rule.block_after_days), ("deleteAfterDays", rule.delete_after_days)]
            {
                if days.is_some_and(|days| !DAYS.contains(&days)) {
                    return wrong(format!("{name:?} must be {} to {}", DAYS.start(), DAYS.end()));
                }
            }
            if rule.grace_days.is_some_and(|days| !GRACE.contains(&days)) {
                return wrong(format!("\"graceDays\" must be {} to {}", GRACE.start(), GRACE.end()));
            }
            if let (Some(block), Some(delete)) = (rule.block_after_days, rule.delete_after_days)
                && delete <= block
            {
                return wrong("\"deleteAfterDays\" must be more than \"blockAfterDays\"".to_owned());
            }
        }
        Ok(())
    }
}
