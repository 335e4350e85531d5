//! Where a page starts, and where the next one does.
//!
//! Nothing may be left out: an entity that is never seen is deleted in the targets. So the
//! connector advances only by what an answer proves, and rather reads an entity twice.

use gangway_sdk::Error;
use serde::{Deserialize, Serialize};

/// Where a page starts. Its JSON text is the cursor the engine keeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Position {
    /// `startIndex` (RFC 7644 section 3.4.2.4).
    Index(Index),
    /// `cursor` (RFC 9865).
    Cursor(Cursor),
}

/// A place in a list that is paged by index.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The one-based `startIndex`.
    pub start: u64,
    /// The most that the server gives in one page, where it was found to be less than asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
    /// The server leaves entities out of a page that it has counted in `itemsPerPage`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filtered: bool,
    /// The first entity of the page before: seen again, the server does not page at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// A place in a list that is paged by cursor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// What the server gave as `nextCursor`; empty for the first page.
    pub value: String,
    /// How often the read had to start again because the server had forgotten a cursor.
    #[serde(default)]
    pub restarts: u8,
}

impl Position {
    /// The first page.
    pub fn first(by_cursor: bool) -> Self {
        if by_cursor {
            Self::Cursor(Cursor { value: String::new(), restarts: 0 })
        } else {
            Self::Index(Index { start: 1, cap: None, filtered: false, before: None })
        }
    }
}

/// What an answer says of itself.
#[derive(Clone, Default, Debug)]
pub struct Facts {
    /// How many entities were asked for.
    pub asked: u32,
    /// How many came.
    pub came: usize,
    /// `itemsPerPage`.
    pub items_per_page: Option<u64>,
    /// `totalResults`.
    pub total: Option<u64>,
    /// `nextCursor`.
    pub next_cursor: Option<String>,
    /// The identifier of the first entity.
    pub first: Option<String>,
}

/// What to do with an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Keep the entities in the range; the next page starts there, if there is one.
    Take {
        /// The first of them.
        from: usize,
        /// One past the last of them.
        to: usize,
        /// Where the next page starts; none after the last one.
        next: Option<Position>,
    },
    /// Ask again for this many: the answer does not tell how far it reaches.
    AskAgain(u32),
}

/// Decides how far an answer reaches.
pub fn step(position: &Position, facts: &Facts) -> Result<Step, Error> {
    match position {
        Position::Cursor(cursor) => Ok(by_cursor(cursor, facts)),
        Position::Index(index) => by_index(index, facts),
    }
}

fn by_cursor(cursor: &Cursor, facts: &Facts) -> Step {
    let next = facts
        .next_cursor
        .clone()
        .filter(|value| !value.is_empty())
        .map(|value| Position::Cursor(Cursor { value, restarts: cursor.restarts }));
    Step::Take { from: 0, to: facts.came, next }
}

fn by_index(index: &Index, facts: &Facts) -> Result<Step, Error> {
    let came = facts.came as u64;
    let asked = u64::from(facts.asked);
    if index.start > 1 && facts.total == Some(came) && came > asked {
        // The server gave everything: it knows no paging, so the page is cut out here.
        let from = (index.start - 1).min(came);
        return Ok(cut(index, facts, from, from.saturating_add(asked).min(came), came));
    }
    if index.start > 1 && facts.first.is_some() && facts.first == index.before {
        return Err(Error::protocol(format!(
            "the server answered startIndex={} with the same page as before, so it does not page and entities \
             would be missed; ask its vendor, or raise scim.page.size above the number of entities",
            index.start
        )));
    }
    if came > asked {
        return Ok(cut(index, facts, 0, asked, facts.total.unwrap_or(u64::MAX).max(came)));
    }
    let more = |reach: u64| match facts.total {
        Some(total) => index.start.saturating_add(reach) <= total,
        None => came > 0,
    };
    if !more(came) {
        return Ok(Step::Take { from: 0, to: facts.came, next: None });
    }
    let counted = facts.items_per_page.unwrap_or(came).min(asked).max(came);
    if counted == 0 {
        return Err(Error::protocol(format!(
            "the server says there are {} entities but gave none from startIndex={} on; nothing is read, because \
             the missing ones would look deleted",
            facts.total.unwrap_or_default(),
            index.start
        )));
    }
    let asked_again = index.cap == Some(facts.asked);
    if counted > came && came > 0 && !index.filtered && !asked_again {
        // Either the server leaves out entities that it counted, or it repeats the size asked for
        // although it gives fewer. Asking for exactly as many as came tells one from the other.
        return Ok(Step::AskAgain(u32::try_from(came).unwrap_or(u32::MAX)));
    }
    let mut next = Index { before: facts.first.clone(), ..index.clone() };
    let mut reach = came;
    if counted > came {
        next.filtered = true;
        next.cap = None;
        reach = counted;
    }
    next.start = index.start.saturating_add(reach);
    Ok(Step::Take { from: 0, to: facts.came, next: more(reach).then_some(Position::Index(next)) })
}

/// Part of an answer that holds more than was asked for.
fn cut(index: &Index, facts: &Facts, from: u64, to: u64, total: u64) -> Step {
    let start = index.start.saturating_add(to - from);
    let next = Position::Index(Index { start, before: facts.first.clone(), ..index.clone() });
    // A whole list is recognised by its size, not by its first entity, which is always the same.
    Step::Take { from: from as usize, to: to as usize, next: (start <= total).then_some(next) }
}
