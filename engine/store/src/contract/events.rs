use super::{Case, tenant};
use crate::{Commit, Store, TenantStore};
use gangway_model::{EntityEvent, EntityState, JobId, PluginError};

pub(super) const CASES: &[Case] = &[
    ("log lines come back as they were written", come_back),
    ("the log is read in pieces", pieces),
    ("an entity has a history over all jobs", history),
    ("a deleted job takes its log along", deleted),
];

fn event(n: u64, state: EntityState) -> EntityEvent {
    EntityEvent {
        entity_type: "user".into(),
        system: "x".into(),
        source_id: Some(format!("s{n}")),
        target_id: None,
        state,
        reason: None,
        error: None,
        content: None,
        time_ms: n,
    }
}

fn append(acme: &dyn TenantStore, run: &JobId, events: Vec<EntityEvent>) {
    acme.commit(&Commit { run: Some(run.clone()), events, ..Commit::default() }).unwrap();
}

fn come_back(store: &dyn Store) {
    let acme = tenant(store);
    let run = JobId::new("run");
    assert_eq!(acme.events(&run, None, None, 10).unwrap(), []);
    let mut failed = event(2, EntityState::Failed);
    failed.source_id = None;
    failed.target_id = Some("t".to_owned());
    failed.reason = Some("because".to_owned());
    let mut error = PluginError::new("rate-limited", "slow down").with("status", "429").with("url", "");
    error.retry_after_ms = Some(0);
    failed.error = Some(error);
    let mut other = event(1, EntityState::Skipped);
    other.entity_type = "group".into();
    other.system = "y".into();
    let lines = vec![event(9, EntityState::Created), other, failed, event(3, EntityState::Deleted)];
    append(&*acme, &run, lines.clone());
    let found: Vec<_> = acme.events(&run, None, None, 10).unwrap().into_iter().map(|(_, e)| e).collect();
    assert_eq!(found, lines);
}

fn pieces(store: &dyn Store) {
    let acme = tenant(store);
    let (run, other) = (JobId::new("run"), JobId::new("run2"));
    let state_of = |n: u64| match n {
        _ if n.is_multiple_of(100) => EntityState::Failed,
        _ if n.is_multiple_of(2) => EntityState::Created,
        _ => EntityState::Updated,
    };
    let mut written = Vec::new();
    for size in [1, 15, 16, 17, 33, 250, 1, 67] {
        let from = written.len() as u64;
        let batch: Vec<EntityEvent> = (from..from + size).map(|n| event(n, state_of(n))).collect();
        written.extend(batch.clone());
        append(&*acme, &run, batch);
        append(&*acme, &other, vec![event(from, EntityState::Failed)]);
    }
    let all = acme.events(&run, None, None, 1_000).unwrap();
    assert_eq!(all.len(), 400);
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(all.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), written);
    for state in [None, Some(EntityState::Failed), Some(EntityState::Updated), Some(EntityState::Skipped)] {
        let wanted: Vec<_> =
            all.iter().filter(|(_, event)| state.is_none_or(|state| event.state == state)).cloned().collect();
        for limit in [1, 3, 16, 399, 1_000] {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let piece = acme.events(&run, state, after, limit).unwrap();
                assert!(piece.len() <= limit);
                let Some(last) = piece.last() else { break };
                after = Some(last.0);
                found.extend(piece);
            }
            assert_eq!(found, wanted, "{state:?} in pieces of {limit}");
        }
    }
    assert_eq!(acme.events(&run, None, Some(u64::MAX), 10).unwrap(), []);
    assert_eq!(acme.events(&run, None, None, 0).unwrap(), []);
    assert_eq!(acme.events(&other, None, None, 10).unwrap().len(), 8);
    assert_eq!(acme.events(&JobId::new("ru"), None, None, 10).unwrap(), []);
}

fn history(store: &dyn Store) {
    let acme = tenant(store);
    let mut job = super::job("2", gangway_model::JobStatus::Success);
    job.source = "hr".into();
    acme.put_job(&job).unwrap();
    for run in ["1", "2"] {
        let lines = (0..40).map(|n| event(n, EntityState::Created)).collect();
        append(&*acme, &run.into(), lines);
        let target = EntityEvent {
            target_id: Some("s7".to_owned()),
            source_id: None,
            ..event(99, EntityState::Deleted)
        };
        append(&*acme, &run.into(), vec![target]);
    }
    let found = |system: Option<&str>, limit| {
        let system = system.map(gangway_model::SystemId::new);
        let lines = acme.history("s7", system.as_ref(), limit).unwrap();
        lines
            .into_iter()
            .map(|line| (line.run.to_string(), line.number, line.event.state))
            .collect::<Vec<_>>()
    };
    let (created, deleted) = (EntityState::Created, EntityState::Deleted);
    let all = [("2", 41, deleted), ("2", 8, created), ("1", 41, deleted), ("1", 8, created)];
    let all: Vec<_> = all.into_iter().map(|(run, number, state)| (run.to_owned(), number, state)).collect();
    assert_eq!(found(None, 10), all, "not s17 or s70");
    assert_eq!(found(None, 3), all[..3]);
    assert_eq!(found(Some("x"), 10), all, "the system it happened in");
    assert_eq!(found(Some("hr"), 10), all[..2], "the system that was read");
    assert_eq!(found(Some("other"), 10), []);
    assert_eq!(acme.history("", None, 10).unwrap(), []);
}

fn deleted(store: &dyn Store) {
    use gangway_model::JobStatus;
    let acme = tenant(store);
    for (id, status) in [("1", JobStatus::Success), ("2", JobStatus::Running)] {
        acme.put_job(&super::job(id, status)).unwrap();
        append(&*acme, &id.into(), (0..20).map(|n| event(n, EntityState::Failed)).collect());
    }
    assert!(acme.delete_job(&"1".into()).unwrap());
    assert!(!acme.delete_job(&"1".into()).unwrap());
    assert!(!acme.delete_job(&"2".into()).unwrap(), "it runs");
    assert_eq!(acme.events(&"1".into(), None, None, 50).unwrap(), []);
    assert_eq!(acme.events(&"1".into(), Some(EntityState::Failed), None, 50).unwrap(), []);
    assert_eq!(acme.events(&"2".into(), None, None, 50).unwrap().len(), 20);
    assert_eq!(acme.history("s3", None, 50).unwrap().len(), 1);
    assert_eq!(acme.jobs(None, 9).unwrap().len(), 1);
}
