use serde_json::Value;

/// The most characters of a body that a message quotes.
const LIMIT: usize = 300;

/// Names whose values are never quoted, wherever they stand in a name.
const SECRET: [&str; 6] = ["password", "secret", "token", "authorization", "credential", "apikey"];

/// The start of a body for a message to a person: on one line, without what looks like a secret.
pub fn excerpt(body: &[u8]) -> String {
    // A body may be megabytes; what is far behind the limit is not even looked at.
    let text = match serde_json::from_slice::<Value>(body.get(..16 * 1024).unwrap_or(body)) {
        Ok(Value::String(text)) => mask_text(&text),
        Ok(mut value) => {
            mask_value(&mut value);
            value.to_string()
        }
        Err(_) => mask_text(&String::from_utf8_lossy(body.get(..4 * LIMIT).unwrap_or(body))),
    };
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|character| !character.is_control());
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    SECRET.iter().any(|word| name.contains(word))
}

fn mask_value(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                // An error text may well be called `passwordPolicy`; only texts and numbers are hidden.
                if is_secret(name) && !member.is_object() {
                    *member = Value::String("***".to_owned());
                } else {
                    mask_value(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::String(text) => *text = mask_text(text),
        _ => {}
    }
}

/// In running text a secret has no end that can be relied on, so the rest of the text goes with it.
fn mask_text(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words = SECRET.iter().copied().chain(["bearer ", "basic "]);
    let assigned = |(start, word): (usize, &str)| {
        let end = start + word.len();
        let rest = lower.get(end..).unwrap_or_default();
        let value = rest.trim_start_matches(['"', '\'', ' ']);
        // `password=…`, `"token": …`, `Bearer …`; but not "the password is too short".
        (word.ends_with(' ') || value.starts_with([':', '='])).then_some(end)
    };
    let first = words.flat_map(|word| lower.match_indices(word)).filter_map(assigned).min();
    match first {
        Some(end) => format!("{}***", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
