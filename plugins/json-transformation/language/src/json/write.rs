//! Writing JSON.

use super::plain_prefix;
use crate::value::Value;

/// The compact JSON text of a value.
pub fn to_string(value: &Value<'_>) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Appends the compact JSON text of a value. Holes are left out; bytes are written as text.
pub fn write(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null | Value::Hole => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(text) => out.push_str(text),
        Value::String(text) => write_text(text, out),
        Value::Bytes(bytes) => write_text(&String::from_utf8_lossy(bytes), out),
        Value::Array(items) => {
            out.push('[');
            let mut first = true;
            for item in items {
                if matches!(item, Value::Hole) {
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            let mut first = true;
            for (name, item) in members {
                if matches!(item, Value::Hole) {
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                write_text(name, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

/// Appends a JSON string literal.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    loop {
        let at = plain_prefix(rest.as_bytes());
        if at == rest.len() {
            break;
        }
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{C}') => out.push_str("\\f"),
            Some(other) => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let code = u32::from(other) as usize;
                out.push_str("\\u00");
                for digit in [code >> 4, code & 15] {
                    out.push(HEX.get(digit).copied().map_or('0', char::from));
                }
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
