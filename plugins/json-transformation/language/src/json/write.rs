//! Writing JSON.

use super::scan::{Special, special};
use crate::value::Value;

/// The compact JSON text of a value.
pub fn to_string(value: &Value<'_>) -> String {
    let mut out = Out::default();
    out.value(value);
    text(out.written())
}

/// What [`Out`] has written, as a text. Only whole texts and ASCII ever are, so nothing is replaced.
pub fn text(written: &[u8]) -> String {
    match std::str::from_utf8(written) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(written).into_owned(),
    }
}

/// JSON text that is being written.
///
/// There are always bytes behind what is written, so that a text is copied in words, without asking
/// for room in between; in WebAssembly every such question, every turn of a loop and every copy of a
/// length not known beforehand costs more than the copying.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    at: usize,
}

impl Out {
    /// What is written so far, in UTF-8; what follows starts anew.
    pub fn written(&mut self) -> &[u8] {
        let end = std::mem::take(&mut self.at);
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Whether nothing is written yet.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    #[inline]
    fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.at + count;
        if end > self.bytes.len() {
            self.grow(end);
        }
        let from = std::mem::replace(&mut self.at, end);
        self.bytes.get_mut(from..end).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, least: usize) {
        let length = least.max(self.bytes.len() * 2).max(1024);
        self.bytes.resize(length, 0);
    }

    /// Appends a bracket, a colon, a comma.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        if let [place] = self.room(1) {
            *place = byte;
        }
    }

    /// Appends a text as it is.
    #[inline]
    pub fn raw(&mut self, text: &str) {
        copy(self.room(text.len()), text.as_bytes());
    }

    /// Appends the compact JSON text of a value. Holes are left out; bytes are written as text.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::String(text) => self.text(text),
            Value::Number(text) => self.raw(text),
            Value::Null | Value::Hole => self.raw("null"),
            Value::True => self.raw("true"),
            Value::False => self.raw("false"),
            Value::Bytes(bytes) => self.lossy(bytes),
            Value::Array(items) => {
                let mut before = b'[';
                for item in items.iter().filter(|item| !matches!(item, Value::Hole)) {
                    self.byte(std::mem::replace(&mut before, b','));
                    self.value(item);
                }
                self.close(before, b'[', b']');
            }
            Value::Object(members) => {
                let mut before = b'{';
                for (name, item) in members {
                    match item {
                        Value::Hole => continue,
                        Value::String(text) => self.pair(before, name, text),
                        item => {
                            self.name(before, name);
                            self.value(item);
                        }
                    }
                    before = b',';
                }
                self.close(before, b'{', b'}');
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn lossy(&mut self, bytes: &[u8]) {
        self.text(&String::from_utf8_lossy(bytes));
    }

    /// A bracket or comma, a name, a colon and a string.
    #[inline(always)]
    fn pair(&mut self, before: u8, name: &str, text: &str) {
        let start = self.at;
        let place = self.room(name.len() + text.len() + 6);
        if let Some(([mark, open, inside @ .., close, colon], [open_text, inside_text @ .., close_text])) =
            place.split_at_mut_checked(name.len() + 4)
        {
            *mark = before;
            *open = b'"';
            *close = b'"';
            *colon = b':';
            *open_text = b'"';
            *close_text = b'"';
            if copy(inside, name.as_bytes()) | copy(inside_text, text.as_bytes()) == 0 {
                return;
            }
        }
        self.at = start;
        self.name(before, name);
        self.text(text);
    }

    /// A bracket or comma, a name and a colon.
    #[inline]
    fn name(&mut self, before: u8, name: &str) {
        let start = self.at;
        if let [mark, open, inside @ .., close, colon] = self.room(name.len() + 4) {
            *mark = before;
            *open = b'"';
            *close = b'"';
            *colon = b':';
            if copy(inside, name.as_bytes()) == 0 {
                return;
            }
        }
        self.at = start;
        self.byte(before);
        self.escaped(name);
        self.byte(b':');
    }

    fn close(&mut self, before: u8, open: u8, close: u8) {
        if before == open {
            self.byte(open);
        }
        self.byte(close);
    }

    /// Appends a JSON string literal.
    pub fn text(&mut self, text: &str) {
        let start = self.at;
        if let [open, inside @ .., close] = self.room(text.len() + 2) {
            *open = b'"';
            *close = b'"';
            if copy(inside, text.as_bytes()) == 0 {
                return;
            }
        }
        self.at = start;
        self.escaped(text);
    }

    #[cold]
    fn escaped(&mut self, text: &str) {
        self.byte(b'"');
        let mut rest = text;
        loop {
            let (plain, tail) = rest.split_at(super::plain_prefix(rest.as_bytes()));
            self.raw(plain);
            let mut chars = tail.chars();
            match chars.next() {
                Some('"') => self.raw("\\\""),
                Some('\\') => self.raw("\\\\"),
                Some('\n') => self.raw("\\n"),
                Some('\r') => self.raw("\\r"),
                Some('\t') => self.raw("\\t"),
                Some('\u{8}') => self.raw("\\b"),
                Some('\u{C}') => self.raw("\\f"),
                Some(other) => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    let code = u32::from(other) as usize;
                    self.raw("\\u00");
                    for digit in [code >> 4, code & 15] {
                        self.byte(HEX.get(digit).copied().unwrap_or(b'0'));
                    }
                }
                None => break,
            }
            rest = chars.as_str();
        }
        self.byte(b'"');
    }
}

/// Copies to a place of the same length. Not zero if a byte must be escaped in a JSON string.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) -> Special {
    if from.len() > 16 {
        return copy_long(to, from);
    }
    if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        if let Some(place) = to.first_chunk_mut::<8>() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut::<8>() {
            *place = *last;
        }
        return special(*first) | special(*last);
    }
    copy_short(to, from)
}

/// Up to seven bytes.
#[inline]
fn copy_short(to: &mut [u8], from: &[u8]) -> Special {
    if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        if let Some(place) = to.first_chunk_mut::<4>() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut::<4>() {
            *place = *last;
        }
        let [a, b, c, d] = *first;
        let [e, f, g, h] = *last;
        return special([a, b, c, d, e, f, g, h]);
    }
    let mut found = 0;
    for (place, byte) in to.iter_mut().zip(from) {
        *place = *byte;
        found |= special([*byte; 8]);
    }
    found
}

/// More than sixteen bytes. Without a loop for what whole pieces leave over: the compiler would make a copy of unknown
/// length of it, which leaves a component.
#[inline(never)]
fn copy_long(to: &mut [u8], from: &[u8]) -> Special {
    let Some(last) = from.last_chunk::<32>() else {
        let (Some(first), Some(last)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) else { return 0 };
        if let Some(place) = to.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = *last;
        }
        return specials(first) | specials(last);
    };
    let mut found = specials(last);
    for (piece, place) in from.as_chunks::<32>().0.iter().zip(to.as_chunks_mut::<32>().0) {
        *place = *piece;
        found |= specials(piece);
    }
    if let Some(place) = to.last_chunk_mut() {
        *place = *last;
    }
    found
}

#[inline(always)]
fn specials(piece: &[u8]) -> Special {
    piece.as_chunks::<8>().0.iter().fold(0, |found, word| found | special(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_come_back() {
        let plain: String = "abcdefghijklmnopqrstuvwxyzäöü€0123456789".repeat(4);
        let mut out = Out::default();
        for end in (0..plain.len()).filter(|end| plain.is_char_boundary(*end)) {
            let text = &plain[..end];
            out.text(text);
            assert_eq!(super::text(out.written()), format!("\"{text}\""));
            for at in (0..end).filter(|at| text.is_char_boundary(*at)) {
                let (before, after) = text.split_at(at);
                out.text(&format!("{before}\"{after}"));
                assert_eq!(super::text(out.written()), format!("\"{before}\\\"{after}\""));
            }
        }
    }
}
