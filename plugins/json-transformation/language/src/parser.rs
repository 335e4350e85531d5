//! The text cursor that paths and conditions are parsed with: they contain each other.

use std::collections::HashMap;
use std::fmt;

/// Properties of the system, by key.
pub type Properties = HashMap<String, String>;

/// How deeply expressions may be nested.
const MAX_NESTING: usize = 48;
/// How long a path or condition may be.
const MAX_LENGTH: usize = 64 * 1024;

/// Why a path or a condition does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset into the path or condition.
    pub offset: usize,
    /// What was found or expected there.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.offset + 1, self.message)
    }
}

/// A position in the text of a path or condition.
pub struct Parser<'s> {
    pub(crate) text: &'s str,
    pub(crate) pos: usize,
    nesting: usize,
    /// Properties, where calls that need them are allowed.
    pub(crate) properties: Option<&'s Properties>,
    /// A reference `${…}` stands outside a string: the text can only be parsed once it is replaced.
    pub(crate) dynamic: bool,
    /// Inside the brackets of a filter.
    pub(crate) filters: usize,
}

impl<'s> Parser<'s> {
    pub(crate) fn new(text: &'s str, properties: Option<&'s Properties>) -> Self {
        Parser { text, pos: 0, nesting: 0, properties, dynamic: false, filters: 0 }
    }

    pub(crate) fn rest(&self) -> &'s str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.pos += next.len_utf8();
        Some(next)
    }

    /// Skips the text if it comes next.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    pub(crate) fn expect(&mut self, text: &str) -> Result<(), ParseError> {
        if self.eat(text) { Ok(()) } else { Err(self.expected(&format!("`{text}`"))) }
    }

    pub(crate) fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { offset: self.pos, message: message.into() }
    }

    pub(crate) fn expected(&self, what: &str) -> ParseError {
        let rest = self.rest();
        let found: String = rest.chars().take(12).collect();
        let found = if found.is_empty() { "the text ends".to_owned() } else { format!("found `{found}`") };
        self.error(format!("{what} is expected, {found}"))
    }

    pub(crate) fn end(&mut self) -> Result<(), ParseError> {
        self.space();
        if self.rest().is_empty() { Ok(()) } else { Err(self.expected("the end")) }
    }

    /// Runs a rule one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        rule: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.nesting >= MAX_NESTING {
            return Err(self.error(format!("nested more than {MAX_NESTING} levels deep")));
        }
        if self.text.len() > MAX_LENGTH {
            return Err(self.error(format!("longer than {MAX_LENGTH} bytes")));
        }
        self.nesting += 1;
        let result = rule(self);
        self.nesting -= 1;
        result
    }

    /// A string literal in single or double quotes with backslash escapes.
    pub(crate) fn quoted(&mut self) -> Result<String, ParseError> {
        let quote = match self.peek() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.expected("a quoted text")),
        };
        let start = self.pos;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some(c) if c == quote => return Ok(text),
                Some('\\') => match self.bump() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{C}'),
                    Some('u') => {
                        let code = self.rest().get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                        match code.and_then(char::from_u32) {
                            Some(c) => {
                                text.push(c);
                                self.pos += 4;
                            }
                            None => return Err(self.expected("four hexadecimal digits of a character")),
                        }
                    }
                    Some(c) => text.push(c),
                    None => break,
                },
                Some(c) => text.push(c),
                None => break,
            }
        }
        Err(ParseError { offset: start, message: "this quoted text is not closed".into() })
    }

    /// An integer with an optional minus sign.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest.get(sign..)?.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let number = rest.get(..sign + digits)?.parse().ok()?;
        self.pos += sign + digits;
        Some(number)
    }
}
