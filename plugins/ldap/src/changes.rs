//! What has to be done to an entry so that it holds a content: pure, without a server.

use crate::dn::{self, Dn, Rdn};
use crate::mapping::{Content, holds_members, holds_names};
use crate::message::{Attribute, Change};
use crate::settings::{Settings, Tree};
use gangway_sdk::{Error, Result};
use std::collections::HashSet;

/// An attribute with more values than this is changed value by value: a group of many thousand members
/// is not sent whole because one came.
const WHOLE: usize = 50;

/// Object classes whose entries must have a member.
const NEVER_EMPTY: [(&str, &str); 2] = [("groupOfNames", "member"), ("groupOfUniqueNames", "uniqueMember")];

/// Adds to the content of a new entry what a directory insists on: its object class, the values that
/// its name is made of, and a member where there must be one.
pub fn complete_new(settings: &Settings, tree: &Tree, dn: &str, content: &mut Content) -> Result<()> {
    let name = Dn::parse(dn).filter(|name| name.depth() > 0).ok_or_else(|| {
        Error::invalid(format!("{dn:?} is no distinguished name, so no entry can be made of it."))
            .with_detail("id", dn)
    })?;
    if content.values("objectClass").is_none_or(<[_]>::is_empty) {
        content.set("objectClass", vec![tree.class.clone().into_bytes()]);
    }
    for (attribute, value) in name.rdn().map(|rdn| rdn.pairs.as_slice()).unwrap_or_default() {
        let known = content.values(attribute).unwrap_or_default();
        if !known.iter().any(|known| same_text(known, value)) {
            let mut values = known.to_vec();
            values.push(value.clone().into_bytes());
            content.set(attribute, values);
        }
    }
    let classes = content.values("objectClass").unwrap_or_default().to_vec();
    for attribute in must_have_members(&classes) {
        if content.values(attribute).is_none_or(<[_]>::is_empty) {
            content.set(attribute, vec![settings.empty_member.clone().into_bytes()]);
        }
    }
    Ok(())
}

fn must_have_members(classes: &[Vec<u8>]) -> impl Iterator<Item = &'static str> {
    NEVER_EMPTY
        .into_iter()
        .filter(|(class, _)| classes.iter().any(|known| same_text(known, class)))
        .map(|(_, attribute)| attribute)
}

/// A new name for an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rename {
    /// Its own part.
    pub new_rdn: String,
    /// The entry above, if it is another one.
    pub new_superior: Option<String>,
    /// The whole.
    pub new_dn: String,
    old: Rdn,
    new: Rdn,
}

impl Rename {
    /// Whether the attribute is part of the old or the new name.
    pub fn concerns(&self, attribute: &str) -> bool {
        self.old.pairs.iter().chain(&self.new.pairs).any(|(name, _)| name.eq_ignore_ascii_case(attribute))
    }

    /// The attributes of the entry after it was renamed.
    pub fn apply(&self, known: &mut [Attribute]) {
        for (name, values) in known.iter_mut().filter(|(name, _)| self.concerns(name)) {
            let of = |rdn: &Rdn, value: &[u8]| {
                rdn.pairs.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && same_text(value, v))
            };
            values.retain(|value| !of(&self.old, value));
            let new = self.new.pairs.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            values.extend(new.map(|(_, value)| value.clone().into_bytes()));
        }
    }
}

/// The new name that a content asks for: by `dn`, or by values of the naming attributes among which the
/// present one is not.
pub fn rename(dn: &str, content: &Content) -> Option<Rename> {
    let present = Dn::parse(dn)?;
    let old = present.rdn()?.clone();
    let wanted = match content.dn.as_deref().and_then(Dn::parse).filter(|wanted| wanted.depth() > 0) {
        Some(wanted) if wanted.normal() != present.normal() => wanted,
        Some(_) => return None,
        None => {
            let pairs: Vec<(String, String)> = old
                .pairs
                .iter()
                .map(|(name, value)| {
                    let wanted = content.values(name).unwrap_or_default();
                    let stays = wanted.is_empty() || wanted.iter().any(|wanted| same_text(wanted, value));
                    let new =
                        wanted.first().filter(|_| !stays).and_then(|v| String::from_utf8(v.clone()).ok());
                    (name.clone(), new.unwrap_or_else(|| value.clone()))
                })
                .collect();
            if pairs == old.pairs {
                return None;
            }
            present.with_rdn(Rdn::of(pairs))
        }
    };
    let new = wanted.rdn()?.clone();
    let superior = wanted.parent();
    let moved = superior.normal() != present.parent().normal();
    Some(Rename {
        new_rdn: new.text.clone(),
        new_superior: moved.then(|| superior.text()),
        new_dn: wanted.text(),
        old,
        new,
    })
}

/// The changes that turn what an entry holds into the content. Only attributes that the content speaks of
/// are touched; one without values is removed. Object classes are added, never taken away: a directory
/// adds its own.
pub fn between(
    settings: &Settings,
    known: &[Attribute],
    content: &Content,
    of_interest: impl Fn(&str) -> bool,
) -> Vec<(Change, Attribute)> {
    let held = |name: &str| {
        known
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, values)| values.as_slice())
            .unwrap_or_default()
    };
    let mut changes = Vec::new();
    for (name, wanted) in content.attributes.iter().filter(|(name, _)| of_interest(name)) {
        let known = held(name);
        if name.eq_ignore_ascii_case("objectClass") {
            let new: Vec<Vec<u8>> =
                wanted.iter().filter(|class| !known.iter().any(|k| same_bytes(k, class))).cloned().collect();
            if !new.is_empty() {
                changes.push((Change::Add, (name.clone(), new)));
            }
            continue;
        }
        let classes = held("objectClass");
        let needed =
            holds_members(name) && must_have_members(classes).any(|must| must.eq_ignore_ascii_case(name));
        if wanted.is_empty() && needed {
            changes.extend(difference(name, known, &[settings.empty_member.clone().into_bytes()]));
        } else {
            changes.extend(difference(name, known, wanted));
        }
    }
    changes
}

fn difference(name: &str, known: &[Vec<u8>], wanted: &[Vec<u8>]) -> Vec<(Change, Attribute)> {
    // Names of entries are compared as such: a server writes them its own way.
    let key = |value: &Vec<u8>| match std::str::from_utf8(value) {
        Ok(text) if holds_names(name) => dn::normal(text).into_bytes(),
        _ => value.clone(),
    };
    let held: HashSet<Vec<u8>> = known.iter().map(key).collect();
    let asked: HashSet<Vec<u8>> = wanted.iter().map(key).collect();
    if held == asked {
        return Vec::new();
    }
    let attribute = |values| (name.to_owned(), values);
    if wanted.is_empty() {
        return vec![(Change::Replace, attribute(Vec::new()))];
    }
    if known.len().max(wanted.len()) <= WHOLE {
        return vec![(Change::Replace, attribute(wanted.to_vec()))];
    }
    let gone: Vec<Vec<u8>> = known.iter().filter(|value| !asked.contains(&key(value))).cloned().collect();
    let new: Vec<Vec<u8>> = wanted.iter().filter(|value| !held.contains(&key(value))).cloned().collect();
    let mut changes = Vec::new();
    if !gone.is_empty() {
        changes.push((Change::Delete, attribute(gone)));
    }
    if !new.is_empty() {
        changes.push((Change::Add, attribute(new)));
    }
    changes
}

fn same_text(value: &[u8], text: &str) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.trim().to_lowercase() == text.trim().to_lowercase())
}

fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}
