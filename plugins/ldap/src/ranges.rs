//! Attributes that Active Directory gives in pieces: `member;range=0-1499` is the beginning, and the
//! rest has to be asked for. A group that was read by its beginning alone would lose members everywhere.

use crate::client::{self, Frame, Worker};
use crate::message::{Entry, Request, Search};
use crate::settings::Settings;
use gangway_sdk::{Error, Result, system};

/// How many pieces of one attribute are fetched, at most: a server that never comes to an end is no
/// reason never to end.
const PIECES: usize = 10_000;

/// An attribute of which this is one piece: its name, and where the next piece begins.
fn piece(name: &str) -> Option<(&str, Option<u64>)> {
    let (name, range) = name.rsplit_once(";range=")?;
    let (_, last) = range.split_once('-')?;
    match last {
        "*" => Some((name, None)),
        last => Some((name, Some(last.parse::<u64>().ok()?.checked_add(1)?))),
    }
}

/// Whether the entry has an attribute in pieces.
pub fn are_open(entry: &Entry<'_>) -> bool {
    entry.attributes.iter().any(|(name, _)| piece(name).is_some())
}

/// Fetches the pieces that are missing, each in a message of its own.
pub fn fetch(settings: &Settings, worker: &mut Worker, entry: &Entry<'_>) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for (name, next) in entry.attributes.iter().filter_map(|(name, _)| piece(name)) {
        let mut next = next;
        while let Some(start) = next {
            system::check_cancelled()?;
            let search = Search::any_entry(entry.dn.to_owned(), vec![format!("{name};range={start}-*")]);
            let answer = worker.run(settings, &[Request::Search(search)]).pop();
            let what = format!("read more values of {name} of {:?}", entry.dn);
            let answer = answer.unwrap_or_else(|| Err(incomplete(entry.dn, name)))?.accept(&what)?;
            let frame = answer.entries.into_iter().next().ok_or_else(|| incomplete(entry.dn, name))?;
            let fetched = client::entry(&frame)?;
            let got = fetched.attributes.iter().find_map(|(found, _)| {
                let (found, next) = piece(found)?;
                found.eq_ignore_ascii_case(name).then_some(next)
            });
            next = got.ok_or_else(|| incomplete(entry.dn, name))?;
            if next.is_some_and(|next| next <= start) || frames.len() >= PIECES {
                return Err(incomplete(entry.dn, name));
            }
            frames.push(frame);
        }
    }
    Ok(frames)
}

/// The entry with all pieces put together.
pub fn join<'a>(entry: Entry<'a>, frames: &'a [Frame]) -> Result<Entry<'a>> {
    let Entry { dn, attributes } = entry;
    let mut whole: Vec<(&'a str, Vec<&'a [u8]>)> = Vec::with_capacity(attributes.len());
    let mut add = |name: &'a str, mut values: Vec<&'a [u8]>| {
        let name = piece(name).map_or(name, |(name, _)| name);
        match whole.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => known.append(&mut values),
            None => whole.push((name, values)),
        }
    };
    for (name, values) in attributes {
        add(name, values);
    }
    for frame in frames {
        for (name, values) in client::entry(frame)?.attributes {
            if piece(name).is_some() {
                add(name, values);
            }
        }
    }
    Ok(Entry { dn, attributes: whole })
}

fn incomplete(dn: &str, attribute: &str) -> Error {
    Error::protocol(format!(
        "The LDAP server gave only a part of the values of `{attribute}` of {dn:?} and not the rest."
    ))
    .with_detail("attribute", attribute)
    .with_detail("id", dn)
}
