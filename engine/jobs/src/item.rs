//! An entity under way through a page's work in one target.

use crate::decide::{UNKNOWN, Verb};
use crate::prepare::Work;
use gangway_model::{Hash, Member, MemberChanges, PluginError, Relation, RelationState};

/// An entity under way.
pub(crate) struct Item {
    pub(crate) work: Work,
    pub(crate) step: Step,
    /// The target entity, once known.
    pub(crate) id: Option<String>,
    pub(crate) content: String,
    /// Of the update of a large group: how its members differ from those written last.
    pub(crate) members: Option<MemberChanges>,
    /// Of a group that keeps members of others: those that are the engine's own after the update.
    pub(crate) own_members: Option<Vec<Member>>,
    pub(crate) payload: Hash,
    /// Since when its intent is open; none if it is not.
    pub(crate) intent: Option<u64>,
    /// The relation that its success will write.
    pub(crate) existed_before: bool,
    pub(crate) counts_as: CountsAs,
    /// What the target answered to the create.
    pub(crate) conflict: Option<PluginError>,
    /// It is written in a call of its own.
    pub(crate) alone: bool,
    /// It has been looked for in vain and created since.
    pub(crate) searched: bool,
    pub(crate) remade: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CountsAs {
    Created,
    Updated,
}

/// What an entity does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Create,
    Replace,
    Find(Why),
    /// Its counterpart is gone: prepare a create.
    Remake,
}

/// Why an account is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The engine may have created it.
    Unanswered,
    /// The target says that it is there.
    Conflict,
    /// Creating is switched off.
    Adopt,
    /// The target's properties say to look before a create.
    Before,
}

impl Item {
    pub(crate) fn new(work: Work, since_ms: u64) -> Self {
        let (step, intent) = match work.verb {
            Verb::Look => (Step::Find(Why::Unanswered), work.intent.as_ref().map(|i| i.since_ms)),
            Verb::Adopt => (Step::Find(Why::Adopt), None),
            Verb::Update => (Step::Replace, None),
            _ => (Step::Create, Some(since_ms)),
        };
        Self {
            step,
            intent,
            id: work.relation.as_ref().map(|r| r.target_id.clone()),
            existed_before: work.relation.as_ref().is_some_and(|r| r.existed_before),
            counts_as: if work.verb == Verb::Update { CountsAs::Updated } else { CountsAs::Created },
            content: String::new(),
            members: None,
            own_members: None,
            payload: work.payload,
            conflict: None,
            alone: false,
            searched: false,
            remade: false,
            work,
        }
    }

    /// The relation that its success writes, as far as an image needs it.
    pub(crate) fn related(&self, target_id: String) -> Relation {
        Relation {
            source_id: self.work.source_id.clone(),
            target_id,
            existed_before: self.existed_before,
            fingerprint: UNKNOWN,
            payload: UNKNOWN,
            state: RelationState::Active,
            ordinal: 0,
        }
    }
}

pub(crate) fn split(items: Vec<Item>, matches: impl Fn(&Item) -> bool) -> (Vec<Item>, Vec<Item>) {
    items.into_iter().partition(matches)
}
