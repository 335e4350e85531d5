//! SIGKILL at 100 seeded points while the directory is written to: what was acknowledged is there, and records,
//! indexes and memberships agree.

use crate::home::{GROUP, Home, USER};
use gangway_kit::{Api, Method, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const POINTS: u64 = 100;
/// How many write. At every other point only one does: its changes are carried out where they come, in a transaction
/// that stays open.
const WRITERS: u64 = 4;

/// What one writer was told is durable; `None` for what is deleted. The last request of a killed engine may or may
/// not have been carried out.
#[derive(Default)]
struct Ledger {
    users: BTreeMap<String, Option<(String, String)>>,
    unsure: BTreeSet<String>,
}

/// SplitMix64 of the seed: the same points in every run.
fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Creates, changes, deletes and puts into the group until the engine is gone.
async fn write(
    api: Api,
    seed: u64,
    writer: u64,
    team: String,
    done: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> Ledger {
    let base = "/tenants/home/scim/v2";
    let mut ledger = Ledger::default();
    let mut step = 0;
    while !over.load(Ordering::SeqCst) {
        step += 1;
        let name = format!("s{seed}w{writer}n{step}");
        ledger.unsure.insert(name.clone());
        let body = json!({ "schemas": [USER], "userName": name, "title": "new",
            "emails": [{ "value": format!("{name}@example.com") }] });
        let Ok((status, made)) = api.call(Method::POST, &format!("{base}/Users"), Some(body)).await else {
            break;
        };
        assert_eq!(status, 201, "{made}");
        let id = text(&made, "/id").to_owned();
        ledger.users.insert(name.clone(), Some((id.clone(), "new".to_owned())));
        ledger.unsure.remove(&name);
        done.fetch_add(1, Ordering::SeqCst);

        ledger.unsure.insert(name.clone());
        let (path, request, outcome) = match step % 3 {
            0 => (format!("{base}/Users/{id}"), None, None),
            1 => {
                let patch = json!({ "Operations": [
                    { "op": "replace", "path": "title", "value": "changed" },
                    { "op": "replace", "path": "emails", "value": [{ "value": format!("{name}@example.org") }] },
                ] });
                (format!("{base}/Users/{id}"), Some(patch), Some((id.clone(), "changed".to_owned())))
            }
            _ => {
                let add =
                    json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id }] }] });
                (format!("{base}/Groups/{team}"), Some(add), Some((id.clone(), "member".to_owned())))
            }
        };
        let method = if request.is_none() { Method::DELETE } else { Method::PATCH };
        let Ok((status, answer)) = api.call(method, &path, request).await else { break };
        assert!(status.is_success(), "{status} {answer}");
        ledger.users.insert(name.clone(), outcome);
        ledger.unsure.remove(&name);
    }
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_is_written_to_the_directory_keeps_every_acknowledged_write() {
    let mut home = Home::new().await;
    let (_, team) = home.post("Groups", json!({ "schemas": [GROUP], "displayName": "team" })).await;
    let team = text(&team, "/id").to_owned();
    // One seed by hand: GANGWAY_CRASH_SEED=17 cargo test killed_while_it_is_written_to
    let chosen = std::env::var("GANGWAY_CRASH_SEED").ok().and_then(|s| s.parse().ok());
    let seeds: Vec<u64> = chosen.map_or_else(|| (0..POINTS).collect(), |seed| vec![seed]);
    let (mut acknowledged, count) = (0, seeds.len() as u64);
    for seed in seeds {
        let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let writers = if seed.is_multiple_of(2) { WRITERS } else { 1 };
        let writers: Vec<_> = (0..writers)
            .map(|n| {
                let api = home.engine.api("home").unwrap();
                tokio::spawn(write(api, seed, n, team.clone(), done.clone(), over.clone()))
            })
            .collect();
        let point = 1 + scatter(seed) % 40;
        while done.load(Ordering::SeqCst) < point {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        // A further seeded moment, so that commits are hit as well as requests.
        tokio::time::sleep(Duration::from_micros(scatter(seed ^ 0xc0de) % 3_000)).await;
        home.engine.kill();
        over.store(true, Ordering::SeqCst);
        let mut ledgers = Vec::new();
        for writer in writers {
            ledgers.push(writer.await.unwrap());
        }
        home.engine.restart().await.unwrap();
        home.assert_sound();
        acknowledged += check(&home, seed, &team, &ledgers).await;
    }
    assert!(acknowledged > count, "{acknowledged} acknowledged writes were looked for");
}

/// How many writes were acknowledged, and not followed by another one of which nobody knows.
async fn check(home: &Home, seed: u64, team: &str, ledgers: &[Ledger]) -> u64 {
    let mut there: BTreeMap<String, Value> = BTreeMap::new();
    let mut start = 1;
    loop {
        let path = format!("/Users?filter=userName%20sw%20%22s{seed}w%22&count=200&startIndex={start}");
        let page = home.get(&path).await;
        let users = page["Resources"].as_array().unwrap();
        if users.is_empty() {
            break;
        }
        start += users.len();
        there.extend(users.iter().map(|u| (text(u, "/userName").to_owned(), u.clone())));
    }
    let mut acknowledged = 0;
    for ledger in ledgers {
        for (name, expected) in ledger.users.iter().filter(|(name, _)| !ledger.unsure.contains(*name)) {
            acknowledged += 1;
            let found = there.get(name);
            match expected {
                None => assert!(found.is_none(), "seed {seed}: {name} was deleted, and is there"),
                Some((id, what)) => {
                    let found =
                        found.unwrap_or_else(|| panic!("seed {seed}: {name} was created, and is not there"));
                    assert_eq!(text(found, "/id"), id);
                    if what == "member" {
                        assert_eq!(text(found, "/groups/0/value"), team, "seed {seed}: {name} is no member");
                    } else {
                        assert_eq!(text(found, "/title"), what, "seed {seed}: {name}");
                    }
                    let domain = if what == "changed" { "org" } else { "com" };
                    let email = format!("emails.value eq \"{name}@example.{domain}\"");
                    assert_eq!(
                        home.found("Users", &email).await.len(),
                        1,
                        "seed {seed}: {name} by its address"
                    );
                }
            }
        }
    }
    acknowledged
}
