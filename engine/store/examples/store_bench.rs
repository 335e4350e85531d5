//! Prints what the store does in a second: `cargo run --release -p gangway-store --example store_bench [relations]`.

#![allow(clippy::print_stdout, reason = "a program whose purpose is to print")]

use gangway_model::{EntityEvent, EntityState, Intent, JobId, RelationKey, RelationState, TenantId};
use gangway_store::{Commit, MasterKey, NewRelation, RedbStore, Store, TenantStore};
use std::error::Error;
use std::time::{Duration, Instant};

const PAGE: usize = 1_000;

/// A fixed sequence of numbers in no visible order.
fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn uuid(seed: u64) -> String {
    let (a, b) = (scramble(seed), scramble(seed ^ 0x5555_5555));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        a as u16,
        (a >> 16) as u16,
        b >> 48,
        b << 16 >> 16
    )
}

fn relation(source_id: String, n: u64) -> NewRelation {
    NewRelation {
        source_id,
        target_id: uuid(n ^ 0xabcd_0000_0000),
        existed_before: false,
        fingerprint: [n as u8; 16],
        payload: [n as u8; 16],
        state: RelationState::Active,
    }
}

fn event(relation: &NewRelation) -> EntityEvent {
    EntityEvent {
        entity_type: "user".into(),
        system: "target-system".into(),
        source_id: Some(relation.source_id.clone()),
        target_id: Some(relation.target_id.clone()),
        state: EntityState::Created,
        reason: None,
        error: None,
        content: None,
        time_ms: 1_800_000_000_000,
    }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Time on a processor and bytes handed to the disk: what a busy machine does not blur.
fn spent() -> (u64, u64) {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let cpu_ns = schedstat.split_whitespace().next().and_then(|text| text.parse().ok());
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok());
    (cpu_ns.unwrap_or_default(), written.unwrap_or_default())
}

#[derive(Default)]
struct Times {
    elapsed: Vec<Duration>,
    cpu_ns: u64,
    written: u64,
}

impl Times {
    fn print(mut self, what: &str, each: usize) {
        self.elapsed.sort();
        let count = self.elapsed.len();
        let total: Duration = self.elapsed.iter().sum();
        let at = |share: usize| self.elapsed.get(count * share / 100).copied().unwrap_or_default();
        println!(
            "{what:<28} {:>8.0}/s; per {each}: median {:>6.2} ms, p99 {:>7.2} ms, processor {:>5.2} ms, {:>5} KiB written",
            (count * each) as f64 / total.as_secs_f64(),
            at(50).as_secs_f64() * 1e3,
            at(99).as_secs_f64() * 1e3,
            self.cpu_ns as f64 / 1e6 / count as f64,
            self.written / 1024 / count as u64,
        );
    }
}

fn timed<T, E>(times: &mut Times, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let (cpu_ns, written) = spent();
    let start = Instant::now();
    let result = work();
    times.elapsed.push(start.elapsed());
    let (cpu_after, written_after) = spent();
    times.cpu_ns += cpu_after - cpu_ns;
    times.written += written_after - written;
    result
}

fn run(
    tenant: &dyn TenantStore,
    name: &str,
    ids: impl Fn(u64) -> String,
    count: u64,
) -> Result<(), Box<dyn Error>> {
    let key = RelationKey {
        source: name.into(),
        target: format!("target-{name}").into(),
        entity_type: "user".into(),
    };
    let run = JobId::new(format!("0193-{name}-run"));
    let mut intents = Times::default();
    let mut creates = Times::default();
    for page in 0..count / PAGE as u64 {
        let numbers = page * PAGE as u64..(page + 1) * PAGE as u64;
        let list: Vec<NewRelation> = numbers.map(|n| relation(ids(n), n)).collect();
        let open = list.iter().map(|r| Intent {
            source_id: r.source_id.clone(),
            since_ms: 1_800_000_000_000,
            unique: Vec::new(),
        });
        let open = Commit { intents: vec![(key.clone(), open.collect())], ..Commit::default() };
        timed(&mut intents, || tenant.commit(&open))?;
        let done = Commit {
            run: Some(run.clone()),
            settled: vec![(key.clone(), list.iter().map(|r| r.source_id.clone()).collect())],
            events: list.iter().map(event).collect(),
            relations: vec![(key.clone(), list)],
            ..Commit::default()
        };
        timed(&mut creates, || tenant.commit(&done))?;
    }
    intents.print(&format!("{name}: intents"), PAGE);
    creates.print(&format!("{name}: creates with log"), PAGE);

    let mut lookups = Times::default();
    let mut found = 0;
    for batch in 0..200 {
        let wanted: Vec<String> =
            (0..PAGE as u64).map(|n| ids(scramble(batch * 1_000 + n) % count)).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        found += timed(&mut lookups, || tenant.relations(&key, &wanted))?.iter().flatten().count();
    }
    lookups.print(&format!("{name}: lookups in random order"), PAGE);
    println!("{:<28} {found}", "  found");

    let mut pages = Times::default();
    let mut seen = Times::default();
    let again = JobId::new(format!("0194-{name}-run"));
    for page in 0..(count / PAGE as u64).min(500) {
        let wanted: Vec<String> = (page * PAGE as u64..(page + 1) * PAGE as u64).map(&ids).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let relations = timed(&mut pages, || tenant.relations(&key, &wanted))?;
        let marks = relations.iter().flatten().map(|r| r.ordinal).collect();
        let batch =
            Commit { run: Some(again.clone()), seen: vec![(key.clone(), marks)], ..Commit::default() };
        timed(&mut seen, || tenant.commit(&batch))?;
    }
    pages.print(&format!("{name}: lookups in page order"), PAGE);
    seen.print(&format!("{name}: commits of seen marks"), PAGE);

    let mut updates = Times::default();
    for page in 0..(count / PAGE as u64).min(100) {
        let list = (page * PAGE as u64..(page + 1) * PAGE as u64).map(|n| relation(ids(n), n)).collect();
        let batch =
            Commit { run: Some(again.clone()), relations: vec![(key.clone(), list)], ..Commit::default() };
        timed(&mut updates, || tenant.commit(&batch))?;
    }
    updates.print(&format!("{name}: updates of relations"), PAGE);

    let start = Instant::now();
    tenant.seen(&again, &key)?;
    println!("{:<28} {:.2} ms", format!("{name}: seen set"), start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let mut after: Option<String> = None;
    let mut scanned = 0;
    loop {
        let page = tenant.scan_relations(&key, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { break };
        scanned += page.len();
        after = Some(last.source_id.clone());
    }
    println!(
        "{:<28} {:.0}/s",
        format!("{name}: scan of {scanned}"),
        scanned as f64 / start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let store = RedbStore::open(dir.path(), MasterKey::from_bytes([1; 32]))?;
    let name = TenantId::new("bench");
    store.create_tenant(&name)?;
    let tenant = store.tenant(&name)?;
    println!("{count} relations in pages of {PAGE}");
    run(&*tenant, "ordered", |n| format!("user{n:08}"), count)?;
    run(&*tenant, "random", |n| uuid(n ^ 0x7777_0000_0000), count)?;
    let size = std::fs::metadata(dir.path().join("tenants/bench/state.redb"))?.len();
    println!("file {} MiB, peak memory {} MiB", size >> 20, resident_mib());
    Ok(())
}
