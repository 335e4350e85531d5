//! Whatever comes in: no panic, no run without end, never a 5xx, and the tables agree afterwards.
//!
//! `make fuzz` runs it longer: GANGWAY_FUZZ_SECONDS.

use super::*;
use crate::schema::Kind;
use std::time::{Duration, Instant};

/// A small generator: a repeatable stream of choices.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    fn join(&mut self, list: &[&str], count: usize) -> String {
        (0..count).map(|_| self.pick(list)).collect()
    }
}

const FILTER: &[&str] = &[
    "userName",
    "title",
    "emails",
    "emails.value",
    "emails[",
    "]",
    ".value",
    "type",
    "meta.lastModified",
    "groups",
    "members",
    "active",
    "name.familyName",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:",
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " ew ",
    " gt ",
    " ge ",
    " lt ",
    " le ",
    " pr",
    " and ",
    " or ",
    "not (",
    "(",
    ")",
    "\"x\"",
    "\"é\\u0000\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"",
    "true",
    "null",
    "1e999",
    "-1",
    " ",
    "\\",
    "😀",
    "password",
    "id",
];
const PATHS: &[&str] = &[
    "emails",
    "emails[type eq \"work\"]",
    "emails[",
    "].value",
    ".value",
    "members",
    "members[value eq \"x\"]",
    "name",
    ".familyName",
    "title",
    "userName",
    "displayName",
    "active",
    "id",
    "meta",
    "password",
    "urn:ietf:params:scim:schemas:",
    "extension:enterprise:2.0:User",
    ":department",
    ":",
    "[",
    "]",
    "\"",
    " ",
    "é",
    "urn:ietf:params:scim:schemas:core:2.0:User",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "\"True\"",
    "1",
    "1e400",
    "\"x\"",
    "\"\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[[]]",
    "{\"value\":\"x\"}",
    "[{\"value\":\"x\",\"primary\":true},{\"value\":\"y\",\"primary\":true}]",
    "{\"emails\":[{\"value\":\"q\"}],\"name.givenName\":\"g\"}",
    "{\"members\":[{\"value\":\"00000000-0000-0000-0000-000000000001\"}]}",
    "[{\"value\":\"00000000-0000-0000-0000-000000000001\"}]",
    "[{\"value\":1}]",
    "{\"emails[type eq \\\"w\\\"].value\":\"z\"}",
];
const CSV: &[&str] = &[
    "userName",
    "name.familyName",
    "emails[0].value",
    "emails[99].value",
    "displayName",
    "members",
    ",",
    "\n",
    "\"",
    ";",
    "x",
    "é",
    "id",
    "active",
    "userName,name.familyName,emails[0].value\n",
    "\u{feff}",
    "[",
    "]",
    "\r\n",
    "title",
    "displayName,members\n",
];

/// Damages bytes in a few places.
fn damage(dice: &mut Dice, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(3) {
            0 => bytes.insert(at, dice.below(256) as u8),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn operation(dice: &mut Dice) -> String {
    let (op, count) = (dice.pick(&["add", "Replace", "REMOVE", "move", "", "remove"]), 1 + dice.below(4));
    let path = Value::String(dice.join(PATHS, count));
    match dice.below(4) {
        0 => format!(r#"{{"op":"{op}","value":{}}}"#, dice.pick(VALUES)),
        1 => format!(r#"{{"op":"{op}","path":{path}}}"#),
        _ => format!(r#"{{"op":"{op}","path":{path},"value":{}}}"#, dice.pick(VALUES)),
    }
}

fn one(d: &Directory, dice: &mut Dice) {
    let start = Instant::now();
    let count = 1 + dice.below(12);
    let send = |method: &str, path: &str, query: &str, body: &[u8]| {
        let reply = d.call(&Call { method, path, query, body, base: BASE, ..Call::default() });
        assert!(reply.status < 500 || reply.status == 501, "{method} {path}?{query}: {:?}", reply.body);
    };
    let what = dice.below(6);
    let told = match what {
        0 => {
            let filter = dice.join(FILTER, count);
            let endpoint = dice.pick(&["Users", "Groups", ""]);
            let query: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("filter", &filter)
                .append_pair(
                    dice.pick(&["cursor", "startIndex", "startId", "sortBy", "attributes"]),
                    dice.pick(PATHS),
                )
                .finish();
            send("GET", endpoint, &query, b"");
            filter
        }
        1 => {
            let path = format!("/Users/{}", Uuid::from_u128(1));
            let operations: Vec<_> = (0..1 + dice.below(3)).map(|_| operation(dice)).collect();
            let body = format!(r#"{{"Operations":[{}]}}"#, operations.join(","));
            let bytes = damage(dice, &body);
            send("PATCH", &path, "", &bytes);
            body
        }
        2 => {
            let path = format!("/Groups/{}", Uuid::from_u128(5));
            let body = format!(r#"{{"Operations":[{}]}}"#, operation(dice));
            send("PATCH", &path, "", body.as_bytes());
            body
        }
        3 => {
            let operations: Vec<_> = (0..1 + dice.below(4))
                .map(|_| {
                    let method = dice.pick(&["POST", "PUT", "PATCH", "DELETE", "x"]);
                    let path = dice.pick(&["/Users", "/Groups", "/Users/bulkId:a", "/", "/Users/00000000-0000-0000-0000-000000000003", "Bulk"]);
                    let bulk_id = dice.pick(&["a", "b", "bulkId:a"]);
                    let data = match dice.below(3) {
                        0 => format!(r#"{{"Operations":[{}]}}"#, operation(dice)),
                        1 => format!(r#"{{"schemas":["{USER}"],"userName":"f{}"}}"#, dice.below(50)),
                        _ => format!(r#"{{"schemas":["{GROUP}"],"displayName":"g{}","members":[{{"value":"bulkId:{bulk_id}"}}]}}"#, dice.below(50)),
                    };
                    format!(r#"{{"method":"{method}","path":"{path}","bulkId":"{bulk_id}","data":{data}}}"#)
                })
                .collect();
            let urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
            let body = format!(
                r#"{{"schemas":["{urn}"],"failOnErrors":{},"Operations":[{}]}}"#,
                dice.below(3),
                operations.join(",")
            );
            let bytes = damage(dice, &body);
            send("POST", "Bulk", "", &bytes);
            body
        }
        4 => {
            let table = dice.join(CSV, count * 2);
            let kind = if dice.below(2) == 0 { Kind::User } else { Kind::Group };
            let bytes = damage(dice, &table);
            if let Err(error) = d.import(kind, &bytes) {
                assert!(error.status < 500, "{table:?}: {error}");
            }
            table
        }
        _ => {
            let body = format!(
                r#"{{"schemas":["{USER}"],"userName":"f{}","emails":{},"x":{}}}"#,
                dice.below(99),
                dice.pick(VALUES),
                dice.pick(VALUES)
            );
            let bytes = damage(dice, &body);
            send("POST", "Users", "", &bytes);
            body
        }
    };
    assert!(start.elapsed() < Duration::from_secs(10), "{:?} for {told}", start.elapsed());
}

fn rounds(seed: u64, mut goes_on: impl FnMut(u64) -> bool) -> u64 {
    let d = directory();
    let (a, b) = (
        user(&d, "ann", json!({ "emails": [{ "value": "a@x", "type": "work" }] })),
        user(&d, "bob", json!({})),
    );
    group(&d, "crew", &[&a, &b]);
    let (mut dice, mut cases) = (Dice::new(seed), 0);
    while goes_on(cases) {
        one(&d, &mut dice);
        cases += 1;
    }
    let report = d.check().unwrap();
    assert_eq!(report.problems, [""; 0], "seed {seed}");
    cases
}

#[test]
fn damaged_requests_do_no_harm() {
    for seed in 1..=4 {
        rounds(seed, |cases| cases < 1500);
    }
}

#[test]
#[ignore = "make fuzz"]
fn fuzz() {
    let seconds = std::env::var("GANGWAY_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let (end, mut cases, mut seed) = (Instant::now() + Duration::from_secs(seconds), 0, 1000);
    while Instant::now() < end {
        cases += rounds(seed, |cases| cases < 5000 && Instant::now() < end);
        seed += 1;
    }
    eprintln!("directory: {cases} cases, no panic, no 5xx");
}
