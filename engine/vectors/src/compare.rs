//! Expected and found, side by side.

use serde_json::Value;

/// The differences, each with the JSON pointer of its place. `{"$match": "<regex>"}` stands for any text
/// that the pattern matches as a whole; the order of members does not count, that of elements does.
pub(crate) fn differences(expected: &Value, found: &Value, pointer: &str, out: &mut Vec<String>) {
    if let Some(pattern) = expected.get("$match").and_then(Value::as_str) {
        match fancy_regex::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) if found.as_str().is_some_and(|text| regex.is_match(text).unwrap_or(false)) => {}
            Ok(_) => out.push(format!("{}: expected a text like {pattern}, found {found}", place(pointer))),
            Err(error) => {
                out.push(format!("{}: the expected pattern is none: {error}", place(pointer)));
            }
        }
        return;
    }
    match (expected, found) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (name, value) in wanted {
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                match there.get(name) {
                    Some(found) => differences(value, found, &below, out),
                    None => out.push(format!("{}: expected {value}, found nothing", place(&below))),
                }
            }
            for (name, value) in there.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                out.push(format!("{}: expected nothing, found {value}", place(&below)));
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (index, (value, found)) in wanted.iter().zip(there).enumerate() {
                differences(value, found, &format!("{pointer}/{index}"), out);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if expected == found => {}
        _ => out.push(format!("{}: expected {expected}, found {found}", place(pointer))),
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the whole" } else { pointer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_told_with_their_places() {
        let expected = json!({"a": 1, "b": [1, {"c": "x"}], "p": {"$match": "[a-z]+"}, "gone/": true});
        let found = json!({"p": "abc", "b": [1, {"c": "y"}], "a": 1.0, "more": null});
        let mut told = Vec::new();
        differences(&expected, &found, "", &mut told);
        assert_eq!(
            told,
            [
                r#"/b/1/c: expected "x", found "y""#,
                "/gone~1: expected true, found nothing",
                "/more: expected nothing, found null",
            ]
        );
        let mut told = Vec::new();
        differences(&json!({"$match": "[a-z]+"}), &json!("ab1"), "", &mut told);
        assert_eq!(told, [r#"the whole: expected a text like [a-z]+, found "ab1""#]);
    }
}
