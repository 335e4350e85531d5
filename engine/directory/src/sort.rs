//! Sorting (RFC 7644 section 3.4.2.3).

use crate::ScimError;
use crate::filter::Filter;
use crate::index::{Index, Role};
use crate::path::Path;
use crate::plan;
use crate::query::{Page, each_match};
use crate::render::Renderer;
use crate::storage::{Read, Step};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::ops::Bound;

/// A page of what satisfies the filter, in the order of an attribute.
pub(crate) fn sorted<T: Read>(
    renderer: &mut Renderer<'_, T>,
    filter: Option<&Filter>,
    by: &Path,
    descending: bool,
    mut page: Page,
) -> Result<(Page, Option<u64>), ScimError> {
    let tables = renderer.tables;
    let kind = renderer.resource_type.kind;
    if let (None, Some(index)) = (filter, whole_index(renderer, by)) {
        return from_index(renderer, index, descending, page);
    }
    let mut keys: Vec<(Option<SortKey>, u64)> = Vec::new();
    let exact = by.leaf().case_exact;
    if let Some(filter) = filter {
        let mut found = Vec::new();
        let candidates = plan::candidates(tables, kind, filter, usize::MAX)?;
        each_match(renderer, filter, candidates, None, &mut |sequence, record| {
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
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
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

/// An index that has every resource once and in order.
fn whole_index<T: Read>(renderer: &Renderer<'_, T>, by: &Path) -> Option<&'static Index> {
    let required = by.extension.is_none() && by.attribute.required && !by.attribute.multi_valued;
    Index::for_path(renderer.resource_type.kind, by)
        .filter(|index| required && index.role != Role::Find && index.agrees_with(by))
}

fn from_index<T: Read>(
    renderer: &Renderer<'_, T>,
    index: &Index,
    descending: bool,
    mut page: Page,
) -> Result<(Page, Option<u64>), ScimError> {
    let (tables, kind) = (renderer.tables, renderer.resource_type.kind);
    let (mut position, mut found) = (0, Vec::new());
    tables.range(index.number, (Bound::Unbounded, Bound::Unbounded), descending, &mut |sequence| {
        if position >= page.skip && position < page.skip.saturating_add(page.wanted) {
            found.push(sequence);
        }
        position += 1;
        if position >= page.skip.saturating_add(page.wanted) { Step::Stop } else { Step::On }
    })?;
    for sequence in found {
        if let Some(record) = tables.record(kind, sequence)? {
            page.found.push((sequence, record));
        }
    }
    Ok((page, Some(tables.count(kind)?)))
}

enum SortKey {
    Number(f64),
    Text(String),
}

impl SortKey {
    /// The primary value of a multi-valued attribute, else its first.
    fn of(by: &Path, exact: bool, resource: &Map<String, Value>) -> Option<Self> {
        let key = |value: &Value| match value {
            Value::String(text) => Some(Self::Text(if exact { text.clone() } else { text.to_lowercase() })),
            Value::Bool(b) => Some(Self::Number(f64::from(u8::from(*b)))),
            Value::Number(n) => n.as_f64().map(Self::Number),
            _ => None,
        };
        let is_primary = |v: &&Value| v.get("primary") == Some(&Value::Bool(true));
        if let Some(Value::Array(values)) = by.value(resource)
            && let Some(primary) = values.iter().find(is_primary)
            && let Some(found) = primary.get(&by.leaf().name).and_then(key)
        {
            return Some(found);
        }
        let mut first = None;
        by.any(resource, |value| {
            first = key(value);
            first.is_some()
        });
        first
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}
