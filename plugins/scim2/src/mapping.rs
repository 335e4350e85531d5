//! Attribute paths in the engine's notation (`emails[0].value`, `['urn:…']['name']`), as SCIM filters
//! and as look-ups in an entity.

use gangway_sdk::{AttributeValue, Error};
use serde_json::Value;

/// An attribute path taken apart. Array indices are left out: SCIM's filters have none, and a
/// multi-valued attribute is meant as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    schema: Option<String>,
    names: Vec<String>,
}

impl Path {
    /// Reads `userName`, `name.familyName`, `emails[0].value`, `$.emails[*].value`,
    /// `['urn:…:Group']['name']` and `urn:…:User:employeeNumber`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let refuse = |why: &str| {
            Err(Error::configuration(format!(
                "the attribute path {text:?} cannot be used in a SCIM filter: {why}; write it as \
                 userName, name.familyName, emails[0].value or ['urn:…']['name']"
            ))
            .with_detail("attribute", text))
        };
        let mut path = Self { schema: None, names: Vec::new() };
        let mut rest = trimmed.strip_prefix('$').unwrap_or(trimmed);
        if is_urn(rest) {
            // The dots of a version (`2.0`) are no separators: the attribute starts after the last colon.
            let Some((schema, attribute)) = rest.rsplit_once(':') else {
                return refuse("it has no attribute");
            };
            path.schema = Some(schema.to_owned());
            rest = attribute;
        }
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let Some((inner, after)) = bracket(after) else { return refuse("a bracket is not closed") };
                rest = after;
                match inner {
                    Inner::Position => {}
                    Inner::Name(name) if path.names.is_empty() && path.schema.is_none() && is_urn(name) => {
                        path.schema = Some(name.to_owned());
                    }
                    Inner::Name(name) => path.names.push(name.to_owned()),
                }
            } else {
                let after = rest.strip_prefix('.').unwrap_or(rest);
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, tail) = after.split_at(end);
                if !name.is_empty() {
                    path.names.push(name.to_owned());
                } else if !tail.starts_with('[') {
                    return refuse("a name is empty");
                }
                rest = tail;
            }
        }
        if path.names.is_empty() {
            return refuse("it names no attribute");
        }
        if let Some(bad) = path.names.iter().find(|n| !is_attribute_name(n)) {
            return refuse(&format!("{bad:?} is no SCIM attribute name"));
        }
        Ok(path)
    }

    /// The path as a filter has it.
    pub fn in_filter(&self) -> String {
        let names = self.names.join(".");
        match &self.schema {
            Some(schema) => format!("{schema}:{names}"),
            None => names,
        }
    }

    /// Whether the entity holds the value at the path: of a multi-valued attribute, any of them.
    /// Letter case does not matter, as for nearly all of SCIM's attributes.
    pub fn holds(&self, entity: &Value, wanted: &str) -> bool {
        let root = match &self.schema {
            Some(schema) if !is_core(schema) => match member(entity, schema) {
                Some(extension) => extension,
                None => return false,
            },
            _ => entity,
        };
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        holds(root, &names, &wanted.to_lowercase())
    }
}

/// The filter that all the values are equal, as RFC 7644 section 3.4.2.2 writes it.
pub fn filter(wanted: &[(Path, &AttributeValue)]) -> String {
    let terms: Vec<String> = wanted
        .iter()
        // A comparison value follows the rules of JSON, quotes and escapes included.
        .map(|(path, wanted)| format!("{} eq {}", path.in_filter(), Value::from(wanted.value.as_str())))
        .collect();
    terms.join(" and ")
}

enum Inner<'a> {
    Name(&'a str),
    Position,
}

/// What stands between the brackets, and what comes after them.
fn bracket(text: &str) -> Option<(Inner<'_>, &str)> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            let (name, after) = inner.split_once(quote)?;
            return Some((Inner::Name(name), after.strip_prefix(']')?));
        }
    }
    let (_, after) = text.split_once(']')?;
    Some((Inner::Position, after))
}

fn is_urn(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

fn is_core(schema: &str) -> bool {
    schema.to_ascii_lowercase().starts_with("urn:ietf:params:scim:schemas:core:")
}

fn is_attribute_name(name: &str) -> bool {
    let bare = name.strip_prefix('$').unwrap_or(name);
    bare.starts_with(|c: char| c.is_ascii_alphabetic())
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

fn holds(value: &Value, names: &[&str], wanted: &str) -> bool {
    match (value, names.split_first()) {
        (Value::Array(items), _) => items.iter().any(|item| holds(item, names, wanted)),
        (_, Some((name, rest))) => member(value, name).is_some_and(|inner| holds(inner, rest, wanted)),
        // A complex attribute without a sub-attribute stands for its `value`.
        (Value::Object(_), None) => member(value, "value").is_some_and(|inner| holds(inner, &[], wanted)),
        (Value::String(text), None) => text.to_lowercase() == wanted,
        (Value::Null, None) => false,
        (scalar, None) => {
            let text = scalar.to_string();
            text == wanted
        }
    }
}
