//! One target's straight line through a job: read its types in order, complete references, delete, end.
//!
//! Each target goes at its own pace and has a place of its own to go on from. What it shares with the others
//! is the reading of the source, and the books.

use crate::deletion;
use crate::error::Stop;
use crate::ledger::Ledger;
use crate::numbers;
use crate::pass::TypePass;
use crate::reader::Reader;
use crate::run::{Lane, Run};
use crate::unanswered;
use gangway_model::{JobType, LaneCheckpoint, Phase};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One target on its way.
pub(crate) struct Way {
    pub(crate) run: Arc<Run>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reader: Arc<Reader>,
}

impl Way {
    /// Goes from the target's place to its end, or until it breaks off.
    pub(crate) async fn run(self) -> Result<(), Stop> {
        let end = self.line().await;
        if matches!(end, Err(Stop::Store(_))) {
            // Nothing more can be made durable: the others need not go on.
            self.run.halted.store(true, Ordering::Release);
        }
        end
    }

    async fn line(&self) -> Result<(), Stop> {
        let (run, lane) = (&self.run, &self.lane);
        // What this job itself has begun is looked for entity by entity when it resumes.
        let resumes = self.ledger.look(|books| books.job().resumes.is_some());
        if !resumes && matches!(run.kind, JobType::Read | JobType::Resync) {
            unanswered::follow(run, lane).await?;
        }
        loop {
            if run.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            if lane.broken.load(Ordering::Acquire) {
                return Ok(());
            }
            let place = self.ledger.look(|books| books.place(lane));
            match place.phase {
                Phase::Reading { index, .. } | Phase::Completing { index, .. } => {
                    self.read(index, place).await?;
                }
                Phase::Deleting => {
                    deletion::run(run, lane, &self.ledger, &self.reader).await?;
                    if !lane.broken.load(Ordering::Acquire) {
                        self.go_on(Phase::Done).await?;
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// Goes on with the type at this position of the job's list.
    async fn read(&self, index: u32, place: LaneCheckpoint) -> Result<(), Stop> {
        let (run, lane) = (&self.run, &self.lane);
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(entity_type) = run.types.get(position) else { return self.go_on(Phase::Deleting).await };
        match lane.takes(entity_type).filter(|_| run.reads(entity_type)) {
            Some(open) => {
                let (again, cursor) = match place.phase {
                    Phase::Completing { cursor, .. } => (true, cursor),
                    Phase::Reading { cursor, .. } => (false, cursor),
                    _ => (false, None),
                };
                TypePass::new(self, open, entity_type, (index, again), place.page).all_pages(cursor).await
            }
            None => {
                if run.kind == JobType::Simulate && run.reads(entity_type) {
                    // A plan knows its source again by its pages, roughly in their order.
                    numbers::of(run, &self.ledger, &self.reader, entity_type).await?;
                }
                self.ledger.book(|books| {
                    books.go_on(lane, Phase::Reading { index: index.saturating_add(1), cursor: None });
                });
                Ok(())
            }
        }
    }

    async fn go_on(&self, phase: Phase) -> Result<(), Stop> {
        self.ledger.book(|books| books.go_on(&self.lane, phase));
        self.ledger.commit(Vec::new()).await
    }
}
