//! From the text of a document to its tree: comments out, properties in.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json;
use crate::parser::Properties;
use crate::value::Value;

/// A document with its properties filled in.
pub struct Document {
    /// The text with comments blanked: every offset is that of the original.
    pub cleaned: String,
    /// The tree after substitution.
    pub tree: Value<'static>,
    /// Properties that are referred to but not set, with pointers to the texts that do.
    pub missing: Vec<(String, String)>,
    /// Pointers to the texts that refer to properties: what they say depends on the system.
    pub dependent: HashSet<String>,
}

/// Parses a document.
pub fn parse(text: &str, properties: &Properties) -> Result<Document, json::SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let cleaned = json::clean(text);
    // Parsed first as it is, so that a syntax error is reported where it stands.
    json::parse(&cleaned)?;
    let substituted = substitute(&cleaned, properties);
    let tree = json::parse(&substituted).map(Value::into_owned)?;
    let (mut missing, mut dependent) = (Vec::new(), HashSet::new());
    let plain = json::parse(&cleaned)?;
    find_references(&plain, String::new(), &mut |pointer, key| {
        dependent.insert(pointer.to_owned());
        if !properties.contains_key(key) {
            missing.push((pointer.to_owned(), key.to_owned()));
        }
    });
    drop(plain);
    Ok(Document { tree, missing, dependent, cleaned })
}

/// Replaces `%key%` in every string value (not in member names).
fn substitute(text: &str, properties: &Properties) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte != b'"' {
            let next = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'"'));
            let end = next.map_or(bytes.len(), |length| at + length);
            out.push_str(text.get(at..end).unwrap_or_default());
            at = end;
            continue;
        }
        let end = json::string_end(bytes, at);
        let literal = text.get(at..end).unwrap_or_default();
        let after = bytes.get(end..).unwrap_or_default();
        let is_name = after.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
        if is_name || !literal.contains('%') {
            out.push_str(literal);
        } else {
            out.push_str(&literal_with_properties(literal, properties));
        }
        at = end;
    }
    out
}

/// Pieces of a literal's inside: plain text and references.
enum Piece<'t> {
    Plain(&'t str),
    Property(&'t str),
}

fn pieces(inside: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = inside;
    while let Some(start) = rest.find('%') {
        let key_and_rest = rest.get(start + 1..).unwrap_or_default();
        match key_and_rest.find('%') {
            // Two percent signs in a row are no reference; the second may start one.
            Some(0) => {
                pieces.push(Piece::Plain(rest.get(..start + 1).unwrap_or_default()));
                rest = key_and_rest;
            }
            Some(length) => {
                pieces.push(Piece::Plain(rest.get(..start).unwrap_or_default()));
                pieces.push(Piece::Property(key_and_rest.get(..length).unwrap_or_default()));
                rest = key_and_rest.get(length + 1..).unwrap_or_default();
            }
            None => break,
        }
    }
    pieces.push(Piece::Plain(rest));
    pieces
}

/// The value that a key stands for; the key may contain JSON escapes.
fn value_of<'p>(key: &str, properties: &'p Properties) -> Option<&'p str> {
    let literal = format!("\"{key}\"");
    let key = json::parse(&literal)
        .ok()
        .map_or(Cow::Borrowed(key), |value| Cow::Owned(value.to_text().into_owned()));
    properties.get(key.as_ref()).map(String::as_str)
}

fn escaped(value: &str) -> String {
    let mut literal = json::Out::default();
    literal.text(value);
    let literal = json::text(literal.written());
    let length = literal.len();
    literal.get(1..length.saturating_sub(1)).unwrap_or_default().to_owned()
}

fn literal_with_properties(literal: &str, properties: &Properties) -> String {
    let inside = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    if let Some(key) = inside.strip_prefix('%').and_then(|rest| rest.strip_suffix("%[]"))
        && !key.contains('%')
        && let Some(value) = value_of(key, properties)
    {
        let items = value.split(';').map(|item| format!("\"{}\"", escaped(item.trim())));
        return format!("[{}]", items.collect::<Vec<_>>().join(","));
    }
    let pieces = pieces(inside);
    let build = |escape: &dyn Fn(&str) -> bool| {
        let parts = pieces.iter().map(|piece| match piece {
            Piece::Plain(text) => Cow::Borrowed(*text),
            Piece::Property(key) => match value_of(key, properties) {
                None => Cow::Borrowed("null"),
                Some(value) if escape(value) => Cow::Owned(escaped(value)),
                Some(value) => Cow::Borrowed(value),
            },
        });
        format!("\"{}\"", parts.collect::<String>())
    };
    let sound = |literal: &str| matches!(json::parse(literal), Ok(Value::String(_)));
    // Pasted as it is where that makes a valid literal; the values that do not are escaped.
    let raw = build(&|_| false);
    if sound(&raw) {
        return raw;
    }
    let mixed = build(&|value| !sound(&format!("\"{value}\"")));
    if sound(&mixed) { mixed } else { build(&|_| true) }
}

/// Calls `found` with the pointer and the key of every reference to a property.
fn find_references(value: &Value<'_>, pointer: String, found: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => {
            for piece in pieces(text) {
                if let Piece::Property(key) = piece {
                    found(&pointer, key);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                find_references(item, format!("{pointer}/{at}"), found);
            }
        }
        Value::Object(members) => {
            for (name, item) in members {
                find_references(item, format!("{pointer}/{}", json::pointer_token(name)), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str) -> String {
        let list = [
            ("a", "x"),
            ("re", r"\\."),
            ("win", r"CORP\jdoe"),
            ("q", "say \"hi\""),
            ("l", "a; b"),
            ("pct", "%a%"),
        ];
        let properties: Properties = list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        json::to_string(&parse(text, &properties).unwrap().tree)
    }

    #[test]
    fn fills_in_properties() {
        for (text, expected) in [
            (r#"{"k%a%":"<%a%>"}"#, r#"{"k%a%":"<x>"}"#),
            (r#"["%zz%","5 %","100%%a%","%a%%a%"]"#, r#"["null","5 %","100%x","xx"]"#),
            (r#"["%re%"]"#, r#"["\\."]"#),
            (r#"["%win%","%win%%re%"]"#, r#"["CORP\\jdoe","CORP\\jdoe\\."]"#),
            (r#"["%q%"]"#, r#"["say \"hi\""]"#),
            (r#"["%l%[]","%l%[] ","%zz%[]"]"#, r#"[["a","b"],"a; b[] ","null[]"]"#),
            (r#"["%pct%"]"#, r#"["%a%"]"#),
        ] {
            assert_eq!(substituted(text), expected, "{text}");
        }
    }
}
