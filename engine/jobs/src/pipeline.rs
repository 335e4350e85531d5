//! A job from its checkpoint to its end: its targets side by side, then what concerns all of them.

use crate::deletion;
use crate::error::Stop;
use crate::lane::Way;
use crate::ledger::Ledger;
use crate::numbers;
use crate::place::has_read_all;
use crate::reader::Reader;
use crate::run::Run;
use crate::undo;
use gangway_model::{Action, Counters, Phase};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// Runs a job from its checkpoint to its end. The books are the caller's in any case.
pub(crate) async fn run(run: &Arc<Run>, ledger: &Arc<Ledger>) -> Result<(), Stop> {
    match ledger.look(|books| books.job().checkpoint.phase.clone()) {
        Phase::Undoing { below } => undo::run(run, ledger, below).await?,
        Phase::Applying { .. } | Phase::Done => return Ok(()),
        Phase::Reading { .. } | Phase::Completing { .. } | Phase::Deleting => {
            ledger.book(|books| books.open_places());
            let reader = Arc::new(Reader::new(run.clone()));
            all_lanes(run, ledger, &reader).await?;
            ended(run, ledger, &reader).await?;
        }
    }
    ledger.phase(Phase::Done);
    Ok(())
}

/// Sends every target on its way, and waits for all: none is dropped in the midst of a request.
async fn all_lanes(run: &Arc<Run>, ledger: &Arc<Ledger>, reader: &Arc<Reader>) -> Result<(), Stop> {
    let mut lanes = JoinSet::new();
    for lane in &run.lanes {
        let (run, lane) = (run.clone(), lane.clone());
        let way = Way { run, lane, ledger: ledger.clone(), reader: reader.clone() };
        lanes.spawn(way.run());
    }
    let (mut worst, mut panicked) = (Ok(()), None);
    while let Some(end) = lanes.join_next().await {
        match end {
            Ok(end) => worst = worse(worst, end),
            Err(error) => {
                run.halted.store(true, Ordering::Release);
                panicked = error.try_into_panic().ok().or(panicked);
            }
        }
    }
    match panicked {
        // The job breaks down as a whole, at its last commit.
        Some(panic) => std::panic::resume_unwind(panic),
        None => worst,
    }
}

/// Of two ends, the one that says more of how the job ended.
fn worse(one: Result<(), Stop>, other: Result<(), Stop>) -> Result<(), Stop> {
    let weight = |end: &Result<(), Stop>| match end {
        Ok(()) => 0,
        Err(Stop::Source(_)) => 1,
        Err(Stop::Cancelled) => 2,
        Err(Stop::Refused(_)) => 3,
        Err(Stop::Store(_)) => 4,
    };
    if weight(&other) > weight(&one) { other } else { one }
}

/// Every target came to its end, or broke off.
async fn ended(run: &Arc<Run>, ledger: &Arc<Ledger>, reader: &Reader) -> Result<(), Stop> {
    let broken: Vec<_> = run.lanes.iter().filter(|lane| lane.broken.load(Ordering::Acquire)).collect();
    let checkpoint = ledger.look(|books| books.job().checkpoint.clone());
    let some_deleted = run.lanes.iter().any(|lane| has_read_all(&checkpoint, lane));
    if broken.len() == run.lanes.len() && !some_deleted {
        let open = |entity_type| ledger.look(|books| books.unbooked(entity_type).is_some());
        if run.types.iter().any(|entity_type| run.reads(entity_type) && open(entity_type)) {
            ledger.outcome("reading was ended early: every target broke off".to_owned());
        }
        if !run.lanes.iter().all(|lane| ledger.look(|books| books.nothing_gone(lane))) {
            ledger.outcome("no deletions: every target broke off".to_owned());
        }
        return Ok(());
    }
    for lane in broken.into_iter().filter(|lane| !has_read_all(&checkpoint, lane)) {
        if !ledger.look(|books| books.nothing_gone(lane)) {
            ledger.outcome(format!("no deletions in {:?}: it broke off", lane.system.name));
        }
    }
    for entity_type in run.types.iter().filter(|entity_type| run.reads(entity_type)) {
        numbers::of(run, ledger, reader, entity_type).await?;
    }
    deletion::remember(run, ledger).await
}

/// What an error of the source means for deletions: for all, or for the targets that had not read everything.
pub(crate) fn unread(run: &Run, ledger: &Ledger) -> Vec<String> {
    let checkpoint = ledger.look(|books| books.job().checkpoint.clone());
    let (ready, rest): (Vec<_>, Vec<_>) = run.lanes.iter().partition(|lane| has_read_all(&checkpoint, lane));
    if ready.is_empty() {
        return vec!["no deletions: the source was not read to its end".to_owned()];
    }
    let unread = rest.into_iter().filter(|lane| !lane.broken.load(Ordering::Acquire));
    unread
        .map(|lane| format!("no deletions in {:?}: the source was not read to its end", lane.system.name))
        .collect()
}

/// Rows of zeros for a type that is about to be read.
pub(crate) fn open_rows(run: &Run, ledger: &Ledger) {
    ledger.book(|books| {
        for entity_type in &run.types {
            books.count(entity_type, &run.source, Action::Read, Counters::default());
            for lane in run.lanes.iter().filter(|lane| lane.takes(entity_type).is_some()) {
                books.count(entity_type, &lane.system, Action::Write, Counters::default());
            }
        }
    });
}
