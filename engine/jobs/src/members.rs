//! The members of large groups: what was written last, and how new ones differ.
//!
//! A group of ten thousand members is not to be sent whole because one came. So the members that a
//! target was given are kept beside the relation, and a later write of the group says how they differ.
//! Groups of a few members are always sent whole.
//!
//! A target may ask to keep the members that others gave a group (`ips.overwrite.existedbefore.assignments = false`).
//! Then it is asked before each update what the group holds, and only members that the engine itself gave it are ever
//! taken out; they are what is remembered, however few.

use crate::apply::LaneApply;
use crate::decide::Verb;
use crate::error::Stop;
use crate::item::{Item, Step};
use crate::policy;
use gangway_model::{Member, MemberChanges};
use serde::Deserialize;
use std::borrow::Cow;

/// Groups with at most so many members are not remembered.
const FEW: usize = 50;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(default, borrow)]
    members: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// The members in a content of SCIM's shape, in order; none if it has no such list.
fn listed(json: &str) -> Option<Vec<Member>> {
    let content: Content<'_> = serde_json::from_str(json).ok()?;
    let group = |kind: &Cow<'_, str>| kind.eq_ignore_ascii_case("group");
    let mut members: Vec<Member> = content
        .members?
        .into_iter()
        .map(|entry| Member {
            group: entry.kind.as_ref().is_some_and(group),
            value: entry.value.into_owned(),
        })
        .collect();
    members.sort_unstable();
    members.dedup();
    Some(members)
}

/// What a group is remembered by; none if there are no more members than are not worth it, or something no list can
/// hold.
fn encode(members: &[Member], few: usize) -> Option<Vec<u8>> {
    if members.len() <= few || members.iter().any(|member| member.value.contains('\0')) {
        return None;
    }
    let size = members.iter().map(|member| member.value.len() + 2).sum();
    let mut bytes = Vec::with_capacity(size);
    for member in members {
        bytes.push(if member.group { b'g' } else { b'u' });
        bytes.extend_from_slice(member.value.as_bytes());
        bytes.push(0);
    }
    Some(bytes)
}

fn decode(bytes: &[u8]) -> Option<Vec<Member>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    text.split('\0')
        .map(|part| {
            let (kind, value) = part.split_at_checked(1)?;
            Some(Member { value: value.to_owned(), group: kind == "g" })
        })
        .collect()
}

/// What to change in a group that holds members of others too, and who are the engine's own afterwards. `old` are
/// those that it gave the group, `held` all that are there; all in order.
fn beside_others(old: &[Member], held: &[Member], new: &[Member]) -> (MemberChanges, Vec<Member>) {
    let is_in = |list: &[Member], member: &Member| list.iter().any(|other| other.value == member.value);
    let added: Vec<Member> = new.iter().filter(|member| !is_in(held, member)).cloned().collect();
    let removed = old.iter().filter(|member| !is_in(new, member)).cloned().collect();
    let mut own: Vec<Member> = old.iter().filter(|member| is_in(new, member)).cloned().collect();
    own.extend(added.iter().cloned());
    own.sort_unstable();
    own.dedup();
    (MemberChanges { added, removed }, own)
}

/// How new members differ from old ones; both in order.
fn difference(old: &[Member], new: &[Member]) -> MemberChanges {
    let in_old = |member: &&Member| old.binary_search(member).is_err();
    let in_new = |member: &&Member| new.binary_search(member).is_err();
    MemberChanges {
        added: new.iter().filter(in_old).cloned().collect(),
        removed: old.iter().filter(in_new).cloned().collect(),
    }
}

impl LaneApply<'_> {
    /// Adds to the updates of large groups how their members differ from those written last. A Resync
    /// does not rely on what was written.
    pub(crate) async fn recall_members(&self, items: &mut [Item]) -> Result<(), Stop> {
        if !self.has_members() {
            return Ok(());
        }
        if self.keeps_members() {
            return self.set_beside_others(items).await;
        }
        if !self.run.kind.passes_over_unchanged() {
            return Ok(());
        }
        for item in items.iter_mut() {
            if item.step != Step::Replace || item.work.verb != Verb::Update {
                continue;
            }
            let Some(new) = listed(&item.content).filter(|members| members.len() > FEW) else { continue };
            let (key, source_id) = (self.key.clone(), item.work.source_id.clone());
            let old = self.run.blocking(move |store| store.members(&key, &source_id)).await?;
            item.members = old.as_deref().and_then(decode).map(|old| difference(&old, &new));
        }
        Ok(())
    }

    /// Adds to updates what is to be changed of members without touching those of others.
    async fn set_beside_others(&self, items: &mut [Item]) -> Result<(), Stop> {
        let updates = items.iter_mut().filter(|item| item.step == Step::Replace && item.id.is_some());
        let mut updates: Vec<&mut Item> = updates.collect();
        let ids = updates.iter().filter_map(|item| item.id.clone()).collect();
        let held = self.open.target.read_entities(self.entity_type.as_str(), ids).await;
        for (item, held) in updates.iter_mut().zip(held) {
            // What cannot be read is not there any more, or the write will say why.
            let (Some(new), Ok(held)) = (listed(&item.content), held) else { continue };
            let held = listed(&held.json).unwrap_or_default();
            let (key, source_id) = (self.key.clone(), item.work.source_id.clone());
            let old = self.run.blocking(move |store| store.members(&key, &source_id)).await?;
            let old = old.as_deref().and_then(decode).unwrap_or_default();
            let (changes, own) = beside_others(&old, &held, &new);
            item.members = Some(changes);
            item.own_members = Some(own);
        }
        Ok(())
    }

    /// What the target holds of a group from now on; none if that is not known.
    pub(crate) fn remember_members(&mut self, item: &Item, written: bool) {
        if !self.has_members() || (self.keeps_members() && !written) {
            return;
        }
        let few = if self.keeps_members() { 0 } else { FEW };
        let members = item.own_members.clone().or_else(|| listed(&item.content)).filter(|_| written);
        let members = members.as_deref().and_then(|members| encode(members, few));
        if members.is_some() || item.work.relation.is_some() {
            self.result.members.push((item.work.source_id.clone(), members));
        }
    }

    fn keeps_members(&self) -> bool {
        policy::keeps_assignments(&self.lane.system)
    }

    fn has_members(&self) -> bool {
        self.entity_type.as_str() == "group"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(range: std::ops::Range<usize>) -> Vec<Member> {
        let mut members: Vec<Member> =
            range.map(|n| Member { value: format!("id-{n}"), group: n.is_multiple_of(7) }).collect();
        members.sort();
        members
    }

    #[test]
    fn members_are_read_from_content_and_kept() {
        let json = r#"{"displayName":"x","members":[{"value":"b","type":"Group"},{"value":"a","display":"A"},{"value":"a"}]}"#;
        let member = |value: &str, group| Member { value: value.to_owned(), group };
        assert_eq!(listed(json).unwrap(), [member("a", false), member("b", true)]);
        for none in [r#"{"member":["cn=x"]}"#, r#"{"members":["x"]}"#, r#"{"members":null}"#, "[]", ""] {
            assert_eq!(listed(none), None, "{none}");
        }
        assert_eq!(decode(&encode(&many(0..60), FEW).unwrap()).unwrap(), many(0..60));
        assert_eq!(encode(&many(0..50), FEW), None, "few are sent whole");
        assert_eq!(decode(b"damaged"), None);
    }

    #[test]
    fn only_members_of_ones_own_are_taken_out() {
        let list = |names: &[&str]| -> Vec<Member> {
            names.iter().map(|name| Member { value: (*name).to_owned(), group: false }).collect()
        };
        // b was there before; c and d are ours, and d leaves; e comes.
        let (changes, own) =
            beside_others(&list(&["c", "d"]), &list(&["a", "b", "c", "d"]), &list(&["b", "c", "e"]));
        assert_eq!((changes.added, changes.removed), (list(&["e"]), list(&["d"])));
        assert_eq!(own, list(&["c", "e"]));
    }

    #[test]
    fn only_differences_are_named() {
        let changes = difference(&many(0..100), &many(3..102));
        assert_eq!((changes.added, changes.removed), (many(100..102), many(0..3)));
        assert_eq!(difference(&many(0..100), &many(0..100)), MemberChanges::default());
    }
}
