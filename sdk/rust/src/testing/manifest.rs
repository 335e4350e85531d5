use serde_json::Value;

/// The capabilities that a manifest may ask for.
const CAPABILITIES: [&str; 5] = ["http", "connection", "files", "relations", "state"];

/// What is wrong with a manifest; nothing if it is good. The [`plugin!`](crate::plugin) macro makes a unit
/// test of it.
pub fn check_manifest(manifest: &str) -> Vec<String> {
    let manifest: Value = match serde_json::from_str(manifest) {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("The manifest is not JSON: {error}.")],
    };
    let mut wrong = Vec::new();
    if manifest.get("interface").and_then(Value::as_str) != Some("0.1") {
        wrong.push("`interface` must be \"0.1\", the version that this SDK speaks.".to_owned());
    }
    for name in ["name", "version", "title", "description"] {
        if manifest.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
            wrong.push(format!("`{name}` must be a text."));
        }
    }
    for capability in list(&manifest, "capabilities") {
        match capability.get("name").and_then(Value::as_str) {
            Some(name) if CAPABILITIES.contains(&name) => {}
            other => wrong.push(format!("There is no capability {other:?}.")),
        }
        if capability.get("reason").and_then(Value::as_str).is_none_or(str::is_empty) {
            wrong.push("Every capability needs a `reason` for the administrator who grants it.".to_owned());
        }
    }
    for entity_type in list(&manifest, "entityTypes") {
        if entity_type.as_str().is_none_or(str::is_empty) {
            wrong.push("`entityTypes` must be a list of names.".to_owned());
        }
    }
    for property in list(&manifest, "properties") {
        let named = property.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        let described =
            property.get("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if !named || !described {
            wrong.push(format!("A property needs a `name` and a `description`: {property}."));
        }
    }
    wrong
}

fn list<'a>(manifest: &'a Value, name: &str) -> &'a [Value] {
    manifest.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
