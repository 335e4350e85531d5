//! Replacing matches the way Java does.

use super::{Groups, Regex};
use crate::budget::Budget;

/// Which matches are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Replace {
    First,
    Last,
    All,
}

/// A piece of a replacement text.
enum Piece {
    Text(String),
    Group(usize),
}

impl Regex {
    /// The text with matches replaced; `None` if there is no match.
    pub fn replace(
        &self,
        text: &str,
        which: Replace,
        replacement: &str,
        budget: &Budget,
    ) -> Result<Option<String>, String> {
        let mut matches: Vec<Groups> = Vec::new();
        let mut from = 0;
        while from <= text.len() && budget.step(1) {
            let Some(groups) = self.groups_from(text, from)? else { break };
            let Some(Some((start, end))) = groups.first().copied() else { break };
            from = if end > start { end } else { next_char(text, end) };
            if which == Replace::Last {
                matches.clear();
            }
            matches.push(groups);
            if which == Replace::First {
                break;
            }
        }
        if matches.is_empty() {
            return Ok(None);
        }
        let pieces = self.pieces(replacement)?;
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for groups in &matches {
            let Some(Some((start, end))) = groups.first().copied() else { continue };
            out.push_str(text.get(done..start).unwrap_or_default());
            for piece in &pieces {
                let piece = match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Group(number) => match groups.get(*number) {
                        Some(Some((start, end))) => text.get(*start..*end).unwrap_or_default(),
                        _ => "",
                    },
                };
                if !budget.text(piece.len()) {
                    return Ok(None);
                }
                out.push_str(piece);
            }
            done = end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Ok(Some(out))
    }

    /// Reads a replacement: `\x` is `x` itself, `$n` and `${name}` are groups; of the digits behind
    /// `$` as many count as name an existing group.
    fn pieces(&self, replacement: &str) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = replacement.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(chars.next().ok_or("the replacement ends with a single backslash")?),
                '$' => {
                    let number = if chars.peek() == Some(&'{') {
                        chars.next();
                        let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                        self.named_group(&name)
                            .ok_or_else(|| format!("the pattern has no group named `{name}`"))?
                    } else {
                        let digit = |c: Option<&char>| c.and_then(|c| c.to_digit(10)).map(|n| n as usize);
                        let mut number = digit(chars.peek())
                            .ok_or("`$` in a replacement is followed by a group's number or name; `$` itself is written `\\$`")?;
                        chars.next();
                        if number > self.groups() {
                            return Err(format!(
                                "the pattern has no group {number}; it has {}",
                                self.groups()
                            ));
                        }
                        while let Some(next) =
                            digit(chars.peek()).map(|n| number * 10 + n).filter(|n| *n <= self.groups())
                        {
                            number = next;
                            chars.next();
                        }
                        number
                    };
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Group(number));
                }
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(pieces)
    }
}

fn next_char(text: &str, at: usize) -> usize {
    at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}
