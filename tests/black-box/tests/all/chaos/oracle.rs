//! What there must be, worked out from the source's numbers alone.

use std::collections::{BTreeMap, BTreeSet};

/// The source's people at a moment: users `first` to `users`, groups `1` to `groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Company {
    pub(super) first: u64,
    pub(super) users: u64,
    pub(super) groups: u64,
    pub(super) revision: u64,
}

impl Company {
    /// User name and title.
    pub(super) fn titles(&self) -> BTreeMap<String, String> {
        (self.first..=self.users)
            .map(|number| (format!("user{number}"), format!("Title {}", self.revision)))
            .collect()
    }

    pub(super) fn has(&self, user: &str) -> bool {
        let number = user.strip_prefix("user").and_then(|number| number.parse().ok());
        number.is_some_and(|number: u64| (self.first..=self.users).contains(&number))
    }

    /// Display name and the members' user names: group `g` has ten people, from the one at place `10 (g - 1)` on, and
    /// begins again with the first when there are no more.
    pub(super) fn members(&self) -> BTreeMap<String, BTreeSet<String>> {
        let count = (self.users + 1).saturating_sub(self.first);
        let person = |place: u64| format!("user{}", self.first + place % count);
        (0..self.groups)
            .map(|group| {
                let members = (0..count.min(10)).map(|n| person(group * 10 + n)).collect();
                (format!("Group {}", group + 1), members)
            })
            .collect()
    }
}
