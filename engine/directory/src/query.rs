//! Listing: filter, sort, page.

use crate::ScimError;
use crate::error::StorageError;
use crate::filter::{self, Filter, Operand, Operator};
use crate::index::Index;
use crate::path::Path;
use crate::render::{Renderer, Selection, is_edge};
use crate::schema::{Kind, ResourceType};
use crate::storage::{Read, Record, Step};
use serde_json::{Map, Value, json};

const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Resources on a page when the client does not say.
pub(crate) const DEFAULT_COUNT: u64 = 100;
/// Most resources on a page.
pub(crate) const MAX_COUNT: u64 = 200;

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
}

/// Where a page starts.
#[derive(Clone, Copy)]
enum Start {
    Position(u64),
    After(u64),
}

/// Collects one page while a scan goes on.
struct Page {
    wanted: u64,
    skip: u64,
    matched: u64,
    found: Vec<(u64, Record)>,
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
    let filter = match query.filter.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(text) => Some(filter::parse(resource_type, text)?),
    };
    let count = query.count.map_or(DEFAULT_COUNT, |c| u64::try_from(c).unwrap_or(0)).min(MAX_COUNT);
    let start = start(query)?;
    let mut renderer = Renderer::new(tables, resource_type, base);

    let (page, total) = if let Some(by) = &query.sort_by {
        let Start::Position(skip) = start else {
            return Err(ScimError::value("\"sortBy\" and \"cursor\" do not go together: page by startIndex"));
        };
        let by = Path::resolve(resource_type, by).map_err(ScimError::value)?;
        sorted(&mut renderer, filter.as_ref(), &by, query.descending, Page::new(skip, count))?
    } else {
        match &filter {
            None => everything(tables, kind, start, count)?,
            Some(filter) => filtered(&mut renderer, filter, start, count)?,
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
    }
    answer.insert("Resources".to_owned(), Value::Array(resources));
    Ok(Value::Object(answer))
}

fn start(query: &Query) -> Result<Start, ScimError> {
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
fn cursor(last: u64, query: &Query) -> String {
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

fn everything<T: Read>(
    tables: &T,
    kind: Kind,
    start: Start,
    count: u64,
) -> Result<(Page, Option<u64>), ScimError> {
    let mut page = Page::new(0, count);
    let after = match start {
        Start::After(sequence) => Some(sequence),
        Start::Position(position) => tables.seek(kind, position)?,
    };
    if let Some(after) = after {
        tables.scan(kind, Some(after), &mut |sequence, record| {
            page.take(sequence, record);
            Ok(if page.more { Step::Stop } else { Step::On })
        })?;
    }
    Ok((page, Some(tables.count(kind)?)))
}

fn filtered<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: &Filter,
    start: Start,
    count: u64,
) -> Result<(Page, Option<u64>), ScimError> {
    let (after, skip) = match start {
        Start::After(sequence) => (Some(sequence), 0),
        Start::Position(position) => (None, position),
    };
    let mut page = Page::new(skip, count);
    // A cursor's client asked for a page, not for the number of all: stop when the page is full.
    let stop_early = after.is_some();
    each_match(renderer, filter, after, &mut |sequence, record| {
        page.take(sequence, record);
        if stop_early && page.more { Step::Stop } else { Step::On }
    })?;
    let total = (!stop_early).then_some(page.matched);
    Ok((page, total))
}

/// Calls `f` for each resource above `after` that satisfies the filter.
fn each_match<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: &Filter,
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
    match candidates(tables, kind, filter)? {
        None => tables.scan(kind, after, &mut check),
        Some(candidates) => {
            for sequence in candidates.into_iter().filter(|s| after.is_none_or(|after| *s > after)) {
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

/// What an index says may satisfy the filter, in sequence order. None if all must be looked at.
fn candidates<T: Read>(tables: &T, kind: Kind, filter: &Filter) -> Result<Option<Vec<u64>>, StorageError> {
    match filter {
        Filter::Compare(path, Operator::Equal, Operand::Text(text)) => equal(tables, kind, path, text),
        Filter::Values(path, inner) if is_edge(path) => {
            let only = inner.equalities().unwrap_or_default();
            for (sub, operand) in only {
                if let (true, Operand::Text(text)) = (sub.attribute.name == "value", operand) {
                    return edges(tables, kind, text).map(Some);
                }
            }
            Ok(None)
        }
        Filter::And(all) => {
            let mut best: Option<Vec<u64>> = None;
            for each in all {
                if let Some(found) = candidates(tables, kind, each)?
                    && best.as_ref().is_none_or(|b| found.len() < b.len())
                {
                    best = Some(found);
                }
            }
            Ok(best)
        }
        Filter::Or(any) => {
            let mut union = Vec::new();
            for each in any {
                match candidates(tables, kind, each)? {
                    None => return Ok(None),
                    Some(found) => union.extend(found),
                }
            }
            union.sort_unstable();
            union.dedup();
            Ok(Some(union))
        }
        _ => Ok(None),
    }
}

fn equal<T: Read>(tables: &T, kind: Kind, path: &Path, text: &str) -> Result<Option<Vec<u64>>, StorageError> {
    if path.extension.is_none() && path.attribute.name == "id" {
        return Ok(Some(tables.locate(kind, text)?.into_iter().collect()));
    }
    if is_edge(path) && path.leaf().name == "value" {
        return edges(tables, kind, text).map(Some);
    }
    match Index::for_path(kind, path) {
        None => Ok(None),
        Some(index) => tables.lookup(index.number, text).map(Some),
    }
}

/// Groups with this member, or users in this group.
fn edges<T: Read>(tables: &T, kind: Kind, id: &str) -> Result<Vec<u64>, StorageError> {
    let Some(other) = tables.locate_any(id)? else { return Ok(Vec::new()) };
    Ok(match kind {
        Kind::Group => tables.groups_of(other.sequence)?.into_iter().map(|(group, _)| group).collect(),
        Kind::User => tables
            .members(other.sequence)?
            .into_iter()
            .filter(|m| m.kind == Kind::User)
            .map(|m| m.sequence)
            .collect(),
    })
}

fn sorted<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: Option<&Filter>,
    by: &Path,
    descending: bool,
    mut page: Page,
) -> Result<(Page, Option<u64>), ScimError> {
    let tables = renderer.tables;
    let kind = renderer.resource_type.kind;
    let mut keys: Vec<(Option<SortKey>, u64)> = Vec::new();
    let exact = by.leaf().case_exact;
    if let Some(filter) = filter {
        let mut found = Vec::new();
        each_match(renderer, filter, None, &mut |sequence, record| {
            found.push((sequence, record.id));
            Step::On
        })?;
        for (sequence, _) in found {
            if let Some(record) = tables.record(kind, sequence)? {
                let resource = renderer.assemble(sequence, &record, false, false)?;
                keys.push((SortKey::of(by, exact, &resource), sequence));
            }
        }
    } else {
        tables.scan(kind, None, &mut |sequence, record| {
            let resource = renderer.assemble(sequence, &record, false, false)?;
            keys.push((SortKey::of(by, exact, &resource), sequence));
            Ok(Step::On)
        })?;
    }
    // Resources without the attribute come last when ascending, first when descending (RFC 7644
    // section 3.4.2.3).
    keys.sort_by(|a, b| {
        let order = match (&a.0, &b.0) {
            (None, None) => std::cmp::Ordering::Equal,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(_), None) => std::cmp::Ordering::Less,
            (Some(a), Some(b)) => a.compare(b),
        };
        let order = if descending { order.reverse() } else { order };
        order.then(a.1.cmp(&b.1))
    });
    let total = keys.len() as u64;
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let wanted = usize::try_from(page.wanted).unwrap_or(usize::MAX);
    for (_, sequence) in keys.into_iter().skip(skip).take(wanted) {
        if let Some(record) = tables.record(kind, sequence)? {
            page.found.push((sequence, record));
        }
    }
    Ok((page, Some(total)))
}

enum SortKey {
    Number(f64),
    Text(String),
}

impl SortKey {
    /// The primary value of a multi-valued attribute, else its first.
    fn of(by: &Path, exact: bool, resource: &Map<String, Value>) -> Option<Self> {
        let mut first = None;
        by.any(resource, |value| {
            first = match value {
                Value::String(text) => {
                    Some(Self::Text(if exact { text.clone() } else { text.to_lowercase() }))
                }
                Value::Bool(b) => Some(Self::Number(f64::from(u8::from(*b)))),
                Value::Number(n) => n.as_f64().map(Self::Number),
                _ => None,
            };
            first.is_some()
        });
        first
    }

    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => std::cmp::Ordering::Less,
            (Self::Text(_), Self::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}
