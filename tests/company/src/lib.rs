//! A made-up company, the same for the same seed and size.
//!
//! It has the dirt that real personnel data has: accents and apostrophes, commas and quotes inside
//! names, people of the same name, people without a mail address, people who are inactive, service
//! accounts among the people, teams inside teams, and rows that an export has damaged. [`Company`]
//! is the first day; [`Company::a_month_later`] the day after a month of joiners, movers and
//! leavers, with the damaged rows repaired.

#![forbid(unsafe_code)]

mod csv;
mod names;
mod random;

use random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// How many people, teams and exceptions.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of the user file, service accounts and damaged rows included.
    pub users: usize,
    /// Rows of the group file.
    pub groups: usize,
    /// Service accounts among the users, which the read transformation skips.
    pub service_accounts: usize,
    /// Rows that the export damaged.
    pub damaged: usize,
}

/// The company of the demo.
pub const DEMO: Size = Size { users: 1000, groups: 60, service_accounts: 8, damaged: 2 };

/// A row of the user file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Personnel number.
    pub id: String,
    /// Unique, ASCII, lower case.
    pub user_name: String,
    /// May hold accents, apostrophes and spaces.
    pub given_name: String,
    /// May hold accents, apostrophes, commas and quotes.
    pub family_name: String,
    /// Missing for some.
    pub email: Option<String>,
    /// What a mover changes.
    pub department: String,
    /// What a mover changes.
    pub title: String,
    /// `employee`, `contractor` or `service`.
    pub kind: String,
    /// Inactive people are on leave, not gone.
    pub active: bool,
    /// The export lost a field of this row.
    pub damaged: bool,
}

/// A row of the group file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Team number.
    pub id: String,
    /// Unique.
    pub display_name: String,
    /// Personnel numbers.
    pub users: BTreeSet<String>,
    /// Team numbers of the teams inside; they stand above it in the file.
    pub groups: BTreeSet<String>,
}

/// A company on one day.
#[derive(Clone, Debug)]
pub struct Company {
    /// By personnel number.
    pub users: BTreeMap<String, User>,
    /// In file order.
    pub groups: Vec<Group>,
}

/// What a month changes, in people.
#[derive(Clone, Copy, Debug)]
pub struct Month {
    /// New people.
    pub joiners: usize,
    /// People with another department, title and team.
    pub movers: usize,
    /// People whose row is gone.
    pub leavers: usize,
}

/// The month of the demo.
pub const DEMO_MONTH: Month = Month { joiners: 15, movers: 20, leavers: 12 };

impl Company {
    /// The first day.
    pub fn new(size: Size, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut users = BTreeMap::new();
        let people = size.users.saturating_sub(size.service_accounts);
        for number in 0..people {
            let mut user = person(number, &mut random);
            // Damaged rows stand in the first thousand, far from each other.
            user.damaged = number % 331 == 113 && number / 331 < size.damaged;
            users.insert(user.id.clone(), user);
        }
        for number in 0..size.service_accounts {
            let user = service_account(number);
            users.insert(user.id.clone(), user);
        }
        let groups = teams(size.groups, &users, &mut random);
        Self { users, groups }
    }

    /// The same company after a month. The damaged rows are repaired.
    #[must_use]
    pub fn a_month_later(&self, month: Month, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6d6f_6e74_6800);
        let mut next = self.clone();
        let people: Vec<String> =
            self.users.values().filter(|u| u.kind != "service" && !u.damaged).map(|u| u.id.clone()).collect();
        let chosen = random.choose(&people, month.leavers + month.movers);
        let (leavers, movers) = chosen.split_at(month.leavers.min(chosen.len()));
        for id in leavers {
            next.users.remove(id);
            for group in &mut next.groups {
                group.users.remove(id);
            }
        }
        let leaves = next.leaf_count();
        for id in movers {
            if let Some(user) = next.users.get_mut(id) {
                user.department = names::other_department(&user.department).to_owned();
                user.title = format!("Senior {}", user.title);
            }
            for group in &mut next.groups {
                group.users.remove(id);
            }
            let to = random.below(leaves);
            if let Some(group) = next.groups.get_mut(to) {
                group.users.insert(id.clone());
            }
        }
        let first = self.users.values().filter(|u| u.kind != "service").count();
        for number in first..first + month.joiners {
            let user = person(number, &mut random);
            let to = random.below(leaves);
            if let Some(group) = next.groups.get_mut(to) {
                group.users.insert(user.id.clone());
            }
            next.users.insert(user.id.clone(), user);
        }
        for user in next.users.values_mut() {
            user.damaged = false;
        }
        next
    }

    /// People who can be read and are no service accounts: what a target should hold.
    pub fn provisioned(&self) -> impl Iterator<Item = &User> {
        self.users.values().filter(|u| !u.damaged && u.kind != "service")
    }

    /// The personnel and team numbers that a target's group should hold.
    pub fn resolved_members(&self, group: &Group) -> BTreeSet<String> {
        let people = group
            .users
            .iter()
            .filter(|id| self.users.get(*id).is_some_and(|u| !u.damaged && u.kind != "service"));
        people.chain(&group.groups).cloned().collect()
    }

    /// The user file.
    pub fn users_csv(&self) -> String {
        csv::users(self)
    }

    /// The group file.
    pub fn groups_csv(&self) -> String {
        csv::groups(self)
    }

    /// Groups without groups inside; they stand first.
    fn leaf_count(&self) -> usize {
        self.groups.iter().take_while(|g| g.groups.is_empty()).count()
    }
}

/// What a second run must do to bring a target from one day to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// In the source and not skipped.
    pub read: u64,
    /// New in the target.
    pub created: u64,
    /// Changed in the target.
    pub updated: u64,
    /// Gone from the target.
    pub deleted: u64,
    /// Service accounts.
    pub skipped: u64,
    /// Damaged rows.
    pub failed: u64,
}

/// What a run over the users does; `before` is none for the first run.
pub fn expected_users(before: Option<&Company>, now: &Company) -> Expected {
    let held: BTreeMap<&str, &User> =
        before.into_iter().flat_map(Company::provisioned).map(|u| (u.id.as_str(), u)).collect();
    let wanted: BTreeMap<&str, &User> = now.provisioned().map(|u| (u.id.as_str(), u)).collect();
    Expected {
        read: wanted.len() as u64,
        created: wanted.keys().filter(|id| !held.contains_key(*id)).count() as u64,
        updated: wanted.iter().filter(|(id, u)| held.get(*id).is_some_and(|h| h != *u)).count() as u64,
        deleted: held.keys().filter(|id| !wanted.contains_key(*id)).count() as u64,
        skipped: now.users.values().filter(|u| u.kind == "service").count() as u64,
        failed: now.users.values().filter(|u| u.damaged).count() as u64,
    }
}

/// What a run over the groups does; `before` is none for the first run.
pub fn expected_groups(before: Option<&Company>, now: &Company) -> Expected {
    let held: BTreeMap<&str, BTreeSet<String>> = before
        .into_iter()
        .flat_map(|c| c.groups.iter().map(|g| (g.id.as_str(), c.resolved_members(g))))
        .collect();
    let changed =
        now.groups.iter().filter(|g| held.get(g.id.as_str()).is_some_and(|m| *m != now.resolved_members(g)));
    Expected {
        read: now.groups.len() as u64,
        created: now.groups.iter().filter(|g| !held.contains_key(g.id.as_str())).count() as u64,
        updated: changed.count() as u64,
        deleted: 0,
        skipped: 0,
        failed: 0,
    }
}

fn person(number: usize, random: &mut Random) -> User {
    let given = random.pick(names::GIVEN);
    let family = random.pick(names::FAMILY);
    let department = random.pick(names::DEPARTMENTS);
    let title = random.pick(names::TITLES);
    let user_name = format!("{}.{}{}", names::ascii(given), names::ascii(family), number + 1);
    User {
        id: format!("U{:06}", number + 1),
        email: (random.below(25) != 0).then(|| format!("{user_name}@harbour.example")),
        user_name,
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        department: department.to_owned(),
        title: title.to_owned(),
        kind: if random.below(8) == 0 { "contractor" } else { "employee" }.to_owned(),
        active: random.below(20) != 0,
        damaged: false,
    }
}

fn service_account(number: usize) -> User {
    User {
        id: format!("S{:06}", number + 1),
        user_name: format!("svc-backup-{}", number + 1),
        given_name: "Backup".to_owned(),
        family_name: format!("Service {}", number + 1),
        email: None,
        department: "IT".to_owned(),
        title: "Service account".to_owned(),
        kind: "service".to_owned(),
        active: true,
        damaged: false,
    }
}

/// Four fifths are teams of people; the rest are departments that hold teams.
fn teams(count: usize, users: &BTreeMap<String, User>, random: &mut Random) -> Vec<Group> {
    let leaves = (count * 4).div_ceil(5);
    let mut groups: Vec<Group> = (0..count)
        .map(|number| Group {
            id: format!("G{:04}", number + 1),
            display_name: if number < leaves {
                format!(
                    "{} Team {}",
                    names::TEAMS.get(number % names::TEAMS.len()).copied().unwrap_or("Team"),
                    number + 1
                )
            } else {
                format!("Département {} – “All hands”", number - leaves + 1)
            },
            users: BTreeSet::new(),
            groups: BTreeSet::new(),
        })
        .collect();
    if leaves == 0 {
        return groups;
    }
    for user in users.values().filter(|u| u.kind != "service") {
        let to = random.below(leaves);
        if let Some(group) = groups.get_mut(to) {
            group.users.insert(user.id.clone());
        }
    }
    for number in 0..leaves {
        let parent = leaves + number % (count - leaves).max(1);
        let child = format!("G{:04}", number + 1);
        if let Some(group) = groups.get_mut(parent) {
            group.groups.insert(child);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_company_has_the_numbers_it_promises() {
        let first = Company::new(DEMO, 7);
        assert_eq!(first.users.len(), 1000);
        assert_eq!(first.groups.len(), 60);
        let later = first.a_month_later(DEMO_MONTH, 7);
        assert_eq!(
            expected_users(None, &first),
            Expected { read: 990, created: 990, updated: 0, deleted: 0, skipped: 8, failed: 2 }
        );
        assert_eq!(
            expected_users(Some(&first), &later),
            Expected { read: 995, created: 17, updated: 20, deleted: 12, skipped: 8, failed: 0 }
        );
        let groups = expected_groups(Some(&first), &later);
        assert_eq!((groups.read, groups.created, groups.deleted), (60, 0, 0));
        assert!(groups.updated > 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_files() {
        let (a, b) = (Company::new(DEMO, 7), Company::new(DEMO, 7));
        assert_eq!(a.users_csv(), b.users_csv());
        assert_eq!(a.groups_csv(), b.groups_csv());
        assert_ne!(a.users_csv(), Company::new(DEMO, 8).users_csv());
    }

    #[test]
    fn the_dirt_is_there() {
        let company = Company::new(DEMO, 7);
        let csv = company.users_csv();
        assert!(csv.contains("O'Brien") && csv.contains("Müller") && csv.contains("\"\""));
        assert!(company.users.values().any(|u| u.email.is_none()));
        assert!(company.users.values().any(|u| !u.active));
        let mut names = BTreeMap::new();
        for user in company.users.values() {
            *names.entry((&user.given_name, &user.family_name)).or_insert(0) += 1;
        }
        assert!(names.values().any(|n| *n > 1));
    }
}
