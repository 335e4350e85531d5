//! Listing: filter, sort, page.

use crate::ScimError;
use crate::catalog::ResourceType;
use crate::error::StorageError;
use crate::filter::{self, Filter};
use crate::path::Path;
use crate::plan::{self, Candidates};
use crate::render::{Renderer, Selection, is_edge};
use crate::schema::Kind;
use crate::sort::sorted;
use crate::storage::{Read, Record, Step};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Resources on a page when the client does not say.
pub(crate) const DEFAULT_COUNT: u64 = 100;
/// Most resources on a page.
pub(crate) const MAX_COUNT: u64 = 200;

/// With more candidates than this, a page from a cursor reads on from the cursor instead.
const MANY: usize = 20_000;

/// A list request.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// RFC 7644 section 3.4.2.2.
    pub filter: Option<String>,
    /// Attributes wanted; all if empty.
    pub attributes: Vec<String>,
    /// Attributes not wanted.
    pub excluded_attributes: Vec<String>,
    /// The attribute to sort by; without it resources come in the order of their creation.
    pub sort_by: Option<String>,
    /// Largest first.
    pub descending: bool,
    /// One-based.
    pub start_index: Option<i64>,
    /// How many at most.
    pub count: Option<i64>,
    /// Page by cursor (RFC 9865): empty for the first page, then what the last answer said.
    pub cursor: Option<String>,
    /// Page in the order of identifiers: `initial` for the first page, then what the last answer said.
    pub start_id: Option<String>,
}

impl Query {
    /// The filter, if it says anything.
    pub(crate) fn filter(&self) -> Option<&str> {
        self.filter.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// How many resources a page has at most.
    pub(crate) fn count(&self) -> u64 {
        self.count.map_or(DEFAULT_COUNT, |count| u64::try_from(count).unwrap_or(0)).min(MAX_COUNT)
    }
}

/// Where a page starts.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Position(u64),
    After(u64),
    Id(u128),
}

/// Collects one page while a scan goes on.
pub(crate) struct Page {
    pub(crate) wanted: u64,
    pub(crate) skip: u64,
    matched: u64,
    pub(crate) found: Vec<(u64, Record)>,
    more: bool,
}

impl Page {
    fn new(skip: u64, wanted: u64) -> Self {
        Self { wanted, skip, matched: 0, found: Vec::new(), more: false }
    }

    fn is_full(&self) -> bool {
        self.found.len() as u64 >= self.wanted
    }

    fn take(&mut self, sequence: u64, record: Record) {
        self.matched += 1;
        if self.matched > self.skip {
            if self.is_full() {
                self.more = true;
            } else {
                self.found.push((sequence, record));
            }
        }
    }
}

/// Carries a query out within one transaction.
pub(crate) fn list<T: Read>(
    tables: &T,
    resource_type: &ResourceType,
    base: &str,
    query: &Query,
) -> Result<Value, ScimError> {
    let kind = resource_type.kind;
    let selection = Selection::read(resource_type, &query.attributes, &query.excluded_attributes)?;
    if selection.names_children() {
        return Err(ScimError::value("\"children\" are shown for a single group: GET /Groups/{id}"));
    }
    let filter = query.filter().map(|text| filter::parse(resource_type, text)).transpose()?;
    let count = query.count();
    let start = start(query)?;
    let mut renderer = Renderer::new(tables, resource_type, base);

    let mut next_id = None;
    let (page, total) = match (&query.sort_by, start, &filter) {
        (Some(by), Start::Position(skip), _) => {
            let by = Path::resolve(resource_type, by).map_err(ScimError::value)?;
            sorted(&mut renderer, filter.as_ref(), &by, query.descending, Page::new(skip, count))?
        }
        (Some(_), ..) => {
            return Err(ScimError::value(
                "\"sortBy\" goes with neither \"cursor\" nor \"startId\": page by startIndex",
            ));
        }
        (None, Start::Id(first), _) => {
            let (page, next) = by_id(&mut renderer, filter.as_ref(), first, count)?;
            next_id = Some(next.map_or_else(|| "end".to_owned(), |id| id.to_string()));
            (page, filter.is_none().then(|| tables.count(kind)).transpose()?)
        }
        (None, Start::Position(skip), filter) => page_of(&mut renderer, filter.as_ref(), None, skip, count)?,
        (None, Start::After(after), filter) => {
            page_of(&mut renderer, filter.as_ref(), Some(after), 0, count)?
        }
    };

    let mut resources = Vec::with_capacity(page.found.len());
    for (sequence, record) in &page.found {
        resources.push(renderer.render(*sequence, record, &selection)?);
    }
    let mut answer = Map::new();
    answer.insert("schemas".to_owned(), json!([LIST_URN]));
    if let Some(total) = total {
        answer.insert("totalResults".to_owned(), json!(total));
    }
    answer.insert("itemsPerPage".to_owned(), json!(resources.len()));
    match start {
        Start::Position(skip) => {
            answer.insert("startIndex".to_owned(), json!(skip + 1));
        }
        Start::After(_) => {
            if let (true, Some((last, _))) = (page.more, page.found.last()) {
                answer.insert("nextCursor".to_owned(), json!(cursor(*last, query)));
            }
        }
        Start::Id(_) => {
            answer.insert("startId".to_owned(), json!(query.start_id));
            answer.insert("nextId".to_owned(), json!(next_id));
        }
    }
    answer.insert("Resources".to_owned(), Value::Array(resources));
    Ok(Value::Object(answer))
}

pub(crate) fn start(query: &Query) -> Result<Start, ScimError> {
    if let Some(id) = &query.start_id {
        if query.cursor.is_some() || query.start_index.is_some() {
            return Err(ScimError::value("give one of \"startId\", \"cursor\" and \"startIndex\""));
        }
        if id == "initial" {
            return Ok(Start::Id(0));
        }
        return Uuid::try_parse(id).map(|id| Start::Id(id.as_u128())).map_err(|_| {
            ScimError::value(format!("\"startId\" must be \"initial\" or what \"nextId\" said, not {id:?}"))
        });
    }
    let Some(text) = &query.cursor else {
        let start = query.start_index.unwrap_or(1).max(1);
        return Ok(Start::Position(u64::try_from(start - 1).unwrap_or(0)));
    };
    if query.start_index.is_some() {
        return Err(ScimError::value("give \"startIndex\" or \"cursor\", not both"));
    }
    if text.is_empty() {
        return Ok(Start::After(0));
    }
    text.split_once('.')
        .filter(|(_, of)| *of == query_mark(query))
        .and_then(|(last, _)| u64::from_str_radix(last, 16).ok())
        .map(Start::After)
        .ok_or_else(|| {
            ScimError::new(
                400,
                Some("invalidCursor"),
                "the cursor is not one of this query: start again with an empty cursor",
            )
        })
}

/// A cursor is the last resource of the page and a mark of the query it belongs to.
pub(crate) fn cursor(last: u64, query: &Query) -> String {
    format!("{last:x}.{}", query_mark(query))
}

/// FNV-1a over the filter: tells an honest mix-up, and is no secret.
fn query_mark(query: &Query) -> String {
    let text = query.filter.as_deref().unwrap_or_default();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// A page in the order of creation: behind a resource, or else behind so many.
fn page_of<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: Option<&Filter>,
    after: Option<u64>,
    skip: u64,
    count: u64,
) -> Result<(Page, Option<u64>), ScimError> {
    let (tables, kind) = (renderer.tables, renderer.resource_type.kind);
    let Some(filter) = filter else {
        let mut page = Page::new(0, count);
        let after = match after {
            Some(sequence) => Some(sequence),
            None => tables.seek(kind, skip)?,
        };
        if let Some(after) = after {
            tables.scan(kind, Some(after), &mut |sequence, record| {
                page.take(sequence, record);
                Ok(if page.more { Step::Stop } else { Step::On })
            })?;
        }
        return Ok((page, Some(tables.count(kind)?)));
    };
    let most = if after.is_some() { MANY } else { usize::MAX };
    let mut page = Page::new(skip, count);
    let found = plan::candidates(tables, kind, filter, most)?;
    if let (Some(found), None) = (&found, after)
        && found.exact
    {
        // What is before the page and after it need not be looked at.
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let take = usize::try_from(count).unwrap_or(usize::MAX);
        for sequence in found.sequences.iter().skip(skip).take(take) {
            let record = tables.record(kind, *sequence)?;
            page.found.push((*sequence, record.ok_or_else(|| lost(kind, *sequence))?));
        }
        return Ok((page, Some(found.sequences.len() as u64)));
    }
    // A cursor's client asked for a page, not for the number of all: stop when the page is full.
    let stop_early = after.is_some();
    each_match(renderer, filter, found, after, &mut |sequence, record| {
        page.take(sequence, record);
        if stop_early && page.more { Step::Stop } else { Step::On }
    })?;
    let total = (!stop_early).then_some(page.matched);
    Ok((page, total))
}

pub(crate) fn lost(kind: Kind, sequence: u64) -> StorageError {
    StorageError::Damaged(format!("{} number {sequence} is in an index and not there", kind.name()))
}

/// Calls `f` for each resource above `after` that satisfies the filter.
pub(crate) fn each_match<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: &Filter,
    found: Option<Candidates>,
    after: Option<u64>,
    f: &mut dyn FnMut(u64, Record) -> Step,
) -> Result<(), StorageError> {
    let kind = renderer.resource_type.kind;
    let tables = renderer.tables;
    let mut edges = false;
    filter.each_path(&mut |path| edges |= is_edge(path));
    let mut check = |sequence: u64, record: Record| -> Result<Step, StorageError> {
        let resource = renderer.assemble(sequence, &record, edges, edges)?;
        Ok(if filter.matches(&resource) { f(sequence, record) } else { Step::On })
    };
    match found {
        None => tables.scan(kind, after, &mut check),
        Some(found) => {
            for sequence in found.sequences.into_iter().filter(|s| after.is_none_or(|after| *s > after)) {
                if let Some(record) = tables.record(kind, sequence)?
                    && check(sequence, record)? == Step::Stop
                {
                    break;
                }
            }
            Ok(())
        }
    }
}

/// A page by identifiers: `startId=initial` first, then what `nextId` said; `end` on the last page.
fn by_id<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: Option<&Filter>,
    first: u128,
    count: u64,
) -> Result<(Page, Option<Uuid>), ScimError> {
    let (tables, kind) = (renderer.tables, renderer.resource_type.kind);
    let mut page = Page::new(0, count);
    let mut next = None;
    let edges = filter.is_some_and(|filter| {
        let mut edges = false;
        filter.each_path(&mut |path| edges |= is_edge(path));
        edges
    });
    tables.starting_at(kind, first, &mut |id, sequence| {
        let record = tables.record(kind, sequence)?.ok_or_else(|| lost(kind, sequence))?;
        if let Some(filter) = filter
            && !filter.matches(&renderer.assemble(sequence, &record, edges, edges)?)
        {
            return Ok(Step::On);
        }
        page.take(sequence, record);
        if page.more {
            next = Some(id);
        }
        Ok(if page.more { Step::Stop } else { Step::On })
    })?;
    Ok((page, next))
}
