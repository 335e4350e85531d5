//! Time zone codes.

use std::borrow::Cow;

use super::params::Params;
use crate::value::Value;

/// `code TAB zone`: ordered, the first row of a code or zone counts.
const TABLE: &str = include_str!("../../data/timezones.tsv");

pub(super) struct Timezone {
    to_iana: bool,
}

impl Timezone {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        params.choice("outputFormat", &["iana", "sap"]).map(|format| Timezone { to_iana: format == "iana" })
    }

    /// What a missing or unknown value becomes.
    pub fn fallback<'a>(&self) -> Value<'a> {
        Value::String(Cow::Borrowed(if self.to_iana { "Europe/Berlin" } else { "CET" }))
    }

    pub fn convert<'a>(&self, value: &Value<'a>) -> Value<'a> {
        if value.is_null() {
            return self.fallback();
        }
        let text = value.to_text();
        let rows = || TABLE.lines().filter_map(|line| line.split_once('\t'));
        let find = |wanted: fn((&'static str, &'static str)) -> &'static str| {
            rows().find(|row| wanted(*row) == text)
        };
        let converted = if self.to_iana {
            find(|row| row.0).map(|row| row.1).or_else(|| find(|row| row.1).map(|row| row.1))
        } else {
            find(|row| row.1).map(|row| row.0).or_else(|| find(|row| row.0).map(|row| row.0))
        };
        converted.map_or_else(|| self.fallback(), |text| Value::String(Cow::Borrowed(text)))
    }
}
