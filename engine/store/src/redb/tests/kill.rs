//! A process that is killed in the middle of its commits.

use super::*;
use gangway_model::{EntityEvent, EntityState, Intent, Job, JobId, JobStatus};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const DIRECTORY: &str = "GANGWAY_TEST_KILL_DIRECTORY";
const PAGE: usize = 40;

fn run() -> JobId {
    JobId::new("0001")
}

fn job(pages: u64) -> Job {
    let mut job = contract::job(run().as_str(), JobStatus::Running);
    job.checkpoint.pages = pages;
    job
}

fn event(source_id: String) -> EntityEvent {
    EntityEvent {
        entity_type: "user".into(),
        system: "x".into(),
        source_id: Some(source_id),
        target_id: None,
        state: EntityState::Created,
        reason: None,
        error: None,
        content: None,
        time_ms: 1,
    }
}

/// Page `page` creates 40 relations, settles their intents, opens the next page's, moves one
/// relation to a new target entity and replaces another.
fn page(page: u64) -> Commit {
    let number = page as usize;
    let mut batch = relations(number * PAGE..(number + 1) * PAGE);
    if let Some((_, list)) = batch.relations.first_mut() {
        list.push(relation("moving", format!("at-{page}")));
        list.push(relation(format!("fresh-{page}"), "held"));
    }
    let ids = |number: usize| (number * PAGE..(number + 1) * PAGE).map(|n| format!("s{n}"));
    batch.run = Some(run());
    batch.job = Some(job(page + 1));
    batch.events = ids(number).map(event).collect();
    batch.settled = vec![(users(), ids(number).collect())];
    let intents = ids(number + 1).map(|source_id| Intent { source_id, since_ms: page, unique: Vec::new() });
    batch.intents = vec![(users(), intents.collect())];
    if page > 0 {
        batch.removed = vec![(users(), vec![format!("fresh-{}", page - 1)])];
    }
    batch
}

fn open(dir: &Path) -> (RedbStore, Arc<dyn TenantStore>) {
    let store = RedbStore::open_with(dir, key(), Options { waiting_relations: 300, ..small() }).unwrap();
    let name = TenantId::new("acme");
    if store.tenants().unwrap().is_empty() {
        store.create_tenant(&name).unwrap();
    }
    let tenant = store.tenant(&name).unwrap();
    (store, tenant)
}

fn pages(tenant: &dyn TenantStore) -> u64 {
    tenant.job(&run()).unwrap().map_or(0, |job| job.checkpoint.pages)
}

/// The process that is killed: commits page after page and says so. Run by the test below.
#[test]
#[ignore = "the other half of a_killed_process_leaves_whole_commits"]
fn writer() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let (_store, tenant) = open(Path::new(&dir));
    let mut next = pages(&*tenant);
    println!("ready");
    // An end, for the case that nobody kills it: it must not fill the disk.
    for _ in 0..5_000 {
        tenant.commit(&page(next)).unwrap();
        next += 1;
        println!("committed {next}");
    }
}

fn check(tenant: &dyn TenantStore, pages: u64, at: &str) {
    let created = pages as usize * PAGE;
    let all = tenant.scan_relations(&users(), None, usize::MAX).unwrap();
    let extra = if pages == 0 { 0 } else { 2 };
    assert_eq!(all.len(), created + extra, "{at}");
    assert_eq!(tenant.count_relations(&users()).unwrap(), all.len() as u64, "{at}");
    let seen = tenant.seen(&run(), &users()).unwrap();
    assert!(all.iter().all(|relation| seen.contains(relation.ordinal)), "{at}");
    let targets: Vec<&str> = all.iter().map(|relation| relation.target_id.as_str()).collect();
    let owners = tenant.owners(&users(), &targets).unwrap();
    for (relation, owner) in all.iter().zip(owners) {
        assert_eq!(owner.as_ref(), Some(&relation.source_id), "{at}");
    }
    let sources: Vec<String> = (0..created + 2 * PAGE).map(|n| format!("s{n}")).collect();
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let found = tenant.relations(&users(), &sources).unwrap();
    let intents = tenant.intents(&users(), &sources).unwrap();
    for (n, (relation, intent)) in found.iter().zip(intents).enumerate() {
        assert_eq!(relation.is_some(), n < created, "{at}: relation s{n}");
        let open = pages > 0 && (created..created + PAGE).contains(&n);
        assert_eq!(intent.is_some(), open, "{at}: intent s{n}");
    }
    if pages > 0 {
        let gone = tenant.owners(&users(), &[&format!("at-{}", pages.wrapping_sub(2))]).unwrap();
        assert_eq!(gone, [None], "{at}");
    }
    assert_eq!(tenant.events(&run(), None, None, usize::MAX).unwrap().len(), created, "{at}");
}

#[test]
fn a_killed_process_leaves_whole_commits() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = 20_261_124u64;
    let mut last = 0;
    for kill in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["redb::tests::kill::writer", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let wait = Duration::from_micros((seed >> 33) % 60_000);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut acknowledged = None;
            for line in lines.map_while(Result::ok) {
                // With one test thread the harness has already begun the line.
                if line.ends_with("ready") {
                    ready.send(()).unwrap();
                }
                let number = line.strip_prefix("committed ").and_then(|number| number.parse::<u64>().ok());
                acknowledged = number.or(acknowledged);
            }
            acknowledged
        });
        let in_time = is_ready.recv_timeout(Duration::from_secs(60));
        if in_time.is_err() {
            child.kill().unwrap();
        }
        in_time.expect("the writer opens its store");
        // At no particular moment.
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = reader.join().unwrap().unwrap_or(last);
        let (_store, tenant) = open(dir.path());
        let pages = pages(&*tenant);
        let at = format!("kill {kill} after {wait:?}: {pages} pages, {acknowledged} acknowledged");
        assert!(pages == acknowledged || pages == acknowledged + 1, "{at}");
        assert!(pages >= last, "{at}");
        check(&*tenant, pages, &at);
        last = pages;
    }
    assert!(last > 20, "only {last} pages in 20 lives");
}
