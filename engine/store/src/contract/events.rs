use super::{Case, tenant};
use crate::{Commit, Store, TenantStore};
use gangway_model::{EntityEvent, EntityState, JobId, PluginError};

pub(super) const CASES: &[Case] =
    &[("log lines come back as they were written", come_back), ("the log is read in pieces", pieces)];

fn event(n: u64, state: EntityState) -> EntityEvent {
    EntityEvent {
        entity_type: "user".into(),
        system: "x".into(),
        source_id: Some(format!("s{n}")),
        target_id: None,
        state,
        reason: None,
        error: None,
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
