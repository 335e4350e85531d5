//! Which attributes are indexed, as data.

use crate::path::Path;
use crate::schema::{Kind, SAP_GROUP_URN, SAP_USER_URN};
use crate::storage::Record;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// An index. Its number stands in stored keys and is never given to another.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) number: u8,
    pub(crate) kind: Kind,
    source: Source,
    /// Case does not matter.
    folded: bool,
    pub(crate) role: Role,
}

/// Where the values come from.
#[derive(Debug)]
enum Source {
    Attribute {
        extension: Option<&'static str>,
        attribute: &'static str,
        sub: Option<&'static str>,
    },
    /// `meta.lastModified`.
    Modified,
    /// `externalName` together with `applicationId`.
    NameInApplication,
}

/// What an index is for, beside finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Find,
    /// No two resources have the same value.
    Unique,
    /// Nor does one have what is another identifier of another resource.
    Identifier,
    /// An identifier where the tenant's settings make it one.
    Email,
}

const fn index(
    number: u8,
    kind: Kind,
    attribute: &'static str,
    sub: Option<&'static str>,
    folded: bool,
    role: Role,
) -> Index {
    Index { number, kind, source: Source::Attribute { extension: None, attribute, sub }, folded, role }
}

const fn sap_user(number: u8, kind: Kind, attribute: &'static str, role: Role) -> Index {
    let source = Source::Attribute { extension: Some(SAP_USER_URN), attribute, sub: None };
    Index { number, kind, source, folded: true, role }
}

/// Every index there is.
pub(crate) const INDEXES: [Index; 14] = [
    index(1, Kind::User, "userName", None, true, Role::Identifier),
    index(2, Kind::User, "externalId", None, false, Role::Find),
    index(3, Kind::User, "displayName", None, true, Role::Find),
    index(4, Kind::User, "emails", Some("value"), true, Role::Email),
    sap_user(5, Kind::User, "userUuid", Role::Identifier),
    index(6, Kind::Group, "displayName", None, true, Role::Unique),
    index(7, Kind::Group, "externalId", None, false, Role::Find),
    Index { number: 8, kind: Kind::User, source: Source::Modified, folded: false, role: Role::Find },
    Index { number: 9, kind: Kind::Group, source: Source::Modified, folded: false, role: Role::Find },
    sap_user(10, Kind::Blocked, "userUuid", Role::Find),
    sap_user(11, Kind::User, "userId", Role::Identifier),
    index(12, Kind::User, "name", Some("familyName"), true, Role::Find),
    Index {
        number: 13,
        kind: Kind::Group,
        source: Source::NameInApplication,
        folded: false,
        role: Role::Unique,
    },
    Index {
        number: 14,
        kind: Kind::Group,
        source: Source::Attribute { extension: Some(SAP_GROUP_URN), attribute: "applicationId", sub: None },
        folded: false,
        role: Role::Find,
    },
];

impl Index {
    /// The index over an attribute.
    pub(crate) fn for_path(kind: Kind, path: &Path) -> Option<&'static Self> {
        INDEXES.iter().filter(|index| index.kind == kind).find(|index| match index.source {
            Source::NameInApplication => false,
            Source::Modified => {
                path.extension.is_none()
                    && path.attribute.name == "meta"
                    && path.sub.as_ref().is_some_and(|s| s.name == "lastModified")
            }
            Source::Attribute { extension, attribute, sub } => {
                extension == path.extension.as_deref()
                    && attribute == path.attribute.name
                    && match (sub, &path.sub) {
                        (Some(sub), Some(asked)) => sub == asked.name,
                        (Some(sub), None) => path.leaf().name == sub,
                        (None, asked) => asked.is_none(),
                    }
            }
        })
    }

    /// Whether its keys are told apart and ordered as the values of the attribute are.
    pub(crate) fn agrees_with(&self, path: &Path) -> bool {
        self.folded != path.leaf().case_exact || matches!(self.source, Source::Modified)
    }

    /// Whether it is over one of these attributes of the `sap:2.0` extension.
    pub(crate) fn is_of(&self, attributes: &[&str]) -> bool {
        matches!(&self.source, Source::Attribute { extension: Some(SAP_USER_URN), attribute, .. }
            if attributes.contains(attribute))
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        match self.source {
            Source::Modified => "meta.lastModified".to_owned(),
            Source::NameInApplication => "externalName".to_owned(),
            Source::Attribute { attribute, sub: Some(sub), .. } => format!("{attribute}.{sub}"),
            Source::Attribute { attribute, .. } => attribute.to_owned(),
        }
    }

    /// A text as it stands in the index.
    pub(crate) fn key<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.folded && text.chars().any(|c| !c.is_ascii() || c.is_ascii_uppercase()) {
            return Cow::Owned(clip(&text.to_lowercase()).to_owned());
        }
        Cow::Borrowed(clip(text))
    }

    /// An instant as it stands in the index of `meta.lastModified`, rounded down to milliseconds, and
    /// whether it was whole. None before 1970, when nothing was modified.
    pub(crate) fn instant_key(instant: jiff::Timestamp) -> Option<(String, bool)> {
        let ms = u64::try_from(instant.as_millisecond()).ok()?;
        Some((time_key(ms), instant.subsec_nanosecond() % 1_000_000 == 0))
    }

    fn each_value(&self, record: &Record, f: &mut dyn FnMut(&str)) {
        match self.source {
            Source::Modified => f(&time_key(record.modified_ms)),
            Source::NameInApplication => {
                if let Some(key) = name_in_application(&record.content) {
                    f(&key);
                }
            }
            Source::Attribute { extension, attribute, sub } => {
                let holder = match extension {
                    None => Some(&record.content),
                    Some(urn) => record.content.get(urn).and_then(Value::as_object),
                };
                let mut take = |value: &Value| {
                    let value = match sub {
                        Some(sub) => value.get(sub),
                        None => Some(value),
                    };
                    if let Some(text) = value.and_then(Value::as_str) {
                        f(text);
                    }
                };
                match holder.and_then(|h| h.get(attribute)) {
                    Some(Value::Array(values)) => values.iter().for_each(&mut take),
                    Some(single) => take(single),
                    None => {}
                }
            }
        }
    }
}

fn name_in_application(content: &Map<String, Value>) -> Option<String> {
    let group = content.get(SAP_GROUP_URN)?;
    let part = |name: &str| group.get(name).and_then(Value::as_str);
    Some(format!("{}\u{0}{}", part("applicationId")?, part("externalName")?))
}

fn time_key(ms: u64) -> String {
    format!("{ms:012x}")
}

/// The entries of a record.
pub(crate) fn entries(kind: Kind, record: &Record) -> Vec<(&'static Index, String)> {
    let mut entries: Vec<(&'static Index, String)> = Vec::new();
    for index in INDEXES.iter().filter(|i| i.kind == kind) {
        index.each_value(record, &mut |text| {
            let key = index.key(text);
            if !entries.iter().any(|(i, k)| i.number == index.number && *k == key) {
                entries.push((index, key.into_owned()));
            }
        });
    }
    entries
}

/// Values are indexed by their first bytes; what is found is compared in full afterwards.
pub(crate) fn clip(value: &str) -> &str {
    if value.len() <= LONGEST {
        return value;
    }
    let end = (0..=LONGEST).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    value.get(..end).unwrap_or_default()
}

/// Most bytes of a value in an index.
pub(crate) const LONGEST: usize = 512;
