//! Distinguished names (RFC 4514).

use std::fmt::Write;

/// A distinguished name taken apart, the entry's own part first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dn {
    parts: Vec<Rdn>,
}

/// One part of a distinguished name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rdn {
    /// As it was written.
    pub text: String,
    /// Its attributes and values.
    pub pairs: Vec<(String, String)>,
}

impl Dn {
    /// Reads a name; nothing if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self { parts: Vec::new() });
        }
        let parts = split(text, &[',', ';']).into_iter().map(Rdn::parse).collect::<Option<_>>()?;
        Some(Self { parts })
    }

    /// The entry's own part.
    pub fn rdn(&self) -> Option<&Rdn> {
        self.parts.first()
    }

    /// How many parts it has.
    pub fn depth(&self) -> usize {
        self.parts.len()
    }

    /// The name of the entry above.
    pub fn parent(&self) -> Self {
        Self { parts: self.parts.iter().skip(1).cloned().collect() }
    }

    /// The same place with another part of the entry's own.
    pub fn with_rdn(&self, rdn: Rdn) -> Self {
        Self { parts: std::iter::once(rdn).chain(self.parts.iter().skip(1).cloned()).collect() }
    }

    /// Whether the entry is below the other one, or is it.
    pub fn is_within(&self, other: &Dn) -> bool {
        self.parts.len() >= other.parts.len()
            && self.parts.iter().rev().zip(other.parts.iter().rev()).all(|(a, b)| a.normal() == b.normal())
    }

    /// The text form.
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(",")
    }

    /// A form in which two names of the same entry are the same text.
    pub fn normal(&self) -> String {
        self.parts.iter().map(Rdn::normal).collect::<Vec<_>>().join(",")
    }
}

impl Rdn {
    /// A part made of attributes and values.
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        let text = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect::<Vec<_>>()
            .join("+");
        Self { text, pairs }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let pairs = split(text, &['+']).into_iter().map(pair).collect::<Option<_>>()?;
        Some(Self { text: trim_end(text).to_owned(), pairs })
    }

    fn normal(&self) -> String {
        let mut pairs: Vec<String> = self
            .pairs
            .iter()
            .map(|(name, value)| {
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("{}={}", name.to_ascii_lowercase(), escape(&folded(&value)))
            })
            .collect();
        pairs.sort_unstable();
        pairs.join("+")
    }
}

/// The form in which two names of the same entry are the same text: in lower case, one way to escape,
/// no needless blanks. A server takes it for the name it has; what it was spelled like gets lost. What is
/// no name comes back in lower case.
pub fn normal(text: &str) -> String {
    Dn::parse(text).map_or_else(|| folded(text), |dn| dn.normal())
}

/// In lower case, character by character: a name must come out the same wherever it stands.
fn folded(text: &str) -> String {
    let single = |character: char| {
        let mut lower = character.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => character,
        }
    };
    text.chars().map(single).collect()
}

/// A value as it stands in a name: nothing in it can end the value or begin another.
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 4);
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            // Writing to a String cannot fail.
            c if c.is_ascii_control() => drop(write!(escaped, "\\{:02x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text between separators that no backslash takes their meaning.
fn split<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        if !escaped && separators.contains(&character) {
            parts.extend(text.get(start..at));
            start = at + character.len_utf8();
        }
        escaped = !escaped && character == '\\';
    }
    parts.extend(text.get(start..));
    parts
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let named = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_'));
    if !named {
        return None;
    }
    let value = trim_end(value.trim_start());
    // The bytes of a value of unknown syntax: its text form has no other way to be written.
    if value.starts_with('#') {
        return None;
    }
    Some((name.to_owned(), unescape(value)?))
}

/// Without blanks at the end, but for one that a backslash keeps.
fn trim_end(text: &str) -> &str {
    let trimmed = text.trim_end_matches(' ');
    let backslashes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    if backslashes % 2 == 1 && trimmed.len() < text.len() {
        text.get(..trimmed.len() + 1).unwrap_or(text)
    } else {
        trimmed
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let first = characters.next()?;
        match first.to_digit(16) {
            Some(high) => {
                let low = characters.next()?.to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            None => bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}
