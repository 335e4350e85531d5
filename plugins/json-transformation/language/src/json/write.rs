//! Writing JSON.

use super::plain_prefix;
use crate::value::Value;

/// The compact JSON text of a value.
pub fn to_string(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    write(value, &mut out);
    into_text(out)
}

/// What was written, as text. Only whole texts and ASCII are ever written, so nothing is replaced.
pub fn into_text(out: Vec<u8>) -> String {
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Appends a short text. In WebAssembly every copy of a length not known beforehand is a call out of
/// the sandbox, which takes longer than copying a name eight bytes at a time.
#[inline]
pub fn push(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if !cfg!(target_family = "wasm") || bytes.len() > 64 {
        out.extend_from_slice(bytes);
        return;
    }
    out.reserve(bytes.len());
    let (chunks, rest) = bytes.as_chunks::<8>();
    chunks.iter().for_each(|chunk| out.extend_from_slice(chunk));
    rest.iter().for_each(|byte| out.push(*byte));
}

/// Appends the compact JSON text of a value. Holes are left out; bytes are written as text.
pub fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Hole => push(out, "null"),
        Value::True => push(out, "true"),
        Value::False => push(out, "false"),
        Value::Number(text) => push(out, text),
        Value::String(text) => write_text(text, out),
        Value::Bytes(bytes) => write_text(&String::from_utf8_lossy(bytes), out),
        Value::Array(items) => {
            out.push(b'[');
            let mut first = true;
            for item in items {
                if matches!(item, Value::Hole) {
                    continue;
                }
                if !first {
                    out.push(b',');
                }
                first = false;
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            let mut first = true;
            for (name, item) in members {
                if matches!(item, Value::Hole) {
                    continue;
                }
                if !first {
                    out.push(b',');
                }
                first = false;
                write_text(name, out);
                out.push(b':');
                write(item, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends a JSON string literal.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let at = plain_prefix(rest.as_bytes());
        if at == rest.len() {
            break;
        }
        let (plain, tail) = rest.split_at(at);
        push(out, plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => push(out, "\\\""),
            Some('\\') => push(out, "\\\\"),
            Some('\n') => push(out, "\\n"),
            Some('\r') => push(out, "\\r"),
            Some('\t') => push(out, "\\t"),
            Some('\u{8}') => push(out, "\\b"),
            Some('\u{C}') => push(out, "\\f"),
            Some(other) => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let code = u32::from(other) as usize;
                push(out, "\\u00");
                for digit in [code >> 4, code & 15] {
                    out.push(HEX.get(digit).copied().unwrap_or(b'0'));
                }
            }
            None => {}
        }
        rest = chars.as_str();
    }
    push(out, rest);
    out.push(b'"');
}
