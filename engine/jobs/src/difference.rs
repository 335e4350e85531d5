//! What an update changes, attribute by attribute.

use serde::Serialize;
use serde_json::{Map, Value};

/// One attribute that is not what it was.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Change {
    /// Where: `name.familyName`, `['urn:…:User'].department`.
    pub path: String,
    /// What the target holds; none if it holds nothing, or was not looked at.
    pub old: Option<Value>,
    /// What is written; none if nothing is.
    pub new: Option<Value>,
}

/// What systems give their resources themselves.
const OF_THE_SYSTEM: [&str; 5] = ["id", "meta", "schemas", "groups", "dn"];

/// What is written and not there yet, and what is there and not written any more. Without knowledge of
/// what is there everything written counts as new.
pub fn differences(before: Option<&str>, after: &str) -> Vec<Change> {
    let object = |json: &str| match serde_json::from_str(json) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let after = object(after);
    let mut changes = Vec::new();
    let Some(before) = before.map(object) else {
        for (key, value) in after.iter().filter(|(key, _)| *key != "schemas") {
            leaves(&step("", key), value, &mut changes);
        }
        return changes;
    };
    for (key, new) in after.iter().filter(|(key, _)| *key != "schemas") {
        compare(&step("", key), before.get(key), new, &mut changes);
    }
    for (key, old) in &before {
        if !after.contains_key(key) && !OF_THE_SYSTEM.contains(&key.as_str()) {
            changes.push(Change { path: step("", key), old: Some(old.clone()), new: None });
        }
    }
    changes
}

pub(crate) fn step(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_$-".contains(c));
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}['{key}']"),
    }
}

fn leaves(path: &str, value: &Value, changes: &mut Vec<Change>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(&step(path, key), value, changes)),
        other => changes.push(Change { path: path.to_owned(), old: None, new: Some(other.clone()) }),
    }
}

fn compare(path: &str, old: Option<&Value>, new: &Value, changes: &mut Vec<Change>) {
    match (old, new) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                compare(&step(path, key), old.get(key), value, changes);
            }
        }
        (old, new) if holds(old, new) => {}
        (old, new) => {
            changes.push(Change { path: path.to_owned(), old: old.cloned(), new: Some(new.clone()) });
        }
    }
}

/// Whether a system that shows `old` holds `new`: it may add to it, keep lists in another order, and show
/// a single value as a list.
fn holds(old: Option<&Value>, new: &Value) -> bool {
    match (old, new) {
        (None, Value::Null) => true,
        (None, Value::Array(new)) => new.is_empty(),
        (None, _) => false,
        (Some(Value::Array(old)), Value::Array(new)) => {
            old.len() == new.len() && new.iter().all(|new| old.iter().any(|old| holds(Some(old), new)))
        }
        (Some(Value::Array(old)), new) => matches!(old.as_slice(), [only] if holds(Some(only), new)),
        (Some(Value::Object(old)), Value::Object(new)) => {
            new.iter().all(|(key, new)| holds(old.get(key), new))
        }
        (Some(old), new) => old == new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(before: Option<&str>, after: &str) -> Vec<String> {
        differences(before, after).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn only_what_differs_is_named() {
        let before = r#"{"id":"7","meta":{"version":"3"},"schemas":["x"],"userName":"ada",
            "name":{"familyName":"Byron","formatted":"Ada Byron"},
            "emails":[{"value":"b@x","type":"work"},{"value":"a@x"}],"title":"Clerk","urn:a:User":{"department":"x"}}"#;
        assert!(
            paths(
                Some(before),
                r#"{"schemas":["y"],"userName":"ada","name":{"familyName":"Byron"},"title":"Clerk",
                   "emails":[{"value":"a@x"},{"value":"b@x"}],"urn:a:User":{"department":"x"}}"#
            )
            .is_empty()
        );
        let after = r#"{"userName":"ada","name":{"familyName":"King"},"emails":[{"value":"a@x"}],
            "urn:a:User":{"department":"y"},"active":true}"#;
        let changed = paths(Some(before), after);
        assert_eq!(changed, ["name.familyName", "emails", "['urn:a:User'].department", "active", "title"]);
        let all = differences(Some(before), after);
        assert_eq!(all[0].old, Some("Byron".into()));
        assert_eq!(all[0].new, Some("King".into()));
        assert_eq!((all[4].old.clone(), all[4].new.clone()), (Some("Clerk".into()), None));
    }

    #[test]
    fn what_was_not_looked_at_is_all_new() {
        assert_eq!(
            paths(None, r#"{"userName":"ada","name":{"familyName":"K"}}"#),
            ["userName", "name.familyName"]
        );
        assert!(paths(Some("no JSON"), "{}").is_empty());
        assert_eq!(paths(Some(r#"{"uid":["ada"]}"#), r#"{"uid":"ada","cn":[]}"#), Vec::<String>::new());
    }
}
