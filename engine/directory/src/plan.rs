//! Which resources can satisfy a filter, as far as the indexes know.

use crate::error::StorageError;
use crate::filter::{Filter, Operand, Operator};
use crate::index::{Index, LONGEST, Role};
use crate::path::Path;
use crate::render::is_edge;
use crate::schema::Kind;
use crate::storage::{Read, Step};
use std::ops::Bound;
use uuid::Uuid;

/// So few that nothing is gained by asking another index.
const FEW: usize = 1000;

/// What indexes say.
pub(crate) struct Candidates {
    /// In sequence order, each once.
    pub(crate) sequences: Vec<u64>,
    /// Each of them satisfies the filter: there is no need to look at the record.
    pub(crate) exact: bool,
}

/// What may satisfy the filter; at most `most`, else all must be looked at, as where no index helps: None.
pub(crate) fn candidates<T: Read>(
    tables: &T,
    kind: Kind,
    filter: &Filter,
    most: usize,
) -> Result<Option<Candidates>, StorageError> {
    match filter {
        Filter::Compare(path, operator, operand) => compare(tables, kind, path, (*operator, operand), most),
        Filter::Values(path, inner) => values(tables, kind, path, inner, most),
        Filter::And(all) => and(tables, kind, all, most),
        Filter::Or(any) => {
            let mut union = Candidates { sequences: Vec::new(), exact: true };
            for each in any {
                match candidates(tables, kind, each, most)? {
                    None => return Ok(None),
                    Some(found) => {
                        union.exact &= found.exact;
                        union.sequences.extend(found.sequences);
                    }
                }
            }
            sort(&mut union.sequences);
            Ok((union.sequences.len() <= most).then_some(union))
        }
        _ => Ok(None),
    }
}

/// Whether an index leaves one resource at most.
pub(crate) fn is_narrow(kind: Kind, filter: &Filter) -> bool {
    match filter {
        Filter::Compare(path, Operator::Equal, Operand::Text(_)) => {
            (path.extension.is_none() && path.attribute.name == "id")
                || Index::for_path(kind, path)
                    .is_some_and(|i| matches!(i.role, Role::Unique | Role::Identifier))
        }
        Filter::And(all) => all.iter().any(|f| is_narrow(kind, f)),
        _ => false,
    }
}

fn sort(sequences: &mut Vec<u64>) {
    sequences.sort_unstable();
    sequences.dedup();
}

/// All that indexes know of the parts, the narrow ones first.
fn and<T: Read>(
    tables: &T,
    kind: Kind,
    all: &[Filter],
    most: usize,
) -> Result<Option<Candidates>, StorageError> {
    let is_narrow = |f: &&Filter| matches!(f, Filter::Compare(_, Operator::Equal, _) | Filter::Values(..));
    let (narrow, wide): (Vec<_>, Vec<_>) = all.iter().partition(is_narrow);
    let mut best: Option<Candidates> = None;
    let mut exact = true;
    for each in narrow.into_iter().chain(wide) {
        if best.as_ref().is_some_and(|b| b.sequences.len() <= FEW) {
            exact = false;
            break;
        }
        match (candidates(tables, kind, each, most)?, &mut best) {
            (None, _) => exact = false,
            (Some(found), None) => {
                exact &= found.exact;
                best = Some(found);
            }
            (Some(found), Some(best)) => {
                exact &= found.exact;
                best.sequences.retain(|s| found.sequences.binary_search(s).is_ok());
            }
        }
    }
    Ok(best.map(|b| Candidates { exact, ..b }))
}

/// `emails[value eq "…" and …]`: by the value, if it is compared.
fn values<T: Read>(
    tables: &T,
    kind: Kind,
    path: &Path,
    inner: &Filter,
    most: usize,
) -> Result<Option<Candidates>, StorageError> {
    let parts = match inner {
        Filter::And(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in parts {
        if let Filter::Compare(sub, Operator::Equal, Operand::Text(text)) = part {
            let whole = Path { sub: Some(sub.attribute.clone()), ..path.clone() };
            if let Some(found) = equal(tables, kind, &whole, text)? {
                return Ok((found.sequences.len() <= most).then_some(Candidates { exact: false, ..found }));
            }
        }
    }
    Ok(None)
}

fn compare<T: Read>(
    tables: &T,
    kind: Kind,
    path: &Path,
    (operator, operand): (Operator, &Operand),
    most: usize,
) -> Result<Option<Candidates>, StorageError> {
    if let (Operator::Equal, Operand::Text(text)) = (operator, operand) {
        return Ok(equal(tables, kind, path, text)?.filter(|found| found.sequences.len() <= most));
    }
    let Some(index) = Index::for_path(kind, path).filter(|i| i.agrees_with(path)) else { return Ok(None) };
    match operand {
        Operand::Instant(instant) => {
            let Some((key, whole)) = Index::instant_key(*instant) else { return Ok(None) };
            let key = key.as_str();
            let keys = match operator {
                Operator::Equal if whole => (Bound::Included(key), Bound::Included(key)),
                Operator::Greater => (Bound::Excluded(key), Bound::Unbounded),
                Operator::GreaterOrEqual if whole => (Bound::Included(key), Bound::Unbounded),
                Operator::GreaterOrEqual => (Bound::Excluded(key), Bound::Unbounded),
                Operator::Less if whole => (Bound::Unbounded, Bound::Excluded(key)),
                Operator::Less | Operator::LessOrEqual => (Bound::Unbounded, Bound::Included(key)),
                _ => return Ok(None),
            };
            within(tables, index, keys, true, most)
        }
        Operand::Text(text) => {
            // Longer keys are cut, so that the order of two of them says nothing.
            let exact = text.len() < LONGEST - 4;
            let key = &*index.key(text);
            let end = following(key);
            let keys = match operator {
                Operator::StartsWith => {
                    (Bound::Included(key), end.as_deref().map_or(Bound::Unbounded, Bound::Excluded))
                }
                Operator::Greater if exact => (Bound::Excluded(key), Bound::Unbounded),
                Operator::Greater | Operator::GreaterOrEqual => (Bound::Included(key), Bound::Unbounded),
                Operator::Less if exact => (Bound::Unbounded, Bound::Excluded(key)),
                Operator::Less | Operator::LessOrEqual => (Bound::Unbounded, Bound::Included(key)),
                _ => return Ok(None),
            };
            within(tables, index, keys, exact, most)
        }
        _ => Ok(None),
    }
}

/// The first text above all that start with this one. None if there is none.
fn following(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // Ranges of characters know of the hole where the surrogates are.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn within<T: Read>(
    tables: &T,
    index: &Index,
    keys: (Bound<&str>, Bound<&str>),
    exact: bool,
    most: usize,
) -> Result<Option<Candidates>, StorageError> {
    let mut sequences = Vec::new();
    tables.range(index.number, keys, false, &mut |sequence| {
        sequences.push(sequence);
        if sequences.len() > most { Step::Stop } else { Step::On }
    })?;
    if sequences.len() > most {
        return Ok(None);
    }
    sort(&mut sequences);
    Ok(Some(Candidates { sequences, exact }))
}

fn equal<T: Read>(
    tables: &T,
    kind: Kind,
    path: &Path,
    text: &str,
) -> Result<Option<Candidates>, StorageError> {
    if path.extension.is_none() && path.attribute.name == "id" {
        let sequences = tables.locate(kind, text)?.into_iter().collect();
        // An identifier can be written in several ways, and only one of them is equal.
        return Ok(Some(Candidates { sequences, exact: false }));
    }
    if is_edge(path) && path.leaf().name == "value" {
        return edges(tables, kind, text);
    }
    let Some(index) = Index::for_path(kind, path) else { return Ok(None) };
    let sequences = tables.lookup(index.number, &index.key(text))?;
    Ok(Some(Candidates { sequences, exact: text.len() < LONGEST - 4 && index.agrees_with(path) }))
}

/// Groups with this member, or users in this group.
fn edges<T: Read>(tables: &T, kind: Kind, id: &str) -> Result<Option<Candidates>, StorageError> {
    if Uuid::try_parse(id).is_err() {
        // Members from elsewhere are no edges.
        return Ok(None);
    }
    let sequences = match (tables.locate_any(id)?, kind) {
        (None, _) => Vec::new(),
        (Some(member), Kind::Group) => {
            tables.groups_of(member.sequence)?.into_iter().map(|(group, _)| group).collect()
        }
        (Some(group), _) => {
            let members = tables.members(group.sequence)?;
            members.into_iter().filter(|m| m.kind == kind).map(|m| m.sequence).collect()
        }
    };
    Ok(Some(Candidates { sequences, exact: false }))
}
