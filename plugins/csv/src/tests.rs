//! The connector against a fake host.

mod malformed;
mod reading;
mod writing;

use crate::Csv;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::{Connector, Entity, Page, Problem, Source};

/// A host with a file of users.
fn host(users: &str) -> FakeHost {
    let host = FakeHost::install();
    host.file("users", users);
    host
}

fn open() -> Csv {
    Csv::open().unwrap()
}

/// Reads all pages; each by the same connector, or each by a new one as after a restart.
fn pages(entity_type: &str, limit: u32, restart: bool) -> Vec<Page> {
    let mut csv = open();
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        if restart {
            csv = open();
        }
        let page = csv.read_page(entity_type, cursor.as_deref(), limit).unwrap();
        assert!(page.entities.len() + page.problems.len() <= limit as usize);
        cursor = page.next_cursor.clone();
        pages.push(page);
        if cursor.is_none() {
            return pages;
        }
        assert!(pages.len() < 10_000, "the cursor does not move on");
    }
}

fn read(entity_type: &str) -> (Vec<Entity>, Vec<Problem>) {
    let page = open().read_page(entity_type, None, 1000).unwrap();
    assert_eq!(page.next_cursor, None);
    (page.entities, page.problems)
}

fn json_of(users: &str) -> Vec<String> {
    let _host = host(users);
    let (entities, problems) = read("user");
    assert_eq!(problems, []);
    entities.into_iter().map(|entity| entity.json).collect()
}
