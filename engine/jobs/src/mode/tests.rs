use super::*;
use gangway_model::{Checkpoint, EntityType, JobId, JobStatus, Phase, Reading, Trigger};

const ON: Facts<'static> = Facts {
    kind: JobType::Read,
    capable: Ok(()),
    enabled: true,
    state: None,
    unread: None,
    scheduled: false,
    force_count: None,
};

/// A source that runs one job after another.
#[derive(Default)]
struct Source {
    state: Option<DeltaState>,
    force_count: Option<u64>,
    jobs: u64,
}

impl Source {
    fn run(&mut self, scheduled: bool, success: bool) -> ReadMode {
        self.jobs += 1;
        let facts = Facts { state: self.state.as_ref(), scheduled, force_count: self.force_count, ..ON };
        let (read_mode, reason) = decide(&facts);
        let mark = |text: String| [(EntityType::new("user"), text)].into();
        let since = self.state.as_ref().map(|state| state.marks.clone()).unwrap_or_default();
        let job = Job {
            tenant: "t".into(),
            id: JobId::new(format!("job-{}", self.jobs)),
            resumes: None,
            source: "hr".into(),
            source_name: "HR".to_owned(),
            kind: JobType::Read,
            read_mode,
            reading: Some(Reading {
                reason,
                scheduled,
                from_ms: self.jobs,
                marks: mark(format!("mark {}", self.jobs)),
                since,
                candidates: 0,
            }),
            trigger: Trigger { kind: "REPEAT".to_owned(), by: None },
            status: JobStatus::Running,
            start_ms: 0,
            end_ms: None,
            error: None,
            outcome: Vec::new(),
            statistics: Vec::new(),
            trace: Default::default(),
            live: false,
            plan: None,
            undo: None,
            event: None,
            broken: Default::default(),
            checkpoint: Checkpoint { phase: Phase::Done, pages: 0, unresolved: false },
        };
        self.state = after(self.state.take(), &job, ["app".into()].into(), success);
        // Once more, as after a crash: it must not count twice.
        self.state = after(self.state.take(), &job, ["app".into()].into(), success);
        read_mode
    }

    fn scheduled(&mut self, runs: usize) -> String {
        (0..runs).map(|_| if self.run(true, true) == ReadMode::Full { 'F' } else { 'd' }).collect()
    }

    fn from(&self) -> u64 {
        self.state.as_ref().map(|state| state.from_ms).unwrap_or_default()
    }
}

#[test]
fn f037_so_many_scheduled_delta_runs_are_followed_by_a_full_one() {
    let mut source = Source { force_count: Some(10), ..Source::default() };
    assert_eq!(source.scheduled(24), "FddddddddddFddddddddddFd");
    let mut unset = Source::default();
    assert_eq!(unset.scheduled(30), format!("F{}", "d".repeat(29)));
}

#[test]
fn f038_a_forced_full_run_that_fails_is_followed_by_full_ones() {
    let mut source = Source { force_count: Some(2), ..Source::default() };
    assert_eq!(source.scheduled(3), "Fdd");
    assert_eq!(source.run(true, false), ReadMode::Full);
    assert_eq!(source.run(true, false), ReadMode::Full);
    assert_eq!(source.scheduled(4), "FddF");
}

#[test]
fn f039_runs_by_hand_are_neither_counted_nor_forced() {
    let mut source = Source { force_count: Some(2), ..Source::default() };
    source.run(true, true);
    for _ in 0..5 {
        assert_eq!(source.run(false, true), ReadMode::Delta);
    }
    assert_eq!(source.scheduled(2), "dd");
    assert_eq!(source.run(false, true), ReadMode::Delta, "due, but not by hand");
    assert_eq!(source.scheduled(1), "F");
}

#[test]
fn f041_a_failed_run_does_not_move_the_cursor() {
    let mut source = Source::default();
    assert_eq!(source.run(false, false), ReadMode::Full);
    assert_eq!(source.state, None, "no full read has succeeded");
    source.run(false, true);
    assert_eq!((source.from(), source.run(false, false)), (2, ReadMode::Delta));
    assert_eq!(source.from(), 2);
    source.run(false, true);
    assert_eq!(source.from(), 4);
    assert!(source.state.is_some_and(|s| s.marks[&EntityType::new("user")] == "mark 4"));
}

#[test]
fn every_reason_for_a_full_read() {
    let mut known = Source::default();
    known.run(false, true);
    let known = known.state.unwrap();
    let on = Facts { state: Some(&known), ..ON };
    assert_eq!(decide(&on).0, ReadMode::Delta);
    for (facts, why) in [
        (Facts { kind: JobType::Resync, ..on }, "everything"),
        (Facts { enabled: false, ..on }, "ips.delta.read"),
        (Facts { capable: Err("list uSNChanged"), ..on }, "list uSNChanged"),
        (Facts { state: None, ..on }, "no full read has succeeded"),
        (Facts { unread: Some("target \"New\""), ..on }, "target \"New\""),
        (Facts { scheduled: true, force_count: Some(0), ..on }, "ips.full.read.force.count"),
    ] {
        let (mode, reason) = decide(&facts);
        assert!(mode == ReadMode::Full && reason.contains(why), "{reason}");
    }
}
