use super::queue::staff;
use super::world::*;
use crate::{logs, records};
use gangway_model::{EntityState, JobStatus, JobType, TenantSettings};
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread")]
async fn f155_logs_are_kept_for_the_days_that_the_tenant_chose() {
    let world = World::new(2, &["dir"]);
    world.users(staff(2));
    let store = world.tenant_store();
    let old = world.read().await;
    let start = world.clock.0.load(Ordering::SeqCst);
    world.clock.0.store(start + 5 * DAY, Ordering::SeqCst);
    let young = world.run(JobType::Resync).await;
    let purge = |days: u64| logs::purge(store.as_ref(), start + days * DAY + 1000).unwrap();
    assert_eq!(purge(6), 0);
    assert_eq!(purge(7), 1, "seven days if nothing else is chosen");
    assert_eq!(store.job(&old.id).unwrap(), None);
    assert_eq!(store.history("u0000", None, 9).unwrap().len(), 1, "its lines went along");
    assert!(store.job(&young.id).unwrap().is_some());
    let settings = TenantSettings { log_retention_days: 30, ..TenantSettings::default() };
    records::set_settings(store.as_ref(), &settings).unwrap();
    assert_eq!(purge(34), 0);
    assert_eq!(purge(35), 1);
    assert_eq!(store.history("u0000", None, 9).unwrap(), []);
    assert_eq!(world.relations("dir", "user").len(), 2, "relations are no logs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f154_deleting_logs_keeps_what_belongs_to_running_jobs() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(30));
    let ended = world.read().await;
    let open = super::queue::gate(&world.target("dir"));
    let before = world.target("dir").writes.load(Ordering::SeqCst);
    let first = world.start(JobType::Resync).await;
    while world.target("dir").writes.load(Ordering::SeqCst) == before {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let runner = world.runner.clone();
    let down = tokio::spawn(async move { runner.shutdown().await });
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    open.store(true, Ordering::SeqCst);
    down.await.unwrap();
    let open = super::queue::gate(&world.target("dir"));
    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap();
    let store = world.tenant_store();
    assert_eq!(logs::delete_ended(store.as_ref()).unwrap(), 1);
    assert_eq!(store.job(&ended.id).unwrap(), None);
    assert_eq!(world.job(&first).status, JobStatus::Resumed, "the running job goes on with its log");
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(world.job(&resumed[0]).status, JobStatus::Success);
    let lines = store.events(&first, Some(EntityState::Updated), None, 100).unwrap();
    assert_eq!(lines.len(), 30, "each once");
    assert_eq!(logs::delete_ended(store.as_ref()).unwrap(), 2);
    assert_eq!(store.events(&first, None, None, 100).unwrap(), []);
}
