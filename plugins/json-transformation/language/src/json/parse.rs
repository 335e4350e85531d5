//! The JSON parser (RFC 8259).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::plain_prefix;
use crate::value::{Member, Text, Value, same_text};

/// How deeply arrays and objects may be nested.
pub const MAX_DEPTH: usize = 128;
/// How many values one text may hold. Bounds the memory of a parsed entity (some tens of MiB).
pub const MAX_NODES: usize = 1_000_000;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset into the text.
    pub offset: usize,
    /// What was wrong or expected there.
    pub message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not valid JSON at byte {}: {}", self.offset, self.message)
    }
}

/// Parses one JSON value. The last of several members with the same name wins.
pub fn parse(text: &str) -> Result<Value<'_>, SyntaxError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), pos: 0, nodes: 0 };
    parser.space();
    let value = parser.value(0)?;
    parser.space();
    if parser.pos < parser.bytes.len() {
        return Err(parser.error("nothing may follow the JSON value"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    nodes: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { offset: self.pos, message: message.into() }
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    /// Most texts have no space at all between their tokens.
    #[inline]
    fn space(&mut self) {
        if let b' ' | b'\n' | b'\r' | b'\t' = self.peek() {
            self.spaces();
        }
    }

    #[cold]
    #[inline(never)]
    fn spaces(&mut self) {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.peek() {
            self.pos += 1;
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Counts a value.
    #[inline]
    fn count(&mut self) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("more than {MAX_NODES} values in one JSON text")));
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, SyntaxError> {
        self.count()?;
        match self.peek() {
            b'"' => Ok(Value::String(self.string()?)),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true", Value::True),
            b'f' => self.word("false", Value::False),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => Ok(Value::Number(Cow::Borrowed(self.number()?))),
            _ if self.pos >= self.bytes.len() => Err(self.error("the text ends where a value is expected")),
            _ => Err(self.error("a value is expected")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, SyntaxError> {
        if self.bytes.get(self.pos..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.pos += word.len();
            Ok(value)
        } else {
            Err(self.error(format!("`{word}` is expected")))
        }
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek().is_ascii_digit() {
            return Err(self.error("a digit is expected"));
        }
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.pos;
        if self.peek() == b'-' {
            self.pos += 1;
        }
        if self.peek() == b'0' {
            self.pos += 1;
            if self.peek().is_ascii_digit() {
                return Err(self.error("a number must not start with a zero"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.pos += 1;
            self.digits()?;
        }
        if let b'e' | b'E' = self.peek() {
            self.pos += 1;
            if let b'+' | b'-' = self.peek() {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(self.slice(start, self.pos))
    }

    fn deeper(&self, depth: usize) -> Result<usize, SyntaxError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(depth + 1)
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, SyntaxError> {
        let depth = self.deeper(depth)?;
        self.pos += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == b']' {
            self.pos += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                b',' => self.pos += 1,
                b']' => {
                    self.pos += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.error("`,` or `]` is expected")),
            }
            self.space();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, SyntaxError> {
        let depth = self.deeper(depth)?;
        self.pos += 1;
        let mut members: Vec<Member<'a>> = Vec::new();
        self.space();
        if self.peek() == b'}' {
            self.pos += 1;
            return Ok(Value::Object(members));
        }
        members.reserve(if depth == 1 { 16 } else { 4 });
        let mut names = Names::default();
        loop {
            if self.peek() != b'"' {
                return Err(self.error("a member name in double quotes is expected"));
            }
            let name = match self.plain_string() {
                Some(name) => Cow::Borrowed(name),
                None => self.string()?,
            };
            names.note(&name, &members);
            self.space();
            if self.peek() != b':' {
                return Err(self.error("`:` is expected"));
            }
            self.pos += 1;
            self.space();
            // Written where it stays: handing a value on costs as much as reading it.
            match self.plain_string() {
                Some(text) => {
                    self.count()?;
                    members.push((name, Value::String(Cow::Borrowed(text))));
                }
                None => {
                    let value = self.value(depth)?;
                    members.push((name, value));
                }
            }
            self.space();
            match self.peek() {
                b',' => self.pos += 1,
                b'}' => {
                    self.pos += 1;
                    if names.alike {
                        drop_duplicates(&mut members);
                    }
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.error("`,` or `}` is expected")),
            }
            self.space();
        }
    }

    /// A string without escapes that starts here; none, and nothing read, for anything else.
    #[inline]
    fn plain_string(&mut self) -> Option<&'a str> {
        if self.peek() != b'"' {
            return None;
        }
        let start = self.pos + 1;
        let end = start + plain_prefix(self.bytes.get(start..)?);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.pos = end + 1;
        self.text.get(start..end)
    }

    fn string(&mut self) -> Result<Text<'a>, SyntaxError> {
        self.pos += 1;
        let start = self.pos;
        self.pos += plain_prefix(self.bytes.get(start..).unwrap_or_default());
        loop {
            match self.bytes.get(self.pos) {
                Some(b'"') => {
                    let text = self.slice(start, self.pos);
                    self.pos += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(start).map(Cow::Owned),
                Some(0..=0x1F) => return Err(self.error("a control character must be escaped in a string")),
                Some(_) => self.pos += 1,
                None => return Err(self.error("a string is not closed")),
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<String, SyntaxError> {
        let mut text = String::from(self.slice(start, self.pos));
        loop {
            let from = self.pos;
            self.pos += plain_prefix(self.bytes.get(from..).unwrap_or_default());
            text.push_str(self.slice(from, self.pos));
            match self.bytes.get(self.pos) {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.pos += 1;
                    let escaped = self.escape()?;
                    text.push(escaped);
                }
                Some(_) => return Err(self.error("a control character must be escaped in a string")),
                None => return Err(self.error("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let kind = self.peek();
        let simple = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.pos += 1;
                return self.unicode();
            }
            _ => return Err(self.error("an unknown escape; a backslash itself is written `\\\\`")),
        };
        self.pos += 1;
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let high = self.hex4()?;
        if let 0xD800..=0xDBFF = high
            && self.bytes.get(self.pos..).is_some_and(|rest| rest.starts_with(b"\\u"))
        {
            self.pos += 2;
            let low = self.hex4()?;
            if let 0xDC00..=0xDFFF = low {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).ok_or_else(|| self.error("not a character"));
            }
        }
        char::from_u32(high).ok_or_else(|| self.error("half of a surrogate pair is not a character"))
    }

    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.bytes.get(self.pos..self.pos + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error("four hexadecimal digits are expected"));
        }
        let code = u32::from_str_radix(self.slice(self.pos, self.pos + 4), 16).unwrap_or(0);
        self.pos += 4;
        Ok(code)
    }
}

/// Whether names of an object are the same. Names that differ in length or in their last letters
/// mostly set different bits; only a name whose bit is set already is compared.
#[derive(Default)]
struct Names {
    bits: [u64; 4],
    /// Two are the same, or there are too many to compare.
    alike: bool,
}

impl Names {
    /// Notes the name that comes behind these members.
    #[inline]
    fn note(&mut self, name: &str, members: &[Member<'_>]) {
        const COMPARED: usize = 64;
        let [a, b] = name.as_bytes().last_chunk::<2>().copied().unwrap_or_default();
        let place = usize::from(a) * 7 + usize::from(b) * 3 + name.len() * 31;
        let Some(word) = self.bits.get_mut(place / 64 % 4) else { return };
        let bit = 1 << (place % 64);
        if *word & bit != 0 {
            self.alike |= members.len() > COMPARED || members.iter().any(|(other, _)| same_text(other, name));
        }
        *word |= bit;
    }
}

/// Keeps the last value of each name, at the place of the first. Short objects are compared name by
/// name; for long ones that would be quadratic.
pub(crate) fn drop_duplicates(members: &mut Vec<Member<'_>>) {
    const SHORT: usize = 24;
    let repeated = |at: usize, name: &str| members.iter().take(at).any(|(other, _)| same_text(other, name));
    if members.len() <= SHORT && !members.iter().enumerate().any(|(at, (name, _))| repeated(at, name)) {
        return;
    }
    let mut places: HashMap<Text<'_>, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<Member<'_>> = Vec::with_capacity(members.len());
    for (name, value) in members.drain(..) {
        match places.get(&name).and_then(|place| kept.get_mut(*place)) {
            Some((_, old)) => *old = value,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    *members = kept;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_string;

    #[test]
    fn round_trips() {
        for text in [
            r#"{"a":[1,2.50,-0,1e400,123456789012345678901234567890],"b":{"c":null,"d":[true,false]},"e":""}"#,
            r#""\"\\\n\t\u0001 é 😀""#,
            "[]",
            "{}",
        ] {
            assert_eq!(to_string(&parse(text).unwrap()), text);
        }
        assert_eq!(parse(r#""\ud83d\ude00\u0041\/""#).unwrap().as_str(), Some("😀A/"));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "-",
            "tru",
            "'a'",
            "\"a",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "1 2",
            "{a:1}",
            "\"\\ud800\\u0041\"",
            "nan",
            "+1",
            "\u{feff}1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("[1 2]").unwrap_err().offset, 3);
    }

    #[test]
    fn limits_depth_and_keeps_the_last_duplicate() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(parse(&deep).unwrap_err().message.contains("levels"));
        let fits = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert!(parse(&fits).is_ok());
        assert_eq!(to_string(&parse(r#"{"a":1,"b":2,"a":3}"#).unwrap()), r#"{"a":3,"b":2}"#);
        let many: Vec<String> = (0..50_000).map(|i| format!("\"k{}\":{i}", i % 49_999)).collect();
        let text = format!("{{{}}}", many.join(","));
        let value = parse(&text).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 49_999);
        assert_eq!(value.get("k0").unwrap().to_text(), "49999");
    }
}
