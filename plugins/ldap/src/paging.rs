//! Paged reads (RFC 2696).
//!
//! The server's cookie is good for its connection only, and not for long, while the engine may come back
//! with its cursor after days. So the cursor says how many entries were read and which was the last. On
//! the connection it came from the read simply goes on. Anywhere else the search runs again and what was
//! read is passed over, if the same entry still stands at the same place. If it does not, the read begins
//! anew: an entity that is seen twice does no harm, one that is missed would be deleted in the targets.

use crate::client::{self, Answer, Connection, Frame, Worker};
use crate::filter::Filter;
use crate::message::{Request, Search};
use crate::settings::{Settings, Tree};
use crate::{dn, mapping, ranges};
use gangway_sdk::{Entity, Error, Page, Problem, Result, error::code, log, paging, system};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Where a page begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// How many entries come before it.
    pub count: u64,
    /// What tells the last of them from every other entry.
    pub last: String,
}

/// A read that is under way on a connection of its own: a server keeps one paged search for each.
#[derive(Debug)]
struct Reading {
    connection: Connection,
    entity_type: &'static str,
    cookie: Vec<u8>,
    at: Position,
}

/// The paged reads of an instance.
#[derive(Debug, Default)]
pub struct Pages {
    reading: Option<Reading>,
}

/// Entries that came together, and whether more follow.
struct Batch {
    entries: Vec<Frame>,
    at: Position,
    more: bool,
}

impl Pages {
    /// The page at a cursor.
    pub fn read(
        &mut self,
        settings: &Settings,
        worker: &mut Worker,
        tree: &Tree,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page> {
        let wanted: Option<Position> = paging::decode(cursor)?;
        let size = limit.min(settings.page_size).max(1);
        let batch = self.batch(settings, tree, wanted.as_ref(), size)?;
        let next = batch.more.then(|| paging::encode(&batch.at)).transpose()?;
        let (mut entities, mut problems) = (Vec::with_capacity(batch.entries.len()), Vec::new());
        for frame in &batch.entries {
            match entity(settings, worker, frame) {
                Ok(entity) => entities.push(entity),
                // Values that could not be fetched are no fault of the entry.
                Err(error) if is_of_server(&error) => return Err(error),
                Err(error) => problems.push(Problem { id: dn_of(frame), error }),
            }
        }
        Ok(Page::new(entities, next).with_problems(problems))
    }

    fn batch(
        &mut self,
        settings: &Settings,
        tree: &Tree,
        wanted: Option<&Position>,
        size: u32,
    ) -> Result<Batch> {
        if let Some(reading) = self.reading.take()
            && wanted == Some(&reading.at)
            && reading.entity_type == tree.entity_type
        {
            match self.go_on(reading, tree, size) {
                Err(error) if error.is(code::UNAVAILABLE) || error.is(code::PROTOCOL) => {
                    log::info(format_args!("the read is taken up again on a new connection: {error}"));
                }
                done => return done,
            }
        }
        let Some(wanted) = wanted else { return self.begin(settings, tree, size) };
        match self.take_up(settings, tree, wanted, size)? {
            Some(batch) => Ok(batch),
            None => {
                log::warn(format_args!(
                    "the entries of type {} are no longer in the order they were read in, so the read begins anew",
                    tree.entity_type
                ));
                self.begin(settings, tree, size)
            }
        }
    }

    fn begin(&mut self, settings: &Settings, tree: &Tree, size: u32) -> Result<Batch> {
        self.go_on(Reading::open(settings, tree)?, tree, size)
    }

    /// The next page on the connection.
    fn go_on(&mut self, mut reading: Reading, tree: &Tree, size: u32) -> Result<Batch> {
        let entries = reading.page(tree, size)?;
        let batch = Batch { entries, at: reading.at.clone(), more: !reading.cookie.is_empty() };
        if batch.more {
            self.reading = Some(reading);
        }
        Ok(batch)
    }

    /// Runs the search again up to a position; nothing if it does not lead there any more.
    fn take_up(
        &mut self,
        settings: &Settings,
        tree: &Tree,
        wanted: &Position,
        size: u32,
    ) -> Result<Option<Batch>> {
        let mut reading = Reading::open(settings, tree)?;
        loop {
            system::check_cancelled()?;
            let before = reading.at.count;
            let mut entries = reading.page(tree, size)?;
            let passed = usize::try_from(wanted.count - before).unwrap_or(usize::MAX);
            if passed > entries.len() {
                if reading.cookie.is_empty() {
                    return Ok(None);
                }
                continue;
            }
            let last = passed.checked_sub(1).and_then(|at| entries.get(at));
            let same = match last {
                Some(frame) => mapping::identity(&client::entry(frame)?) == wanted.last,
                None => false,
            };
            if !same {
                return Ok(None);
            }
            let rest = entries.split_off(passed);
            if rest.is_empty() && !reading.cookie.is_empty() {
                return self.go_on(reading, tree, size).map(Some);
            }
            let batch = Batch { entries: rest, at: reading.at.clone(), more: !reading.cookie.is_empty() };
            if batch.more {
                self.reading = Some(reading);
            }
            return Ok(Some(batch));
        }
    }
}

/// The names of all entries of a tree's class, whatever the administrator's filter says.
pub fn names(settings: &Settings, tree: &Tree, size: u32) -> Result<HashSet<String>> {
    let tree = Tree {
        filter: Filter::equal("objectClass", &tree.class),
        attributes: vec!["1.1".to_owned()],
        ..tree.clone()
    };
    let mut reading = Reading::open(settings, &tree)?;
    let mut names = HashSet::new();
    loop {
        system::check_cancelled()?;
        for frame in reading.page(&tree, size)? {
            names.insert(dn::normal(client::entry(&frame)?.dn));
        }
        if reading.cookie.is_empty() {
            return Ok(names);
        }
    }
}

impl Reading {
    fn open(settings: &Settings, tree: &Tree) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(settings)?,
            entity_type: tree.entity_type,
            cookie: Vec::new(),
            at: Position { count: 0, last: String::new() },
        })
    }

    /// Asks for the next page and moves on.
    fn page(&mut self, tree: &Tree, size: u32) -> Result<Vec<Frame>> {
        let page = Some((size, std::mem::take(&mut self.cookie)));
        let all = Search::tree(tree.base.clone(), tree.filter.clone(), tree.attributes.clone());
        let search = Search { page, ..all };
        let what = format!("read the entries of type {} below {:?}", tree.entity_type, tree.base);
        let answer = self.connection.one(&Request::Search(search))?;
        let Answer { entries, cookie, .. } =
            answer.accept(&what).map_err(|error| missing_base(error, tree))?;
        if entries.len() > size as usize {
            return Err(Error::protocol(format!(
                "The LDAP server gave {} entries in a page of {size}. Without working paged results (RFC 2696) it \
                 cannot be read.",
                entries.len()
            )));
        }
        self.cookie = cookie.unwrap_or_default();
        self.at.count += entries.len() as u64;
        if let Some(last) = entries.last() {
            self.at.last = mapping::identity(&client::entry(last)?);
        }
        Ok(entries)
    }
}

/// A place in the tree that is not there is a wrong property, not a missing entity.
fn missing_base(mut error: Error, tree: &Tree) -> Error {
    if error.is(code::NOT_FOUND) {
        let property = format!("ldap.{}.path", tree.entity_type);
        error.code = code::CONFIGURATION.to_owned();
        error.message =
            format!("There is no entry {:?} to read below. Correct the property `{property}`.", tree.base);
        error = error.with_detail("property", property);
    }
    error
}

/// An entry with all its values.
pub fn entity(settings: &Settings, worker: &mut Worker, frame: &[u8]) -> Result<Entity> {
    let entry = client::entry(frame)?;
    if !ranges::are_open(&entry) {
        return mapping::entity(&entry, settings);
    }
    let frames = ranges::fetch(settings, worker, &entry)?;
    mapping::entity(&ranges::join(entry, &frames)?, settings)
}

fn dn_of(frame: &[u8]) -> Option<String> {
    client::entry(frame).ok().map(|entry| entry.dn.to_owned())
}

fn is_of_server(error: &Error) -> bool {
    [code::UNAVAILABLE, code::TIMEOUT, code::TLS, code::UNAUTHORIZED, code::CANCELLED, code::DENIED]
        .iter()
        .any(|code| error.is(code))
}
