//! From a JSON pointer back to the place in the text. Only diagnostics need it, so the parser does
//! not keep offsets; the text is walked again.

use super::clean::string_end;

/// One reference token of a JSON pointer (RFC 6901), escaped.
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The byte offset of the value that `pointer` names in a valid JSON text, or of the nearest
/// enclosing value that exists.
pub fn locate(text: &str, pointer: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = space(bytes, 0);
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        match child(bytes, at, &name) {
            Some(found) => at = found,
            None => return at,
        }
    }
    at
}

fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

fn child(bytes: &[u8], at: usize, name: &str) -> Option<usize> {
    let object = match bytes.get(at)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let mut found = None;
    let mut index = 0usize;
    let mut at = space(bytes, at + 1);
    loop {
        if let b']' | b'}' = bytes.get(at)? {
            return found;
        }
        let mut matches = !object && name.parse() == Ok(index);
        if object {
            let end = string_end(bytes, at);
            let literal = std::str::from_utf8(bytes.get(at..end)?).ok()?;
            matches = super::parse(literal).ok()?.as_str() == Some(name);
            at = space(bytes, end);
            at = space(bytes, at + 1);
        }
        if matches {
            // The last of several equal names is the one that counts.
            found = Some(at);
        }
        at = space(bytes, skip(bytes, at));
        if bytes.get(at) == Some(&b',') {
            at = space(bytes, at + 1);
        }
        index += 1;
    }
}

/// The offset behind the value that starts at `at`.
fn skip(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values() {
        let text = r#"{"a": [1, {"b/c": "x,]"}, 3], "d": {"e": true}, "a2": null}"#;
        let at = |pointer: &str| text.get(locate(text, pointer)..).unwrap();
        assert!(at("").starts_with('{'));
        assert!(at("/a/1/b~1c").starts_with("\"x,]\""));
        assert!(at("/a/2").starts_with('3'));
        assert!(at("/d/e").starts_with("true"));
        assert!(at("/a2").starts_with("null"));
        assert!(at("/a/9").starts_with("[1"));
        assert!(at("/d/e/f").starts_with("true"));
    }
}
