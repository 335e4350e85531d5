use serde::{Deserialize, Serialize};

/// What a tenant decides for all its systems and jobs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TenantSettings {
    /// IANA name of the time zone in which schedules count.
    pub time_zone: String,
    /// Days for which the logs of ended jobs are kept: 7, 14 or 30.
    pub log_retention_days: u32,
    /// Whether requests of other systems (real time) are counted, slowed down and refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rate_limit: bool,
}

impl TenantSettings {
    /// What may be chosen for [`Self::log_retention_days`].
    pub const RETENTIONS: [u32; 3] = [7, 14, 30];
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), log_retention_days: 7, rate_limit: false }
    }
}
