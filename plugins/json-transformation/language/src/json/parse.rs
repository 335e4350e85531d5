//! The JSON parser (RFC 8259).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::{plain_prefix, special};
use crate::same::same_text;
use crate::value::{Member, Text, Value};

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

/// Where parsing goes on after a fault: behind the end of every text.
const FAILED: usize = usize::MAX;

/// Parses one JSON value. The last of several members with the same name wins.
pub fn parse(text: &str) -> Result<Value<'_>, SyntaxError> {
    let mut parser = Parser { text, pos: 0, nodes: 0, fault: None };
    let mut found = None;
    let start = parser.space(0);
    let end = parser.value(start, 0, |value| found = Some(value));
    let end = parser.space(end);
    if end < text.len() {
        parser.fail(end, "nothing may follow the JSON value");
    }
    match (parser.fault, found) {
        (None, Some(value)) => Ok(value),
        (Some(fault), _) => Err(fault),
        (None, None) => Err(SyntaxError { offset: 0, message: "a value is expected".to_owned() }),
    }
}

/// Places go from function to function as numbers, and values are written where they stay: what is
/// handed on through memory costs as much as reading it, in WebAssembly more.
struct Parser<'a> {
    text: &'a str,
    /// The place of what is seldom: escapes, numbers, words.
    pos: usize,
    nodes: usize,
    /// The first fault.
    fault: Option<SyntaxError>,
}

impl<'a> Parser<'a> {
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { offset: self.pos, message: message.into() }
    }

    /// Notes a fault, unless there was one before.
    #[cold]
    #[inline(never)]
    fn fail(&mut self, offset: usize, message: &str) -> usize {
        self.fault.get_or_insert_with(|| SyntaxError { offset, message: message.to_owned() });
        FAILED
    }

    /// Goes on behind what was read at `pos`, or not.
    fn behind<T>(&mut self, result: Result<T, SyntaxError>, put: impl FnOnce(T)) -> usize {
        match result {
            Ok(value) => {
                put(value);
                self.pos
            }
            Err(fault) => {
                self.fault.get_or_insert(fault);
                FAILED
            }
        }
    }

    /// The byte at a place; zero behind the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.byte(self.pos)
    }

    /// Most texts have no space at all between their tokens.
    #[inline(always)]
    fn space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.spaces(at) }
    }

    #[cold]
    #[inline(never)]
    fn spaces(&self, mut at: usize) -> usize {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.byte(at) {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Reads a value and puts it where it stays; returns the place behind it.
    #[inline(always)]
    fn value(&mut self, at: usize, depth: usize, put: impl FnOnce(Value<'a>)) -> usize {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.too_many(at);
        }
        match self.byte(at) {
            b'"' => {
                let end = self.plain_end(at + 1);
                if self.byte(end) == b'"' {
                    put(Value::String(Cow::Borrowed(self.slice(at + 1, end))));
                    return end + 1;
                }
                let text = self.escaped(at + 1, end);
                self.behind(text, |text| put(Value::String(Cow::Owned(text))))
            }
            b'{' | b'[' if depth >= MAX_DEPTH => self.too_deep(at),
            b'{' => {
                let first = self.space(at + 1);
                if self.byte(first) == b'}' {
                    put(Value::Object(Vec::new().into()));
                    return first + 1;
                }
                let mut members = Vec::with_capacity(self.room(depth));
                let end = self.object(first, depth + 1, &mut members);
                put(Value::Object(members.into()));
                end
            }
            b'[' => {
                let first = self.space(at + 1);
                if self.byte(first) == b']' {
                    put(Value::Array(Vec::new().into()));
                    return first + 1;
                }
                let mut items = Vec::with_capacity(4);
                let end = self.array(first, depth + 1, &mut items);
                put(Value::Array(items.into()));
                end
            }
            b't' if self.has(at, *b"true") => {
                put(Value::True);
                at + 4
            }
            b'f' if self.has(at + 1, *b"alse") => {
                put(Value::False);
                at + 5
            }
            _ => {
                self.pos = at;
                let value = self.simple();
                self.behind(value, put)
            }
        }
    }

    #[inline]
    fn has(&self, at: usize, word: [u8; 4]) -> bool {
        self.text.as_bytes().get(at..).and_then(<[u8]>::first_chunk) == Some(&word)
    }

    /// How many members an object has room for at first: the usual number, unless there are so many objects
    /// that memory counts.
    #[inline]
    fn room(&self, depth: usize) -> usize {
        match depth {
            0 => 32,
            _ if self.nodes < 4096 => 8,
            _ => 2,
        }
    }

    /// Numbers and words.
    #[inline(never)]
    fn simple(&mut self) -> Result<Value<'a>, SyntaxError> {
        match self.peek() {
            b't' => Err(self.error("`true` is expected")),
            b'f' => Err(self.error("`false` is expected")),
            b'n' if self.has(self.pos, *b"null") => {
                self.pos += 4;
                Ok(Value::Null)
            }
            b'n' => Err(self.error("`null` is expected")),
            b'-' | b'0'..=b'9' => Ok(Value::Number(Cow::Borrowed(self.number()?))),
            _ if self.pos >= self.text.len() => Err(self.error("the text ends where a value is expected")),
            _ => Err(self.error("a value is expected")),
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

    /// An array that is not empty, from its first element on.
    fn array(&mut self, mut at: usize, depth: usize, items: &mut Vec<Value<'a>>) -> usize {
        loop {
            at = self.value(at, depth, |value| items.push(value));
            at = self.space(at);
            match self.byte(at) {
                b',' => at = self.space(at + 1),
                b']' => return at + 1,
                _ => return self.fail(at, "`,` or `]` is expected"),
            }
        }
    }

    /// An object that is not empty, from the name of its first member on.
    fn object(&mut self, mut at: usize, depth: usize, members: &mut Vec<Member<'a>>) -> usize {
        let mut names = Names::default();
        loop {
            if self.byte(at) != b'"' {
                return self.fail(at, "a member name in double quotes is expected");
            }
            let end = self.plain_end(at + 1);
            let name = if self.byte(end) == b'"' {
                let name = self.slice(at + 1, end);
                at = end + 1;
                Cow::Borrowed(name)
            } else {
                let text = self.escaped(at + 1, end);
                let mut name = Cow::Borrowed("");
                at = self.behind(text, |text| name = Cow::Owned(text));
                name
            };
            names.note(&name, members);
            at = self.space(at);
            if self.byte(at) != b':' {
                return self.fail(at, "`:` is expected");
            }
            at = self.space(at + 1);
            at = self.value(at, depth, |value| members.push((name, value)));
            at = self.space(at);
            match self.byte(at) {
                b',' => at = self.space(at + 1),
                b'}' => {
                    if names.alike {
                        drop_duplicates(members);
                    }
                    return at + 1;
                }
                _ => return self.fail(at, "`,` or `}` is expected"),
            }
        }
    }

    #[cold]
    fn too_many(&mut self, at: usize) -> usize {
        self.fail(at, &format!("more than {MAX_NODES} values in one JSON text"))
    }

    #[cold]
    fn too_deep(&mut self, at: usize) -> usize {
        self.fail(at, &format!("nested more than {MAX_DEPTH} levels deep"))
    }

    /// Where the part of a string ends that is written as it is meant.
    #[inline(always)]
    fn plain_end(&self, at: usize) -> usize {
        let Some(rest) = self.text.as_bytes().get(at..) else { return at };
        // Many end within two words, and need no call.
        let Some((first, rest)) = rest.split_first_chunk::<8>() else { return at + plain_prefix(rest) };
        match special(*first) {
            0 => {}
            marks => return at + (marks.trailing_zeros() / 8) as usize,
        }
        let Some((second, rest)) = rest.split_first_chunk::<8>() else { return at + 8 + plain_prefix(rest) };
        match special(*second) {
            0 => at + 16 + plain_prefix(rest),
            marks => at + 8 + (marks.trailing_zeros() / 8) as usize,
        }
    }

    /// The string from `start` on, which is plain up to `plain`.
    #[inline(never)]
    fn escaped(&mut self, start: usize, plain: usize) -> Result<String, SyntaxError> {
        let begin = self.slice(start, plain);
        let mut text = String::with_capacity(begin.len() + 32);
        text.push_str(begin);
        self.pos = plain;
        loop {
            let from = self.pos;
            self.pos = self.plain_end(from);
            text.push_str(self.slice(from, self.pos));
            match self.text.as_bytes().get(self.pos) {
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
            && self.text.as_bytes().get(self.pos..).is_some_and(|rest| rest.starts_with(b"\\u"))
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
        let digits = self.text.as_bytes().get(self.pos..self.pos + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error("four hexadecimal digits are expected"));
        }
        let code = u32::from_str_radix(self.slice(self.pos, self.pos + 4), 16).unwrap_or(0);
        self.pos += 4;
        Ok(code)
    }
}

/// Whether names of an object are the same. Names that differ in length or in their last letters
/// mostly set different bits; only a name whose bits are set already is compared.
#[derive(Default)]
struct Names {
    bits: (u64, u64),
    /// Two are the same, or there are too many to compare.
    alike: bool,
}

impl Names {
    /// Notes the name that comes behind these members.
    #[inline]
    fn note(&mut self, name: &str, members: &[Member<'_>]) {
        let [a, b] = name.as_bytes().last_chunk::<2>().copied().unwrap_or_default();
        let (one, two) = (usize::from(a) * 5 + usize::from(b), usize::from(b) * 3 + name.len() * 9);
        let (one, two) = (1 << (one % 64), 1 << (two % 64));
        if self.bits.0 & one != 0 && self.bits.1 & two != 0 {
            self.alike |= repeated(name, members);
        }
        self.bits.0 |= one;
        self.bits.1 |= two;
    }
}

/// Whether a name is among the members, or may be among too many to compare.
#[cold]
#[inline(never)]
fn repeated(name: &str, members: &[Member<'_>]) -> bool {
    const COMPARED: usize = 64;
    members.len() > COMPARED || members.iter().any(|(other, _)| same_text(other, name))
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
