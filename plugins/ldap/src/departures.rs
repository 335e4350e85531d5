//! What is gone since a mark: entries that were deleted, moved, or that the filter no longer takes.
//!
//! A directory that does not keep what was deleted cannot tell. OpenLDAP does with a change log (the
//! overlay `accesslog`, whose suffix the property `ldap.delta.change.log` names), Active Directory with its
//! deleted objects. Content synchronisation (RFC 4533) tells `entryUUID`s alone, and the engine knows
//! entries by their names.

use crate::client::{self, Connection, Worker};
use crate::dn::{self, Dn};
use crate::failure::NO_SUCH_OBJECT;
use crate::filter::Filter;
use crate::mapping;
use crate::message::{Entry, Request, Search};
use crate::settings::{Settings, Tree};
use gangway_sdk::{Error, Result, system};
use std::collections::BTreeSet;

/// Entries of a log or a list that are asked for at once.
const PAGE: u32 = 500;

/// Names, in normal form, of what was in the tree and is no longer. Some of them may never have been.
pub fn since_time(settings: &Settings, worker: &mut Worker, tree: &Tree, time: &str) -> Result<Vec<String>> {
    let mut gone = BTreeSet::new();
    if let Some(change_log) = &settings.change_log {
        let left = Filter::Or(vec![
            Filter::equal("objectClass", "auditDelete"),
            Filter::equal("objectClass", "auditModRDN"),
        ]);
        let since = Filter::GreaterOrEqual("reqStart".to_owned(), time.as_bytes().to_vec());
        let filter = Filter::And(vec![left, since, Filter::equal("reqResult", "0")]);
        let search = Search::tree(change_log.clone(), filter, vec!["reqDN".to_owned()]);
        let base = Dn::parse(&tree.base);
        each(settings, search, &format!("read the change log {change_log:?}"), |entry| {
            let named = mapping::first(entry, "reqDN").and_then(Dn::parse);
            let below = |dn: &Dn| base.as_ref().is_none_or(|base| dn.is_within(base));
            gone.extend(named.filter(below).map(|dn| dn.normal()));
        })
        .map_err(|error| in_change_log(error, change_log))?;
    }
    let changed = Filter::GreaterOrEqual("modifyTimestamp".to_owned(), time.as_bytes().to_vec());
    excluded(settings, tree, changed, &mut gone)?;
    still_missing(settings, worker, tree, gone)
}

/// As [`since_time`], in Active Directory.
pub fn since_number(
    settings: &Settings,
    worker: &mut Worker,
    tree: &Tree,
    number: u64,
) -> Result<Vec<String>> {
    let changed = || Filter::GreaterOrEqual("uSNChanged".to_owned(), number.to_string().into_bytes());
    let filter = Filter::And(vec![Filter::equal("isDeleted", "TRUE"), changed()]);
    let attributes = ["lastKnownParent", "msDS-LastKnownRDN"].map(str::to_owned).to_vec();
    let search = Search { deleted: true, ..Search::tree(naming_context(&tree.base), filter, attributes) };
    let mut gone = BTreeSet::new();
    each(settings, search, "read what Active Directory deleted", |entry| gone.extend(name_before(entry)))?;
    excluded(settings, tree, changed(), &mut gone)?;
    still_missing(settings, worker, tree, gone)
}

/// The name that a deleted object of Active Directory had.
fn name_before(entry: &Entry<'_>) -> Option<String> {
    let present = Dn::parse(entry.dn)?;
    let (attribute, mangled) = present.rdn()?.pairs.first()?;
    // `Ann Ek\0ADEL:guid`
    let known = mapping::first(entry, "msDS-LastKnownRDN");
    let value = known.or_else(|| mangled.split('\n').next())?;
    let parent = mapping::first(entry, "lastKnownParent")?;
    Some(dn::normal(&format!("{attribute}={},{parent}", dn::escape(value))))
}

/// The parts of a name that begin with `dc`: the whole of a domain.
fn naming_context(base: &str) -> String {
    let mut dn = Dn::parse(base);
    while let Some(present) = &dn {
        let domain =
            present.rdn().and_then(|rdn| rdn.pairs.first()).map(|(name, _)| name.eq_ignore_ascii_case("dc"));
        match domain {
            Some(true) => return present.text(),
            Some(false) => dn = Some(present.parent()),
            None => break,
        }
    }
    base.to_owned()
}

/// Entries that changed and that the administrator's filter does not take (any more).
fn excluded(settings: &Settings, tree: &Tree, changed: Filter, gone: &mut BTreeSet<String>) -> Result<()> {
    if !tree.is_filtered {
        return Ok(());
    }
    let class = Filter::equal("objectClass", &tree.class);
    let filter = Filter::And(vec![class, changed, Filter::Not(Box::new(tree.filter.clone()))]);
    let search = Search::tree(tree.base.clone(), filter, vec!["1.1".to_owned()]);
    let what = format!("read what the filter of the {}s no longer takes", tree.entity_type);
    each(settings, search, &what, |entry| {
        gone.insert(dn::normal(entry.dn));
    })
}

/// Leaves out what is there again.
fn still_missing(
    settings: &Settings,
    worker: &mut Worker,
    tree: &Tree,
    gone: BTreeSet<String>,
) -> Result<Vec<String>> {
    let gone: Vec<String> = gone.into_iter().collect();
    let requests: Vec<Request> = gone
        .iter()
        .map(|dn| Request::Search(Search::entry(dn.clone(), tree.filter.clone(), vec!["1.1".to_owned()])))
        .collect();
    let answers = worker.run(settings, &requests);
    let mut missing = Vec::new();
    for (dn, answer) in gone.into_iter().zip(answers) {
        let answer = answer?;
        let gone = answer.result.code == NO_SUCH_OBJECT
            || answer.accept(&format!("look for {dn:?}"))?.entries.is_empty();
        if gone {
            missing.push(dn);
        }
    }
    Ok(missing)
}

/// Calls for every entry that a search finds, page by page.
fn each(
    settings: &Settings,
    mut search: Search,
    what: &str,
    mut found: impl FnMut(&Entry<'_>),
) -> Result<()> {
    // A cookie is good for its connection only.
    let mut connection = Connection::open(settings)?;
    let mut cookie = Vec::new();
    loop {
        system::check_cancelled()?;
        search.page = Some((PAGE, cookie));
        let answer = connection.one(&Request::Search(search.clone()))?.accept(what)?;
        for frame in &answer.entries {
            found(&client::entry(frame)?);
        }
        cookie = answer.cookie.unwrap_or_default();
        if cookie.is_empty() {
            return Ok(());
        }
    }
}

fn in_change_log(error: Error, change_log: &str) -> Error {
    Error {
        message: format!(
            "What was deleted cannot be read from the change log {change_log:?}: {} Check that the overlay accesslog \
             logs writes there and that the user may read it, or remove the property `ldap.delta.change.log`.",
            error.message
        ),
        ..error
    }
    .with_detail("property", "ldap.delta.change.log")
}
