//! Search filters (RFC 4511 section 4.5.1.7), and their text form (RFC 4515) that administrators write.

use crate::ber::{OCTET_STRING, SEQUENCE, Writer};

/// How deep a filter may be nested.
const DEPTH: usize = 30;

/// A search filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// Equal to the value.
    Equal(String, Vec<u8>),
    /// Beginning, middle and end.
    Substrings(String, Substrings),
    /// At least the value.
    GreaterOrEqual(String, Vec<u8>),
    /// At most the value.
    LessOrEqual(String, Vec<u8>),
    /// There at all.
    Present(String),
    /// About equal to the value.
    Approximately(String, Vec<u8>),
    /// By a matching rule.
    Extensible(Extensible),
}

/// The parts of a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Substrings {
    initial: Option<Vec<u8>>,
    any: Vec<Vec<u8>>,
    last: Option<Vec<u8>>,
}

/// A match by a rule of the administrator's choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extensible {
    rule: Option<String>,
    attribute: Option<String>,
    value: Vec<u8>,
    dn: bool,
}

impl Filter {
    /// Equality of an attribute with a text; no character of it has a meaning.
    pub fn equal(attribute: &str, value: &str) -> Self {
        Self::Equal(attribute.to_owned(), value.as_bytes().to_vec())
    }

    /// Reads the text form. The parentheses around the whole may be missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let whole = if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
        let mut parser = Parser { text: &whole, at: 0 };
        let filter = parser.filter(0)?;
        match parser.rest() {
            "" => Ok(filter),
            rest => Err(format!("{rest:?} stands behind the end of the filter")),
        }
    }

    /// Writes the filter into a message.
    pub fn write(&self, to: &mut Writer) {
        let assertion = |to: &mut Writer, tag, attribute: &str, value: &[u8]| {
            to.constructed(tag, |inner| {
                inner.element(OCTET_STRING, attribute.as_bytes());
                inner.element(OCTET_STRING, value);
            });
        };
        match self {
            Self::And(filters) => to.constructed(0xa0, |inner| filters.iter().for_each(|f| f.write(inner))),
            Self::Or(filters) => to.constructed(0xa1, |inner| filters.iter().for_each(|f| f.write(inner))),
            Self::Not(filter) => to.constructed(0xa2, |inner| filter.write(inner)),
            Self::Equal(attribute, value) => assertion(to, 0xa3, attribute, value),
            Self::GreaterOrEqual(attribute, value) => assertion(to, 0xa5, attribute, value),
            Self::LessOrEqual(attribute, value) => assertion(to, 0xa6, attribute, value),
            Self::Present(attribute) => to.element(0x87, attribute.as_bytes()),
            Self::Approximately(attribute, value) => assertion(to, 0xa8, attribute, value),
            Self::Substrings(attribute, parts) => to.constructed(0xa4, |inner| {
                inner.element(OCTET_STRING, attribute.as_bytes());
                inner.constructed(SEQUENCE, |list| {
                    parts.initial.iter().for_each(|part| list.element(0x80, part));
                    parts.any.iter().for_each(|part| list.element(0x81, part));
                    parts.last.iter().for_each(|part| list.element(0x82, part));
                });
            }),
            Self::Extensible(extensible) => to.constructed(0xa9, |inner| {
                extensible.rule.iter().for_each(|rule| inner.element(0x81, rule.as_bytes()));
                extensible.attribute.iter().for_each(|name| inner.element(0x82, name.as_bytes()));
                inner.element(0x83, &extensible.value);
                if extensible.dn {
                    inner.boolean(0x84, true);
                }
            }),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn blanks(&mut self) {
        while self.skip(' ') || self.skip('\n') || self.skip('\r') || self.skip('\t') {}
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > DEPTH {
            return Err(format!("it is nested more than {DEPTH} deep"));
        }
        if !self.skip('(') {
            return Err(format!("a parenthesis is missing before {:?}", self.rest()));
        }
        self.blanks();
        let filter = if self.skip('&') {
            Filter::And(self.list(depth)?)
        } else if self.skip('|') {
            Filter::Or(self.list(depth)?)
        } else if self.skip('!') {
            self.blanks();
            Filter::Not(Box::new(self.filter(depth + 1)?))
        } else {
            self.item()?
        };
        self.blanks();
        if self.skip(')') { Ok(filter) } else { Err("a parenthesis is not closed".to_owned()) }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Filter>, String> {
        let mut filters = Vec::new();
        self.blanks();
        while self.rest().starts_with('(') {
            filters.push(self.filter(depth + 1)?);
            self.blanks();
        }
        Ok(filters)
    }

    fn item(&mut self) -> Result<Filter, String> {
        let rest = self.rest();
        let end = rest.find(['(', ')']).unwrap_or(rest.len());
        let (item, _) = rest.split_at(end);
        self.at += end;
        let (left, value) = item.split_once('=').ok_or_else(|| format!("{item:?} has no \"=\""))?;
        let left = left.trim_end();
        let (operator, attribute) = match left.char_indices().next_back() {
            Some((at, operator @ ('>' | '<' | '~' | ':'))) => (operator, left.get(..at).unwrap_or_default()),
            _ => ('=', left),
        };
        if operator == ':' {
            return extensible(attribute, value);
        }
        let attribute = description(attribute)?;
        match operator {
            '>' => Ok(Filter::GreaterOrEqual(attribute, unescape(value)?)),
            '<' => Ok(Filter::LessOrEqual(attribute, unescape(value)?)),
            '~' => Ok(Filter::Approximately(attribute, unescape(value)?)),
            _ if value == "*" => Ok(Filter::Present(attribute)),
            _ if value.contains('*') => substrings(value).map(|parts| Filter::Substrings(attribute, parts)),
            _ => Ok(Filter::Equal(attribute, unescape(value)?)),
        }
    }
}

fn substrings(value: &str) -> Result<Substrings, String> {
    let parts: Vec<Vec<u8>> = value.split('*').map(unescape).collect::<Result<_, _>>()?;
    let mut parts = parts.into_iter();
    let initial = parts.next().filter(|part| !part.is_empty());
    let last = parts.next_back().filter(|part| !part.is_empty());
    let any = parts.filter(|part| !part.is_empty()).collect();
    Ok(Substrings { initial, any, last })
}

/// `attribute[:dn][:rule]:=value`.
fn extensible(left: &str, value: &str) -> Result<Filter, String> {
    let mut parts = left.split(':');
    let attribute = parts.next().filter(|name| !name.is_empty()).map(description).transpose()?;
    let (mut dn, mut rule) = (false, None);
    for part in parts {
        if part.eq_ignore_ascii_case("dn") && rule.is_none() {
            dn = true;
        } else if rule.is_none() && !part.is_empty() {
            rule = Some(description(part)?);
        } else {
            return Err(format!("{left:?} is no matching rule"));
        }
    }
    if attribute.is_none() && rule.is_none() {
        return Err("a match by rule needs an attribute or a rule".to_owned());
    }
    Ok(Filter::Extensible(Extensible { rule, attribute, value: unescape(value)?, dn }))
}

/// An attribute with its options.
fn description(text: &str) -> Result<String, String> {
    if is_description(text) { Ok(text.to_owned()) } else { Err(format!("{text:?} is no attribute")) }
}

/// Whether the text may name an attribute in a message (RFC 4512 section 2.5).
pub fn is_description(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ';' | '.' | '_'))
}

/// A value with `\XX` for what has a meaning of its own.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut value = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' {
            let digit = |byte: Option<u8>| char::from(byte.unwrap_or_default()).to_digit(16);
            let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                return Err(format!(
                    "in {text:?} a backslash is not followed by two hexadecimal digits (write \\28 for a parenthesis, \
                     \\2a for a star)"
                ));
            };
            value.push(u8::try_from(high * 16 + low).unwrap_or_default());
        } else {
            value.push(byte);
        }
    }
    Ok(value)
}
