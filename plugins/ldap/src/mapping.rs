//! Entries as JSON and back. Every attribute is an array; bytes are base64.

use crate::dn;
use crate::filter::is_description;
use crate::message::{Attribute, Entry};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gangway_sdk::{Entity, Error, Result};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use time::{Date, Month, Time, UtcOffset};

/// Attributes whose values are names of entries. In lower case.
const NAMES: [&str; 9] = [
    "assistant",
    "manager",
    "member",
    "memberof",
    "owner",
    "roleoccupant",
    "secretary",
    "seealso",
    "uniquemember",
];

/// Whether the attribute's values are names of entries.
pub fn holds_names(attribute: &str) -> bool {
    NAMES.contains(&attribute.to_ascii_lowercase().as_str())
}

/// Whether the attribute holds the members of a group that must have one.
pub fn holds_members(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case("member") || attribute.eq_ignore_ascii_case("uniqueMember")
}

/// An entry as the engine has it. Its identifier is its distinguished name in [normal](dn::normal) form, and
/// so are the names by which entries refer to each other: a directory keeps `member: UID=Ada, OU=People,…` as
/// somebody wrote it once, and the engine would not know whom it means.
pub fn entity(entry: &Entry<'_>, settings: &Settings) -> Result<Entity> {
    if entry.dn.is_empty() {
        return Err(Error::protocol("The server sent an entry without a name."));
    }
    let mut json = Vec::with_capacity(512);
    json.push(b'{');
    let id = dn::normal(entry.dn);
    member(&mut json, "dn", |json| text(json, &id))?;
    let also = settings.dn_attribute.as_deref().filter(|name| *name != "dn");
    if let Some(name) = also {
        json.push(b',');
        member(&mut json, name, |json| text(json, entry.dn))?;
    }
    for (name, values) in &entry.attributes {
        if *name == "dn" || also.is_some_and(|also| also.eq_ignore_ascii_case(name)) {
            continue;
        }
        let binary = settings.is_binary(name);
        let names = holds_names(name);
        let members = holds_members(name);
        json.push(b',');
        text(&mut json, name)?;
        json.extend_from_slice(b":[");
        let mut first = true;
        for value in values {
            let plain = std::str::from_utf8(value).ok().filter(|_| !binary);
            let shown = match plain {
                Some(plain) if names => Cow::Owned(dn::normal(plain)),
                Some(plain) => Cow::Borrowed(plain),
                None => Cow::Owned(STANDARD.encode(value)),
            };
            if members && shown == settings.empty_member {
                continue;
            }
            if !std::mem::take(&mut first) {
                json.push(b',');
            }
            text(&mut json, &shown)?;
        }
        json.push(b']');
    }
    json.push(b'}');
    let json = String::from_utf8(json).map_err(|_| Error::internal("An entry's JSON is not UTF-8."))?;
    let version = ["entryCSN", "uSNChanged", "modifyTimestamp"].iter().find_map(|name| first(entry, name));
    let created = ["createTimestamp", "whenCreated"].iter().find_map(|name| first(entry, name));
    Ok(Entity::new(id, json)
        .with_version(version.map(str::to_owned))
        .with_created_ms(created.and_then(milliseconds)))
}

fn member(json: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    text(json, name)?;
    json.extend_from_slice(b":[");
    value(json)?;
    json.push(b']');
    Ok(())
}

fn text(json: &mut Vec<u8>, value: &str) -> Result<()> {
    Ok(serde_json::to_writer(json, value)?)
}

/// The first value of an attribute, as text.
pub fn first<'a>(entry: &Entry<'a>, name: &str) -> Option<&'a str> {
    let (_, values) = entry.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(values.first()?).ok()
}

/// What tells an entry from every other one for its whole life.
pub fn identity(entry: &Entry<'_>) -> String {
    if let Some(uuid) = first(entry, "entryUUID") {
        return uuid.to_owned();
    }
    let guid = entry.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case("objectGUID"));
    match guid.and_then(|(_, values)| values.first()) {
        Some(bytes) => STANDARD.encode(bytes),
        None => dn::normal(entry.dn),
    }
}

/// A generalized time (RFC 4517 section 3.3.13) as milliseconds since 1970.
pub fn milliseconds(text: &str) -> Option<u64> {
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let (clock, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let small = |from, to| if whole.len() >= to { u8::try_from(digits(from, to)?).ok() } else { Some(0) };
    let month = Month::try_from(small(4, 6)?).ok()?;
    let date = Date::from_calendar_date(i32::from(digits(0, 4)?), month, small(6, 8)?).ok()?;
    let milli = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let clock = Time::from_hms_milli(small(8, 10)?, small(10, 12)?, small(12, 14)?, milli).ok()?;
    let offset = match zone.split_at_checked(1) {
        None | Some(("Z", _)) => UtcOffset::UTC,
        Some((sign, hours)) => {
            let part =
                |from: usize| hours.get(from..from + 2).map_or(Some(0), |text| text.parse::<i8>().ok());
            let sign = if sign == "-" { -1 } else { 1 };
            UtcOffset::from_hms(sign * part(0)?, sign * part(2)?, 0).ok()?
        }
    };
    let time = date.with_time(clock).assume_offset(offset);
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// What a write transformation made: attributes with their values, and the name if it gave one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// The name it wants the entry to have.
    pub dn: Option<String>,
    /// In the order of their names; those without a value are to have none.
    pub attributes: Vec<Attribute>,
}

impl Content {
    /// Reads the JSON of an operation.
    pub fn parse(json: &str, settings: &Settings) -> Result<Self> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(|error| {
            Error::invalid(format!(
                "The write transformation made something that is no JSON object ({error}); correct its mappings."
            ))
        })?;
        let mut content = Self::default();
        for (name, value) in members {
            let mut values = values(&name, value.get(), settings)?;
            if settings.is_dn(&name) {
                content.dn = values.pop().and_then(|value| String::from_utf8(value).ok());
                continue;
            }
            if !is_description(&name) {
                return Err(Error::invalid(format!(
                    "{name:?} is no LDAP attribute; correct the write transformation."
                ))
                .with_detail("attribute", &name));
            }
            match content.attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, known)) => known.append(&mut values),
                None => content.attributes.push((name, values)),
            }
        }
        Ok(content)
    }

    /// The values of an attribute, if the content speaks of it.
    pub fn values(&self, name: &str) -> Option<&[Vec<u8>]> {
        let (_, values) = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(values)
    }

    /// Gives an attribute values, in the place of those it had.
    pub fn set(&mut self, name: &str, values: Vec<Vec<u8>>) {
        match self.attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = values,
            None => self.attributes.push((name.to_owned(), values)),
        }
    }
}

/// The values of one attribute: an array, or a single value.
pub fn values(name: &str, json: &str, settings: &Settings) -> Result<Vec<Vec<u8>>> {
    let refuse = |why: &str| {
        Err(Error::invalid(format!(
            "The value of the attribute `{name}` {why}; correct the write transformation."
        ))
        .with_detail("attribute", name))
    };
    let items: Vec<&RawValue> =
        if json.starts_with('[') { serde_json::from_str(json)? } else { vec![serde_json::from_str(json)?] };
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(items.len());
    for item in items {
        let value = match item.get() {
            "null" => continue,
            "true" => b"TRUE".to_vec(),
            "false" => b"FALSE".to_vec(),
            text if text.starts_with('"') => {
                let text: String = serde_json::from_str(text)?;
                match settings.is_binary(name) {
                    true => match STANDARD.decode(text.trim()) {
                        Ok(bytes) => bytes,
                        Err(_) => return refuse("is not base64, as an attribute that holds bytes must be"),
                    },
                    false => text.into_bytes(),
                }
            }
            object if object.starts_with(['{', '[']) => {
                return refuse("is an object or a list within a list");
            }
            // A number keeps its digits.
            number => number.as_bytes().to_vec(),
        };
        // A directory takes an empty value for none, if it takes it at all; and a value only once.
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}
