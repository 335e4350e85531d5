//! One job from opening its systems to its final record.

use crate::checkpoint::Ledger;
use crate::delta;
use crate::error::{Stop, sided};
use crate::fingerprint::Fingerprints;
use crate::pipeline;
use crate::policy;
use crate::progress::Progress;
use crate::realtime::{self, One};
use crate::resolver::StoreResolver;
use crate::run::{Lane, OpenLane, Run, needs};
use crate::simulate::{self, ReadOnly};
use crate::stats;
use crate::trace::Tracing;
use crate::verbatim;
use crate::writeback::{self, WriteBack};
use futures_util::future::join_all;
use gangway_model::ports::{Clock, JobContext, Source, Systems, Transformation};
use gangway_model::{
    Action, Checkpoint, EntityType, Job, JobId, JobStatus, JobType, Phase, PluginError, ReadMode, Reading,
    System, SystemId, Trigger,
};
use gangway_store::{StoreError, TenantStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What a job is run with.
pub(crate) struct Execution {
    pub(crate) store: Arc<dyn TenantStore>,
    pub(crate) systems: Arc<dyn Systems>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The targets that the job holds for itself.
    pub(crate) targets: BTreeSet<SystemId>,
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) suspended: Arc<AtomicBool>,
    /// Why it is ended although nobody stopped it.
    pub(crate) expired: Arc<OnceLock<String>>,
    pub(crate) progress: Progress,
}

impl Execution {
    /// Runs the job. Gives its last record, and whether the store has it.
    pub(crate) async fn run(&self, mut job: Job) -> (Job, bool) {
        if job.status == JobStatus::Queued {
            job.start_ms = self.clock.now_ms();
        }
        job.status = if job.broken.is_empty() && !has_failures(&job) {
            JobStatus::Running
        } else {
            JobStatus::RunningWithError
        };
        self.progress.begin();
        let opened = self.open(&mut job).await;
        tracing::info!(job = %job.id, source = %job.source_name, kind = ?job.kind, read_mode = ?job.read_mode, "job starts");
        match opened {
            Ok(Some(run)) => self.carry_out(run, job).await,
            Ok(None) => {
                job.outcome.push(format!(
                    "nothing was read: no enabled target system lists {:?} among its sources",
                    job.source_name
                ));
                self.close(job, JobStatus::Success).await
            }
            Err(_) if self.cancelled.load(Ordering::Acquire) => {
                job.error = self.expired.get().cloned().or(job.error);
                self.close(job, self.stopped()).await
            }
            Err(stop) => {
                job.error = Some(stop.to_string());
                self.close(job, JobStatus::FinishedWithError).await
            }
        }
    }

    /// What a cancelled job becomes.
    fn stopped(&self) -> JobStatus {
        if self.suspended.load(Ordering::Acquire) {
            JobStatus::PendingRestart
        } else if self.expired.get().is_some() {
            JobStatus::FinishedWithError
        } else {
            JobStatus::ManuallyTerminated
        }
    }

    async fn carry_out(&self, run: Run, mut job: Job) -> (Job, bool) {
        if job.resumes.is_none() {
            job.trace = run.tracing.record.clone();
        }
        let run = Arc::new(run);
        let mut ledger = Ledger::new(run.clone(), job, self.progress.clone());
        for lane in &run.lanes {
            if let Some(error) = &lane.failure {
                ledger.break_off(lane, error);
            }
        }
        pipeline::open_rows(&run, &mut ledger);
        let end = match ledger.commit(Vec::new()).await {
            Ok(()) => self.line(&run, &mut ledger).await,
            Err(stop) => Err(stop),
        };
        let status = match end {
            Ok(()) if has_failures(ledger.job()) => JobStatus::FinishedWithError,
            Ok(()) => JobStatus::Success,
            Err(Stop::Cancelled) => {
                let status = self.stopped();
                if let Some(why) = self.expired.get() {
                    ledger.source_failed(why.clone());
                }
                if status.is_final() {
                    ledger.outcome("no deletions: the job was stopped".to_owned());
                }
                status
            }
            Err(Stop::Source(error)) => {
                let error = sided(error, &run.source, "source");
                ledger.source_failed(format!("reading {:?} failed: {error}", run.source.name));
                ledger.outcome("no deletions: the source was not read to its end".to_owned());
                JobStatus::FinishedWithError
            }
            Err(Stop::Refused(why)) => {
                ledger.source_failed(why);
                JobStatus::FinishedWithError
            }
            Err(Stop::Store(error)) => return self.store_failed(ledger.into_durable(), &error).await,
        };
        if status.is_final() {
            self.remember(ledger.job(), status == JobStatus::Success).await;
        }
        match ledger.finish(status).await {
            Ok(job) => {
                self.forget(&run.run, &job).await;
                (job, true)
            }
            Err((job, stop)) => match stop {
                Stop::Store(error) => self.store_failed(job, &error).await,
                other => self.store_failed(job, &StoreError::Failed(other.to_string())).await,
            },
        }
    }

    /// The job's way, by its type.
    async fn line(&self, run: &Arc<Run>, ledger: &mut Ledger) -> Result<(), Stop> {
        match run.kind {
            JobType::Read | JobType::Resync | JobType::Undo | JobType::RealTime => {
                pipeline::run(run, ledger).await
            }
            JobType::Simulate => {
                simulate::open_plan(run, ledger).await?;
                pipeline::run(run, ledger).await?;
                simulate::close_plan(run, ledger).await
            }
            JobType::Apply => verbatim::run(run, ledger).await,
        }
    }

    /// Before the end of the job is durable: after a crash in between it ends once more, and counts once.
    async fn remember(&self, job: &Job, success: bool) {
        let (store, job, targets) = (self.store.clone(), job.clone(), self.targets.clone());
        let remembered =
            tokio::task::spawn_blocking(move || delta::remember(store.as_ref(), &job, targets, success));
        // It logs what went wrong itself.
        let _ = remembered.await;
    }

    /// The job ends where its last commit left it.
    async fn store_failed(&self, mut job: Job, error: &StoreError) -> (Job, bool) {
        tracing::error!(job = %job.id, %error, "job ends: its state could not be stored");
        job.error = Some(format!(
            "the state of the job could not be stored: {error}; the job ended with its last stored page, and the next job goes on from there: make room, then start it"
        ));
        job.outcome.push("no deletions: the state of the job could not be stored".to_owned());
        self.close(job, JobStatus::FinishedWithError).await
    }

    async fn close(&self, mut job: Job, status: JobStatus) -> (Job, bool) {
        job.status = status;
        job.end_ms = status.is_final().then(|| self.clock.now_ms());
        let (store, record) = (self.store.clone(), job.clone());
        let stored = tokio::task::spawn_blocking(move || store.put_job(&record)).await;
        (job, matches!(stored, Ok(Ok(()))))
    }

    async fn forget(&self, run: &JobId, job: &Job) {
        if !job.status.is_final() {
            return;
        }
        let (store, run) = (self.store.clone(), run.clone());
        let forgotten = tokio::task::spawn_blocking(move || store.forget_seen(&run)).await;
        if !matches!(forgotten, Ok(Ok(()))) {
            tracing::warn!(job = %job.id, "the marks of the ended job could not be removed; they only take room");
        }
    }

    /// Opens everything; none if there is no target.
    async fn open(&self, job: &mut Job) -> Result<Option<Run>, Stop> {
        let (run, source, targets) = self.records(job).await?;
        if targets.is_empty() {
            return Ok(None);
        }
        self.run_of(job, run, source, targets).await.map(Some)
    }

    /// A run that is not of any job: nothing of it is written.
    pub(crate) async fn dry(&self, id: JobId, source: System, targets: Vec<System>) -> Result<Run, Stop> {
        let mut job = Job {
            tenant: source.tenant.clone(),
            id: id.clone(),
            resumes: None,
            source: source.id.clone(),
            source_name: source.name.clone(),
            kind: JobType::Read,
            read_mode: ReadMode::Full,
            live: false,
            plan: None,
            undo: None,
            event: None,
            // What a change means is asked of everything.
            reading: Some(Reading::default()),
            trigger: Trigger { kind: "IMMEDIATE".to_owned(), by: None },
            status: JobStatus::Running,
            start_ms: self.clock.now_ms(),
            end_ms: None,
            error: None,
            outcome: Vec::new(),
            statistics: Vec::new(),
            broken: BTreeMap::new(),
            trace: Default::default(),
            checkpoint: Checkpoint {
                phase: Phase::Reading { index: 0, cursor: None },
                pages: 0,
                unresolved: false,
            },
        };
        self.run_of(&mut job, id, source, targets).await
    }

    async fn run_of(
        &self,
        job: &mut Job,
        run: JobId,
        source: System,
        targets: Vec<System>,
    ) -> Result<Run, Stop> {
        let context = JobContext { job: job.id.clone(), cancelled: self.cancelled.clone() };
        let reader = self.systems.source(&source, &context).await.map_err(Stop::Source)?;
        let reader = One::of(reader, job);
        let read = self.systems.read_transformation(&source, &context).await.map_err(Stop::Source)?;
        let write_back = self.write_back(job.kind, &source, &context).await.map_err(Stop::Source)?;
        let types = types(reader.as_ref(), read.as_ref());
        if let Some(event) = job.event.as_ref().filter(|_| types.is_empty()) {
            return Err(Stop::Source(realtime::unknown_type(event)));
        }
        let (store, now_ms) = (self.store.clone(), self.clock.now_ms());
        delta::decide(job, &source, &targets, reader.as_ref(), &types, store, now_ms).await?;
        let delta = job.read_mode == ReadMode::Delta;
        let since = job.reading.as_ref().filter(|_| delta).map(|reading| reading.since.clone());
        let lanes =
            join_all(targets.into_iter().map(|target| self.lane(job, &source, target, &context))).await;
        Ok(Run {
            run,
            kind: job.kind,
            live: job.live,
            plan: job.plan.clone(),
            page_size: policy::page_size(&source),
            reader,
            read,
            lanes,
            since,
            types,
            fingerprints: Fingerprints::new(self.store.hash_key()),
            store: self.store.clone(),
            clock: self.clock.clone(),
            cancelled: self.cancelled.clone(),
            suspended: self.suspended.clone(),
            tracing: Tracing::of(&source),
            write_back,
            remembered: AtomicU64::new(0),
            source,
        })
    }

    /// The source, to be told of new identifiers, if its properties ask for that.
    async fn write_back(
        &self,
        kind: JobType,
        source: &System,
        context: &JobContext,
    ) -> Result<Option<WriteBack>, PluginError> {
        let Some(attribute) = writeback::attribute(source).filter(|_| kind != JobType::Simulate) else {
            return Ok(None);
        };
        let opened = self.systems.target(source, context).await?;
        Ok(Some(WriteBack { source: opened, attribute: attribute.to_owned() }))
    }

    async fn lane(&self, job: &Job, source: &System, target: System, context: &JobContext) -> Lane {
        let mut failure = job.broken.get(&target.id).map(|_| None);
        let mut open = None;
        if failure.is_none() {
            match self.open_lane(job.kind, source, &target, context).await {
                Ok(opened) => open = Some(opened),
                Err(error) => failure = Some(Some(error)),
            }
        }
        Lane { open, broken: AtomicBool::new(failure.is_some()), failure: failure.flatten(), system: target }
    }

    async fn open_lane(
        &self,
        kind: JobType,
        source: &System,
        target: &System,
        context: &JobContext,
    ) -> Result<OpenLane, PluginError> {
        let resolver = StoreResolver::new(self.store.clone(), source.id.clone(), target.id.clone());
        let write = self.systems.write_transformation(target, context, Arc::new(resolver)).await?;
        let mut opened = self.systems.target(target, context).await?;
        if kind == JobType::Simulate {
            opened = Arc::new(ReadOnly(opened));
        }
        Ok(OpenLane { configuration: write.configuration(), target: opened, write })
    }

    /// The chain's first job, the source and the targets, as they stand now.
    async fn records(&self, job: &Job) -> Result<(JobId, System, Vec<System>), Stop> {
        let (store, job, held) = (self.store.clone(), job.clone(), self.targets.clone());
        let found = tokio::task::spawn_blocking(move || {
            let source = store.system(&job.source)?;
            let systems = store.systems()?;
            let mut first = job.id.clone();
            let mut resumes = job.resumes;
            while let Some(earlier) = resumes {
                resumes = store.job(&earlier)?.and_then(|j| j.resumes);
                first = earlier;
            }
            let targets = linked_targets(systems, &job.source)
                .into_iter()
                .filter(|target| held.contains(&target.id))
                .collect::<Vec<_>>();
            Ok((first, source, targets))
        })
        .await
        .unwrap_or_else(|_| Err(StoreError::Failed("a call to the store panicked".to_owned())))
        .map_err(Stop::Store)?;
        let (first, source, targets) = found;
        match source.filter(|s| s.enabled) {
            Some(source) => Ok((first, source, targets)),
            None => Err(Stop::Source(PluginError::new(
                gangway_model::code::CONFIGURATION,
                "the source system was deleted or disabled after the job was started",
            ))),
        }
    }
}

/// The enabled targets that a source feeds, by name.
pub(crate) fn linked_targets(systems: Vec<System>, source: &SystemId) -> Vec<System> {
    systems
        .into_iter()
        .filter(|s| s.enabled && s.role == gangway_model::Role::Target && s.sources.contains(source))
        .collect()
}

/// Users before the groups that they are members of, then whatever else there is.
fn types(reader: &dyn Source, read: &dyn Transformation) -> Vec<EntityType> {
    let mut types: Vec<EntityType> = Vec::new();
    for name in reader.entity_types() {
        let entity_type = EntityType::new(name);
        let wanted = needs(read, &entity_type).is_some_and(|needs| !needs.ignored);
        if wanted && !types.contains(&entity_type) {
            types.push(entity_type);
        }
    }
    types.sort_by_key(|t| match t.as_str() {
        "user" => 0,
        "group" => 1,
        _ => 2,
    });
    types
}

fn has_failures(job: &Job) -> bool {
    job.error.is_some()
        || !job.broken.is_empty()
        || stats::failed(job, Action::Read) > 0
        || stats::failed(job, Action::Write) > 0
}
