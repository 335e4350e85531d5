use super::{Case, job, tenant};
use crate::{News, Record, Store, TenantStore};
use gangway_model::{JobId, JobStatus};

pub(super) const CASES: &[Case] =
    &[("records come and go", come_and_go), ("news are kept until they are settled", news)];

fn put(store: &dyn TenantStore, kind: &'static str, key: &str, value: Option<&str>) {
    let value = value.map(|value| value.as_bytes().to_vec());
    store.put_records(&[Record { kind, key: key.to_owned(), value }]).unwrap();
}

fn keys(store: &dyn TenantStore, kind: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    store.records(kind, after, limit).unwrap().into_iter().map(|(key, _)| key).collect()
}

fn come_and_go(store: &dyn Store) {
    let acme = tenant(store);
    assert_eq!(acme.record("a", "bk").unwrap(), None);
    for (key, value) in [("long one", "1"), ("b", "2"), ("bk", "3"), ("c", "4")] {
        put(&*acme, "a", key, Some(value));
    }
    put(&*acme, "ab", "k", Some("5"));
    assert_eq!(acme.record("a", "bk").unwrap().as_deref(), Some(b"3".as_slice()));
    assert_eq!(keys(&*acme, "a", None, 10), ["b", "bk", "c", "long one"]);
    assert_eq!(keys(&*acme, "a", Some("b"), 2), ["bk", "c"]);
    assert_eq!(acme.records("ab", None, 9).unwrap(), [("k".to_owned(), b"5".to_vec())]);
    put(&*acme, "a", "bk", None);
    put(&*acme, "a", "bk", None);
    assert_eq!(acme.record("a", "bk").unwrap(), None);
    assert_eq!(keys(&*acme, "none", None, 10), [""; 0]);
}

fn news(store: &dyn Store) {
    let acme = tenant(store);
    let put_job = |id: &str, status| acme.put_job(&job(id, status)).unwrap();
    put_job("1", JobStatus::Success);
    put_job("2", JobStatus::Running);
    assert_eq!(acme.news().unwrap(), [], "what was never under way and what has not ended is no news");
    put_job("2", JobStatus::RunningWithError);
    let failing = News { failing: true, ended: false };
    let ended = News { failing: false, ended: true };
    assert_eq!(acme.news().unwrap(), [(JobId::new("2"), failing)]);
    let record = Record { kind: "k", key: "sent".to_owned(), value: Some(Vec::new()) };
    acme.settle_news(&"2".into(), failing, std::slice::from_ref(&record)).unwrap();
    assert_eq!(keys(&*acme, "k", None, 9), ["sent"]);
    put_job("2", JobStatus::RunningWithError);
    assert_eq!(acme.news().unwrap(), [], "once");
    put_job("3", JobStatus::Queued);
    put_job("3", JobStatus::RunningWithError);
    put_job("3", JobStatus::FinishedWithError);
    put_job("2", JobStatus::FinishedWithError);
    put_job("2", JobStatus::FinishedWithError);
    let both = News { failing: true, ended: true };
    assert_eq!(acme.news().unwrap(), [(JobId::new("2"), ended), (JobId::new("3"), both)]);
    acme.settle_news(&"3".into(), failing, &[]).unwrap();
    acme.settle_news(&"2".into(), both, &[]).unwrap();
    assert_eq!(acme.news().unwrap(), [(JobId::new("3"), ended)]);
    put_job("4", JobStatus::PendingRestart);
    put_job("4", JobStatus::Resumed);
    assert_eq!(acme.news().unwrap().len(), 1, "it goes on under another id");
}
