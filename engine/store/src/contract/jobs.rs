use super::{Case, job, tenant};
use crate::{Commit, Store};
use gangway_model::{Job, JobId, JobStatus, Phase};

pub(super) const CASES: &[Case] = &[
    ("jobs come back as they were put", come_back),
    ("jobs are listed from the newest", newest_first),
    ("unfinished jobs are known", unfinished),
];

fn ids(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

fn come_back(store: &dyn Store) {
    let acme = tenant(store);
    let mut one = job("0001", JobStatus::Running);
    assert_eq!(acme.job(&one.id).unwrap(), None);
    acme.put_job(&one).unwrap();
    assert_eq!(acme.job(&one.id).unwrap().as_ref(), Some(&one));
    one.checkpoint.phase = Phase::Deleting;
    one.broken.insert("t".into(), "gone".to_owned());
    acme.commit(&Commit { job: Some(one.clone()), ..Commit::default() }).unwrap();
    assert_eq!(acme.job(&one.id).unwrap(), Some(one));
}

fn newest_first(store: &dyn Store) {
    let acme = tenant(store);
    for id in ["0002", "0001", "0004", "0003"] {
        acme.put_job(&job(id, JobStatus::Success)).unwrap();
    }
    assert_eq!(ids(&acme.jobs(None, 10).unwrap()), ["0004", "0003", "0002", "0001"]);
    assert_eq!(ids(&acme.jobs(None, 2).unwrap()), ["0004", "0003"]);
    assert_eq!(ids(&acme.jobs(Some(&JobId::new("0003")), 2).unwrap()), ["0002", "0001"]);
    assert_eq!(ids(&acme.jobs(Some(&JobId::new("0001")), 2).unwrap()), [""; 0]);
    assert_eq!(ids(&acme.jobs(None, 0).unwrap()), [""; 0]);
}

fn unfinished(store: &dyn Store) {
    let acme = tenant(store);
    let all = [
        ("0001", JobStatus::Success),
        ("0002", JobStatus::PendingRestart),
        ("0003", JobStatus::Running),
        ("0004", JobStatus::RunningWithError),
        ("0005", JobStatus::FinishedWithError),
        ("0006", JobStatus::Queued),
        ("0007", JobStatus::ManuallyTerminated),
        ("0008", JobStatus::Resumed),
    ];
    for (id, status) in all.into_iter().rev() {
        acme.put_job(&job(id, status)).unwrap();
    }
    assert_eq!(ids(&acme.unfinished_jobs().unwrap()), ["0002", "0003", "0004", "0006"]);
    acme.put_job(&job("0003", JobStatus::Success)).unwrap();
    acme.commit(&Commit { job: Some(job("0002", JobStatus::Resumed)), ..Commit::default() }).unwrap();
    assert_eq!(ids(&acme.unfinished_jobs().unwrap()), ["0004", "0006"]);
}
