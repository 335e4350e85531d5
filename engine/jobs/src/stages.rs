//! The stages of a pass ahead of the one that writes: reading pages, and preparing them.

use crate::error::Stop;
use crate::page::SharedPage;
use crate::prepare::{Prepared, prepare};
use crate::reader::Reader;
use crate::run::{Lane, Run};
use gangway_model::{EntityType, PluginError, code};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Pages of one target prepared at once: transforming is what takes the most of a processor.
const PAGES_PREPARED_AT_ONCE: usize = 2;

/// A prepared page on its way to the applier.
pub(crate) struct Ready {
    /// Its number in this pass.
    pub(crate) number: u64,
    /// How many pages of this pass were committed when its relations were read.
    pub(crate) looked_after: u64,
    pub(crate) prepared: Prepared,
}

/// What the stages of a pass share.
#[derive(Clone)]
pub(crate) struct Stages {
    pub(crate) run: Arc<Run>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) entity_type: EntityType,
    /// Entities refer to those of the pages before: a page is committed before the next is prepared.
    pub(crate) in_turn: Arc<AtomicBool>,
    /// Pages committed.
    pub(crate) committed: watch::Receiver<u64>,
}

impl Stages {
    /// Starts reading at a cursor. The stages end with the set, at the latest.
    pub(crate) fn start(self, cursor: Option<String>) -> (JoinSet<()>, mpsc::Receiver<Result<Ready, Stop>>) {
        let (to_preparer, pages) = mpsc::channel(1);
        let (to_applier, ready) = mpsc::channel(1);
        let mut stages = JoinSet::new();
        stages.spawn(self.clone().read(cursor, to_preparer));
        stages.spawn(self.prepare(pages, to_applier));
        (stages, ready)
    }

    async fn read(self, mut cursor: Option<String>, to: mpsc::Sender<Result<Arc<SharedPage>, Stop>>) {
        while !self.run.is_cancelled() {
            let page = self.reader.page(&self.entity_type, cursor.as_deref()).await;
            let next = page.as_ref().ok().and_then(|page| page.page.next_cursor.clone());
            if to.send(page).await.is_err() || next.is_none() {
                return;
            }
            cursor = next;
        }
    }

    /// Prepares pages, several at once where they do not need one another, and hands them on in order.
    async fn prepare(
        self,
        mut pages: mpsc::Receiver<Result<Arc<SharedPage>, Stop>>,
        to: mpsc::Sender<Result<Ready, Stop>>,
    ) {
        let mut busy = JoinSet::new();
        let mut ready = BTreeMap::new();
        let (mut taken, mut given) = (0, 0);
        let mut more = true;
        loop {
            tokio::select! {
                page = pages.recv(), if more && busy.len() + ready.len() < PAGES_PREPARED_AT_ONCE => match page {
                    Some(page) => {
                        more = page.is_ok();
                        busy.spawn(self.clone().page(taken, page));
                        taken += 1;
                    }
                    None => more = false,
                },
                Some(done) = busy.join_next() => {
                    let (number, page) = match done {
                        Ok(done) => done,
                        Err(_) => (given, Err(broke_down())),
                    };
                    ready.insert(number, page);
                    while let Some(page) = ready.remove(&given) {
                        given += 1;
                        let ends = page.is_err();
                        if to.send(page).await.is_err() || ends {
                            return;
                        }
                    }
                }
                else => return,
            }
        }
    }

    async fn page(mut self, number: u64, page: Result<Arc<SharedPage>, Stop>) -> (u64, Result<Ready, Stop>) {
        let in_turn = self.in_turn.load(Ordering::Acquire);
        if in_turn && self.committed.wait_for(|committed| *committed >= number).await.is_err() {
            return (number, Err(Stop::Cancelled));
        }
        let looked_after = *self.committed.borrow();
        let prepared = match (page, self.lane.open.as_ref()) {
            (Ok(page), Some(open)) => prepare(&self.run, (&self.lane, open), &self.entity_type, page).await,
            (Err(stop), _) => Err(stop),
            (Ok(_), None) => Err(Stop::Cancelled),
        };
        (number, prepared.map(|prepared| Ready { number, looked_after, prepared }))
    }
}

/// A stage of the job died.
pub(crate) fn broke_down() -> Stop {
    Stop::Source(PluginError::new(
        code::INTERNAL,
        "a stage of the job broke down: a defect of the engine, see its log",
    ))
}
