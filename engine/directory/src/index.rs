//! Which attributes are indexed, as data.

use crate::path::Path;
use crate::schema::Kind;
use crate::storage::Record;
use serde_json::Value;

/// An index. Its number stands in stored keys and is never given to another.
pub(crate) struct Index {
    pub(crate) number: u8,
    pub(crate) kind: Kind,
    pub(crate) extension: Option<&'static str>,
    pub(crate) attribute: &'static str,
    pub(crate) sub: Option<&'static str>,
    /// Case does not matter.
    pub(crate) folded: bool,
    pub(crate) unique: bool,
}

const fn index(number: u8, kind: Kind, attribute: &'static str, folded: bool, unique: bool) -> Index {
    Index { number, kind, extension: None, attribute, sub: None, folded, unique }
}

pub(crate) const INDEXES: [Index; 7] = [
    index(1, Kind::User, "userName", true, true),
    index(2, Kind::User, "externalId", false, false),
    index(3, Kind::User, "displayName", true, false),
    Index {
        number: 4,
        kind: Kind::User,
        extension: None,
        attribute: "emails",
        sub: Some("value"),
        folded: true,
        unique: false,
    },
    Index {
        number: 5,
        kind: Kind::User,
        extension: Some("urn:ietf:params:scim:schemas:extension:sap:2.0:User"),
        attribute: "userUuid",
        sub: None,
        folded: false,
        unique: true,
    },
    index(6, Kind::Group, "displayName", true, true),
    index(7, Kind::Group, "externalId", false, false),
];

impl Index {
    /// The index that answers `path eq …`.
    pub(crate) fn for_path(kind: Kind, path: &Path) -> Option<&'static Self> {
        INDEXES.iter().find(|index| {
            index.kind == kind
                && index.extension == path.extension.as_deref()
                && index.attribute == path.attribute.name
                && match (index.sub, &path.sub) {
                    (Some(sub), Some(asked)) => sub == asked.name,
                    (Some(sub), None) => path.leaf().name == sub,
                    (None, asked) => asked.is_none(),
                }
        })
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        match self.sub {
            Some(sub) => format!("{}.{sub}", self.attribute),
            None => self.attribute.to_owned(),
        }
    }
}

/// The entries of a record: (index number, value).
pub(crate) fn entries(kind: Kind, record: &Record) -> Vec<(&'static Index, String)> {
    let mut entries = Vec::new();
    for index in INDEXES.iter().filter(|i| i.kind == kind) {
        let holder = match index.extension {
            None => Some(&record.content),
            Some(urn) => record.content.get(urn).and_then(Value::as_object),
        };
        let Some(value) = holder.and_then(|h| h.get(index.attribute)) else { continue };
        let mut take = |value: &Value| {
            let value = match index.sub {
                Some(sub) => value.get(sub),
                None => Some(value),
            };
            if let Some(text) = value.and_then(Value::as_str) {
                let key = if index.folded { text.to_lowercase() } else { text.to_owned() };
                let key = clip(&key).to_owned();
                if !entries.iter().any(|(i, k): &(&Index, String)| i.number == index.number && *k == key) {
                    entries.push((index, key));
                }
            }
        };
        match value {
            Value::Array(values) => values.iter().for_each(&mut take),
            single => take(single),
        }
    }
    entries
}

/// Values are indexed by their first bytes; what is found is compared in full afterwards.
pub(crate) fn clip(value: &str) -> &str {
    const LONGEST: usize = 512;
    if value.len() <= LONGEST {
        return value;
    }
    let end = (0..=LONGEST).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    value.get(..end).unwrap_or_default()
}
