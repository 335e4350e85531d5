//! The reference example of the operations specification, section 2: A, B, C, D; then C changed, D
//! gone, E new. Writes are counted at the target, a real scim2-server behind a relay.

use crate::setting::{Setting, pairs};
use crate::systems::{counters, write_users};
use gangway_model::{Action, JobStatus};
use std::time::Duration;

#[tokio::test]
async fn f004_a_full_read_creates_updates_and_deletes_exactly_what_changed() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    let first = setting.api.run("HR").await.unwrap();
    assert_eq!(first.status, JobStatus::Success, "{first:?}\n{}", setting.engine.log());
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]));
    assert_eq!(setting.writes().len(), 4);

    setting.relay.clear();
    let again = setting.api.run("HR").await.unwrap();
    assert_eq!(again.status, JobStatus::Success);
    assert_eq!(setting.writes().len(), 0, "a second Read without changes writes nothing");

    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "y"), ("E", "x")]);
    let second = setting.api.run("HR").await.unwrap();
    assert_eq!(second.status, JobStatus::Success, "{second:?}");
    let row = counters(&second, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted, row.failed), (1, 1, 1, 0));
    assert_eq!(counters(&second, "user", Action::Read).read, 4);
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "y"), ("e", "x")]));
    assert_eq!(setting.methods(), ["DELETE", "POST", "PUT"]);
}

#[tokio::test]
async fn f007_a_resync_writes_every_entity_and_repairs_the_target() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    setting.api.run("HR").await.unwrap();
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "y"), ("E", "x")]);
    setting.relay.clear();
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    let job = setting.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (1, 3, 1));
    assert_eq!(setting.methods(), ["DELETE", "POST", "PUT", "PUT", "PUT"]);
}
