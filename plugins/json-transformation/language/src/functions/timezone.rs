//! Time zone codes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::params::Params;
use crate::value::Value;

/// `code TAB zone`: ordered, the first row of a code or zone counts.
const TABLE: &str = include_str!("../../data/timezones.tsv");

pub(super) struct Timezone {
    fallback: &'static str,
    forms: HashMap<&'static str, &'static str>,
}

impl Timezone {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        let to_iana = params.choice("outputFormat", &["iana", "sap"])? == "iana";
        let mut forms = HashMap::new();
        let rows = || TABLE.lines().filter_map(|line| line.split_once('\t'));
        for (code, zone) in rows() {
            let (from, to) = if to_iana { (code, zone) } else { (zone, code) };
            forms.entry(from).or_insert(to);
        }
        // What has the wanted form already stays as it is.
        for (code, zone) in rows() {
            let wanted = if to_iana { zone } else { code };
            forms.entry(wanted).or_insert(wanted);
        }
        Some(Timezone { fallback: if to_iana { "Europe/Berlin" } else { "CET" }, forms })
    }

    /// What a missing or unknown value becomes.
    pub fn fallback<'a>(&self) -> Value<'a> {
        Value::String(Cow::Borrowed(self.fallback))
    }

    pub fn convert<'a>(&self, value: &Value<'a>) -> Value<'a> {
        let known = if value.is_null() { None } else { self.forms.get(value.to_text().as_ref()) };
        Value::String(Cow::Borrowed(known.copied().unwrap_or(self.fallback)))
    }
}
