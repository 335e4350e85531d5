//! What a request asks for: the query string, and the body of a search.

use crate::ScimError;
use crate::deleted::Asked;
use crate::query::Query;
use serde_json::Value;

/// The query string of a request.
#[derive(Default)]
pub(crate) struct Parameters {
    pub(crate) query: Query,
    /// `blocked=true`: the deleted users that can be restored are meant.
    pub(crate) blocked: bool,
    /// `since`: what was deleted after that is meant.
    since: Option<String>,
}

impl Parameters {
    pub(crate) fn read(text: &str) -> Result<Self, ScimError> {
        let (mut query, mut blocked, mut since) = (Query::default(), false, None);
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "filter" => query.filter = Some(value.into_owned()),
                "attributes" => query.attributes = names(&value),
                "excludedAttributes" => query.excluded_attributes = names(&value),
                "sortBy" if !value.is_empty() => query.sort_by = Some(value.into_owned()),
                "sortOrder" => query.descending = value.eq_ignore_ascii_case("descending"),
                "startIndex" => query.start_index = Some(number("startIndex", &value)?),
                "count" => query.count = Some(number("count", &value)?),
                "cursor" => query.cursor = Some(value.into_owned()),
                "startId" => query.start_id = Some(value.into_owned()),
                "since" => since = Some(value.into_owned()),
                "blocked" => blocked = value.eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        Ok(Self { query, blocked, since })
    }

    pub(crate) fn deleted(self) -> Asked {
        Asked { since: self.since, cursor: self.query.cursor, count: self.query.count }
    }
}

fn number(name: &str, text: &str) -> Result<i64, ScimError> {
    text.trim()
        .parse()
        .map_err(|_| ScimError::value(format!("{name:?} must be a whole number, not {text:?}")))
}

fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

/// The body of a `.search` request.
pub(crate) fn search(body: &Value) -> Result<Query, ScimError> {
    let text = |name: &str| crate::patch::field(body, name).and_then(Value::as_str).map(str::to_owned);
    let list = |name: &str| match crate::patch::field(body, name) {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => names(text),
        _ => Vec::new(),
    };
    let number = |name: &str| match crate::patch::field(body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| ScimError::value(format!("{name:?} must be a whole number"))),
    };
    Ok(Query {
        filter: text("filter"),
        attributes: list("attributes"),
        excluded_attributes: list("excludedAttributes"),
        sort_by: text("sortBy"),
        descending: text("sortOrder").is_some_and(|o| o.eq_ignore_ascii_case("descending")),
        start_index: number("startIndex")?,
        count: number("count")?,
        cursor: text("cursor"),
        start_id: text("startId"),
    })
}
