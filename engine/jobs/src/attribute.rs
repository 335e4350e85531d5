//! Reads one attribute of an entity in the notation of the `*.unique.attribute` properties:
//! `userName`, `emails[0].value`, `name.familyName`, `['urn:…:Group']['name']`, or a key of the
//! entity that is spelled exactly so.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Values of one attribute that can be put by their position.
const MOST_VALUES: usize = 1000;

/// These attributes of an entity with their texts; none if one of them is missing. Only what they are in is parsed.
pub(crate) fn texts(json: &str, names: &[String]) -> Option<Vec<(String, String)>> {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
    let read = |name: &String| {
        let member = match members.get_key_value(name.as_str()) {
            Some(member) => member,
            None => match steps(name)?.first()? {
                Step::Key(key) => members.get_key_value(key.as_str())?,
                Step::Index(_) => return None,
            },
        };
        let value: Value = serde_json::from_str(member.1.get()).ok()?;
        let entity = Value::Object([(member.0.clone().into_owned(), value)].into_iter().collect());
        Some((name.clone(), text(&entity, name)?))
    };
    names.iter().map(read).collect()
}

/// The attribute's text. A list counts by its first element, because some systems (LDAP) show every
/// attribute as one. None if there is no such scalar.
pub(crate) fn text(entity: &Value, attribute: &str) -> Option<String> {
    let literal = entity.get(attribute);
    let found = match literal {
        Some(value) => value,
        None => steps(attribute)?.iter().try_fold(entity, |value, step| match step {
            Step::Key(key) => first(value).get(key),
            Step::Index(index) => value.get(*index),
        })?,
    };
    match first(found) {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn first(value: &Value) -> &Value {
    match value {
        Value::Array(items) => items.first().unwrap_or(&Value::Null),
        other => other,
    }
}

/// Puts a text where the attribute says, making what is missing on the way. False if the attribute cannot be
/// read, or something else stands in its way.
pub(crate) fn put(entity: &mut Value, attribute: &str, text: &str) -> bool {
    let Some(steps) = steps(attribute).filter(|steps| !steps.is_empty()) else { return false };
    let mut place = entity;
    for step in steps {
        place = match step {
            Step::Key(key) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                let Some(map) = place.as_object_mut() else { return false };
                map.entry(key).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if place.is_null() {
                    *place = Value::Array(Vec::new());
                }
                let Some(items) = place.as_array_mut().filter(|_| index < MOST_VALUES) else { return false };
                if items.len() <= index {
                    items.resize(index + 1, Value::Null);
                }
                let Some(item) = items.get_mut(index) else { return false };
                item
            }
        };
    }
    let free = place.is_null();
    if free {
        *place = Value::from(text);
    }
    free
}

enum Step {
    Key(String),
    Index(usize),
}

fn steps(attribute: &str) -> Option<Vec<Step>> {
    let mut rest = attribute.trim().strip_prefix("$").unwrap_or(attribute.trim());
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['") {
            let (key, tail) = quoted.split_once("']")?;
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, tail) = index.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = tail;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, tail) = name.split_at_checked(end)?;
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_put_is_found() {
        let mut user = Value::Null;
        for attribute in
            ["userName", "emails[1].value", "emails[0].value", "name.familyName", "['urn:x:User']['a.b']"]
        {
            assert!(put(&mut user, attribute, attribute), "{attribute}");
        }
        for attribute in ["userName", "emails[1].value", "name.familyName", "['urn:x:User']['a.b']"] {
            assert_eq!(text(&user, attribute).as_deref(), Some(attribute));
        }
        for attribute in ["", "userName", "userName.x", "name[0]", "emails[", "a[4294967295]"] {
            assert!(!put(&mut user, attribute, "x"), "{attribute}");
        }
    }

    #[test]
    fn every_notation_of_the_properties() {
        let user = json!({
            "userName": "anna", "active": true, "number": 7, "empty": "",
            "emails": [{"value": "anna@example.com"}, {"value": "a@example.org"}],
            "name": {"familyName": "Ek"},
            "uid": ["aek", "x"],
            "urn:x:2.0:User": {"employeeNumber": "12"},
            "urn:y:employeeNumber": "13",
        });
        for (attribute, expected) in [
            ("userName", Some("anna")),
            ("$.userName", Some("anna")),
            ("emails[0].value", Some("anna@example.com")),
            ("emails[1].value", Some("a@example.org")),
            ("emails.value", Some("anna@example.com")),
            ("emails[2].value", None),
            ("name.familyName", Some("Ek")),
            ("uid", Some("aek")),
            ("['urn:x:2.0:User']['employeeNumber']", Some("12")),
            ("urn:y:employeeNumber", Some("13")),
            ("active", Some("true")),
            ("number", Some("7")),
            ("empty", None),
            ("missing", None),
            ("name", None),
            ("emails[", None),
            ("emails[x].value", None),
            ("..", None),
        ] {
            assert_eq!(text(&user, attribute).as_deref(), expected, "{attribute}");
        }
    }
}
