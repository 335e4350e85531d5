//! How many people the users of all sources are.
//!
//! Users of different sources that share a value of a mapping marked `correlationAttribute` are one managed identity.
//! Nothing is remembered for this: the sources are read and transformed when somebody asks. The figure is for reports;
//! no job looks at it.

use crate::run::needs;
use crate::runner::Runner;
use crate::transform::{apply, request};
use gangway_model::ports::JobContext;
use gangway_model::{
    AnswerOutcome, EntityType, PluginError, Role, System, TenantId, TransformOperation, code,
};
use serde::Serialize;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The managed identities of a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identities {
    /// People.
    pub identities: u64,
    /// Users of each enabled source, by name, that its read transformation lets through.
    pub users: Vec<SourceUsers>,
}

/// How many users a source has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceUsers {
    /// Its name.
    pub source: String,
    /// Its users.
    pub users: u64,
}

impl Runner {
    /// Counts. Reads every enabled source from beginning to end, and writes nothing.
    pub async fn identities(&self, tenant: &TenantId) -> Result<Identities, PluginError> {
        let systems = self.store(tenant, |store| store.systems()).await;
        let systems = systems.map_err(|error| PluginError::new(code::UNAVAILABLE, error.to_string()))?;
        let mut count = Count::default();
        let mut users = Vec::new();
        for source in systems.into_iter().filter(|s| s.role == Role::Source && s.enabled) {
            let before = count.users;
            self.count(&source, &mut count).await?;
            users.push(SourceUsers { source: source.name, users: u64::from(count.users - before) });
        }
        Ok(Identities { identities: count.identities(), users })
    }

    async fn count(&self, source: &System, count: &mut Count) -> Result<(), PluginError> {
        let (systems, job) = self.systems(&source.tenant);
        let context = JobContext { job, cancelled: Arc::default() };
        let reader = systems.source(source, &context).await?;
        let read = systems.read_transformation(source, &context).await?;
        let user = EntityType::new("user");
        count.sources += 1;
        let is_read = needs(read.as_ref(), &user).is_some_and(|needs| !needs.ignored)
            && reader.entity_types().iter().any(|known| known == user.as_str());
        if !is_read {
            return Ok(());
        }
        let mut cursor = None;
        loop {
            let page =
                reader.read_page(user.as_str(), cursor.as_deref(), crate::policy::page_size(source)).await?;
            let requests: Vec<_> = page
                .entities
                .iter()
                .map(|entity| request(&user, TransformOperation::Read, &entity.json))
                .collect();
            for answer in apply(read.as_ref(), &requests).await? {
                if answer.outcome == AnswerOutcome::Transformed {
                    count.add(&answer.correlation);
                }
            }
            if page.next_cursor.is_none() || page.next_cursor == cursor {
                return Ok(());
            }
            cursor = page.next_cursor;
        }
    }
}

/// Users and the values that tell them apart, as hashes: no value is kept.
#[derive(Default)]
struct Count {
    hasher: RandomState,
    sources: u32,
    users: u32,
    /// Value, source, user.
    values: Vec<(u64, u32, u32)>,
}

impl Count {
    /// A user of the source that is being read.
    fn add(&mut self, values: &[String]) {
        for value in values {
            self.values.push((self.hasher.hash_one(value), self.sources, self.users));
        }
        self.users += 1;
    }

    fn identities(mut self) -> u64 {
        self.values.sort_unstable();
        let mut people = People((0..self.users).collect());
        let mut joined = 0;
        for same in self.values.chunk_by(|one, other| one.0 == other.0) {
            let [(_, source, first), rest @ ..] = same else { continue };
            if rest.iter().all(|(_, other, _)| other == source) {
                continue;
            }
            joined += rest.iter().filter(|(_, _, user)| people.join(*first, *user)).count() as u64;
        }
        u64::from(self.users) - joined
    }
}

/// Who is the same person as whom: each user points to another of the same person, the first to itself.
struct People(Vec<u32>);

impl People {
    fn first(&mut self, user: u32) -> u32 {
        let mut at = user;
        loop {
            let next = self.0.get(at as usize).copied().unwrap_or(at);
            if next == at {
                return at;
            }
            // Half the way for who comes next.
            let over = self.0.get(next as usize).copied().unwrap_or(next);
            if let Some(place) = self.0.get_mut(at as usize) {
                *place = over;
            }
            at = over;
        }
    }

    /// Makes two one; false if they were.
    fn join(&mut self, one: u32, other: u32) -> bool {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(place) = self.0.get_mut(one.max(other) as usize) {
            *place = one.min(other);
        }
        one != other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(sources: &[&[&[&str]]]) -> u64 {
        let mut count = Count::default();
        for source in sources {
            count.sources += 1;
            for user in *source {
                count.add(&user.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            }
        }
        count.identities()
    }

    #[test]
    fn users_of_different_sources_that_share_a_value_are_one() {
        assert_eq!(count(&[&[&["a"], &["b"]], &[&["a", "x"], &["c"]]]), 3);
        assert_eq!(count(&[&[&["a"], &["a"]], &[]]), 2, "two of one source remain two");
        assert_eq!(count(&[&[&["a"], &["b"]], &[&["a", "b"]]]), 1, "one who shares with both joins them");
        assert_eq!(count(&[&[&[], &[]], &[&[]]]), 3, "without a value nobody is like anybody");
        assert_eq!(count(&[&[&["a"]], &[&["b"]], &[&["a", "b"]], &[&["b"]]]), 1);
    }
}
