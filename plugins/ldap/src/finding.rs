//! Single entries, by name or by values.

use crate::client::Worker;
use crate::dn::Dn;
use crate::failure::{NO_SUCH_OBJECT, SIZE_LIMIT_EXCEEDED};
use crate::filter::{Filter, is_description};
use crate::message::{Request, Scope, Search};
use crate::paging;
use crate::settings::{Settings, Tree};
use gangway_sdk::{AttributeValue, Entity, Error, Result};

/// The name of the entry that an identifier stands for: the identifier itself if it is a name,
/// otherwise a name made of it below the tree's base.
pub fn dn_for(tree: &Tree, id: &str) -> String {
    if is_name(tree, id) { id.to_owned() } else { made_name(tree, id) }
}

/// A name below the tree's base, with every character of the value in its place.
pub fn made_name(tree: &Tree, value: &str) -> String {
    format!("{}={},{}", tree.id_attribute, crate::dn::escape(value), tree.base)
}

/// Whether the identifier is a distinguished name. A user may well be called `a=b`; a name has more than
/// one part, or is that of the tree's base.
fn is_name(tree: &Tree, id: &str) -> bool {
    let (Some(dn), Some(base)) = (Dn::parse(id), Dn::parse(&tree.base)) else { return false };
    dn.depth() > 1 || (dn.depth() == 1 && dn.is_within(&base))
}

/// The entries with these identifiers: names, UUIDs, or values of the attribute that names entries.
pub fn by_ids(settings: &Settings, worker: &mut Worker, tree: &Tree, ids: &[String]) -> Vec<Result<Entity>> {
    let requests: Vec<Request> = ids
        .iter()
        .map(|id| {
            let (base, scope, filter) = if is_uuid(id) {
                (tree.base.clone(), Scope::Subtree, Filter::equal("entryUUID", id))
            } else if is_name(tree, id) {
                (id.clone(), Scope::Base, Filter::Present("objectClass".to_owned()))
            } else {
                let named = Filter::equal(&tree.id_attribute, id);
                let class = Filter::equal("objectClass", &tree.class);
                (tree.base.clone(), Scope::Subtree, Filter::And(vec![class, named]))
            };
            search(tree, base, scope, 2, filter)
        })
        .collect();
    let answers = worker.run(settings, &requests);
    ids.iter()
        .zip(answers)
        .map(|(id, answer)| {
            let none = || Error::no_entity(tree.entity_type, id);
            let answer = answer?;
            if answer.result.code == NO_SUCH_OBJECT {
                return Err(none());
            }
            let mut entries = answer.accept(&format!("read the entry {id:?}"))?.entries.into_iter();
            match (entries.next(), entries.next()) {
                (Some(frame), None) => paging::entity(settings, worker, &frame),
                (None, _) => Err(none()),
                (Some(_), Some(_)) => Err(Error::invalid(format!(
                    "The identifier {id:?} stands for more than one entry below {:?}. Use distinguished names.",
                    tree.base
                ))
                .with_detail("id", id)),
            }
        })
        .collect()
}

/// The entries that have all the values.
pub fn find(
    settings: &Settings,
    worker: &mut Worker,
    tree: &Tree,
    attributes: &[AttributeValue],
    limit: u32,
) -> Result<Vec<Entity>> {
    let mut filters = vec![Filter::equal("objectClass", &tree.class)];
    let mut place = (tree.base.clone(), Scope::Subtree);
    for wanted in attributes {
        let name = attribute_name(&wanted.attribute)?;
        if !settings.is_dn(name) {
            filters.push(Filter::equal(name, &wanted.value));
        } else if is_name(tree, &wanted.value) {
            place = (wanted.value.clone(), Scope::Base);
        } else {
            return Ok(Vec::new());
        }
    }
    if attributes.is_empty() {
        return Err(Error::configuration("No unique attribute was given to search by."));
    }
    let request = search(tree, place.0, place.1, limit.max(1), Filter::And(filters));
    let answer =
        worker.run(settings, &[request]).pop().unwrap_or_else(|| Err(Error::internal("no answer")))?;
    let entries = match answer.result.code {
        NO_SUCH_OBJECT => return Ok(Vec::new()),
        // There are more than were asked for, which is all right.
        SIZE_LIMIT_EXCEEDED if !answer.entries.is_empty() => answer.entries,
        _ => answer.accept(&format!("search for a {}", tree.entity_type))?.entries,
    };
    entries.iter().take(limit as usize).map(|frame| paging::entity(settings, worker, frame)).collect()
}

fn search(tree: &Tree, base: String, scope: Scope, size_limit: u32, filter: Filter) -> Request {
    let attributes = tree.attributes.clone();
    Request::Search(Search { base, scope, size_limit, filter, attributes, page: None, deleted: false })
}

/// `uid`, `uid[0]`, `$.uid[0]`, `['uid']`: the attribute alone.
fn attribute_name(text: &str) -> Result<&str> {
    let name = text.trim().trim_start_matches(['$', '.']);
    let name = match name.strip_prefix("['") {
        Some(rest) => rest.split('\'').next().unwrap_or_default(),
        None => name.split('[').next().unwrap_or_default(),
    };
    if is_description(name) {
        return Ok(name);
    }
    Err(Error::configuration(format!(
        "{text:?} is no LDAP attribute to search by; write it as uid, mail[0] or dn."
    ))
    .with_detail("attribute", text))
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
