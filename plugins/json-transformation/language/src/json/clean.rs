//! Documents may carry comments and trailing commas; entities may not.

/// Replaces `//` and `/* */` comments and commas before a closing bracket by blanks, so that every
/// offset stays what it was.
pub fn clean(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut comma: Option<usize> = None;
    let mut at = 0;
    let blank = |bytes: &mut Vec<u8>, from: usize, to: usize| {
        for byte in bytes.iter_mut().take(to).skip(from) {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b' ';
            }
        }
    };
    while let Some(byte) = bytes.get(at).copied() {
        match (byte, bytes.get(at + 1).copied()) {
            (b'"', _) => {
                comma = None;
                at = string_end(&bytes, at);
            }
            (b'/', Some(b'/')) => {
                let end = bytes.iter().skip(at).position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
                blank(&mut bytes, at, end);
                at = end;
            }
            (b'/', Some(b'*')) => {
                let close = bytes.get(at + 2..).unwrap_or_default().windows(2).position(|pair| pair == b"*/");
                let end = close.map_or(bytes.len(), |n| at + 2 + n + 2);
                blank(&mut bytes, at, end);
                at = end;
            }
            (b',', _) => {
                comma = Some(at);
                at += 1;
            }
            (b']' | b'}', _) => {
                if let Some(comma) = comma.take() {
                    blank(&mut bytes, comma, comma + 1);
                }
                at += 1;
            }
            (b' ' | b'\t' | b'\r' | b'\n', _) => at += 1,
            _ => {
                comma = None;
                at += 1;
            }
        }
    }
    // Only whole characters were replaced (a comment is blanked from its first to its last byte).
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The offset behind the string literal that starts at `at`.
pub(crate) fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_comments_and_trailing_commas_only() {
        let text = "{ // one\n \"a//\": [1, /* é */ 2,\n], \"b\\\"/*\": 1, }";
        let cleaned = clean(text);
        assert_eq!(cleaned.len(), text.len());
        let value = crate::json::parse(&cleaned).unwrap();
        assert_eq!(crate::json::to_string(&value), r#"{"a//":[1,2],"b\"/*":1}"#);
        assert_eq!(clean("/* open"), "       ");
        assert_eq!(clean("[,]"), "[ ]");
    }
}
