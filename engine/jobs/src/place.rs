//! Where each target of a job stands, and how much of the source is in its numbers.
//!
//! Targets go through the source at their own pace. The numbers and lines of the source are booked with
//! the first of them that comes to a page; what a target itself was given is kept beside its place, because
//! its deletions go by that.

use crate::checkpoint::Books;
use crate::journal::Journal;
use crate::run::{Lane, Run};
use crate::stats;
use gangway_model::{
    Action, Booked, Checkpoint, Counters, Delivered, EntityEvent, EntityType, Given, Job, LaneCheckpoint,
    Phase, PluginError, code,
};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// A page of the source, as far as it concerns the source alone.
pub(crate) struct OfSource {
    /// Its number among those of its type.
    pub(crate) number: u64,
    pub(crate) counters: Counters,
    pub(crate) events: Vec<EntityEvent>,
    pub(crate) total: Option<u64>,
    /// Where the page after it starts.
    pub(crate) next: Option<String>,
    /// Of a simulation: what it held.
    pub(crate) delivered: Option<Delivered>,
}

/// How a target goes through the pages of a type.
#[derive(Clone, Copy)]
pub(crate) struct Course {
    /// Position of the type in the job's list.
    pub(crate) index: u32,
    /// The type was read before; only references are completed.
    pub(crate) again: bool,
    /// An entity refers to one that is not in the target.
    pub(crate) unresolved: bool,
}

impl Books {
    /// Gives every target a place. A job from before there were places goes on where it stood as a whole; a
    /// target that joins a job which resumes begins at the beginning.
    pub(crate) fn open_places(&mut self) {
        let run = self.run.clone();
        let checkpoint = &self.job.checkpoint;
        let (first, old) = (checkpoint.lanes.is_empty(), checkpoint.phase.clone());
        if first {
            self.job.checkpoint.booked = booked_before(&run, &old);
        }
        let candidates = self.job.reading.as_ref().map_or(0, |reading| reading.candidates);
        let given = run.types.iter().map(|t| (t.clone(), of_row(&run, &self.job, t))).collect();
        let as_a_whole = LaneCheckpoint {
            phase: old,
            page: 0,
            unresolved: std::mem::take(&mut self.job.checkpoint.unresolved),
            given,
            candidates,
        };
        for lane in &run.lanes {
            let place = if first { as_a_whole.clone() } else { at_the_beginning() };
            self.job.checkpoint.lanes.entry(lane.system.id.clone()).or_insert(place);
        }
        self.show_slowest();
    }

    /// Where a target stands.
    pub(crate) fn place(&self, lane: &Lane) -> LaneCheckpoint {
        self.job.checkpoint.lanes.get(&lane.system.id).cloned().unwrap_or_else(at_the_beginning)
    }

    fn place_mut(&mut self, lane: &Lane) -> &mut LaneCheckpoint {
        self.job.checkpoint.lanes.entry(lane.system.id.clone()).or_insert_with(at_the_beginning)
    }

    /// A target goes on to another stretch.
    pub(crate) fn go_on(&mut self, lane: &Lane, phase: Phase) {
        let place = self.place_mut(lane);
        (place.phase, place.page) = (phase, 0);
        self.show_slowest();
    }

    /// Books that a target has a page behind it, and what the source's side of the page is.
    pub(crate) fn page(&mut self, lane: &Lane, entity_type: &EntityType, course: Course, page: OfSource) {
        let Course { index, again, unresolved } = course;
        let (number, next) = (page.number, page.next.clone());
        self.job.checkpoint.pages += 1;
        self.total = page.total.or(self.total);
        let unresolved = unresolved || self.place(lane).unresolved;
        // Others may have been written before what they refer to was made.
        let once_more = !again && unresolved && self.created(entity_type);
        if !again {
            let given = self.place_mut(lane).given.entry(entity_type.clone()).or_default();
            given.delivered += delivered(&page.counters);
            given.failed += page.counters.failed;
            self.of_source(entity_type, page);
        }
        if next.is_none() && !again {
            self.more_failed(lane, entity_type);
        }
        let place = self.place_mut(lane);
        place.unresolved = unresolved && next.is_some();
        place.page = if next.is_some() { number + 1 } else { 0 };
        place.phase = match next {
            Some(cursor) if again => Phase::Completing { index, cursor: Some(cursor) },
            Some(cursor) => Phase::Reading { index, cursor: Some(cursor) },
            None if once_more => Phase::Completing { index, cursor: None },
            None => Phase::Reading { index: index + 1, cursor: None },
        };
        self.show_slowest();
    }

    /// Books the source's side of a page, unless somebody came to it before.
    pub(crate) fn of_source(&mut self, entity_type: &EntityType, page: OfSource) {
        let booked = self.job.checkpoint.booked.entry(entity_type.clone()).or_default();
        if booked.complete || booked.pages != page.number {
            return;
        }
        *booked = Booked { pages: page.number + 1, complete: page.next.is_none(), cursor: page.next };
        let run = self.run.clone();
        self.count(entity_type, &run.source, Action::Read, page.counters);
        self.source_events(page.events);
        self.total = page.total.or(self.total);
        self.pending.delivered.extend(page.delivered);
    }

    /// Where the numbers of the source go on: number and cursor of the page. None if it was read to its end.
    pub(crate) fn unbooked(&self, entity_type: &EntityType) -> Option<(u64, Option<String>)> {
        let booked = self.job.checkpoint.booked.get(entity_type).cloned().unwrap_or_default();
        (!booked.complete).then_some((booked.pages, booked.cursor))
    }

    /// A target that lags is given a page of its own when the source has moved on. What failed only there is
    /// in no number of the source: it counts with the target, which does not have it.
    fn more_failed(&mut self, lane: &Lane, entity_type: &EntityType) {
        let given = self.given(lane, entity_type);
        let failed = given.failed.saturating_sub(of_row(&self.run, &self.job, entity_type).failed);
        if failed > 0 {
            let counters = Counters { failed, ..Counters::default() };
            self.count(entity_type, &lane.system, Action::Write, counters);
            let error = format!(
                "{failed} {entity_type} entities failed at the source when it was read once more for {:?}, which lagged, and not before; the next job reads them again",
                lane.system.name
            );
            let error = PluginError::new(code::UNAVAILABLE, error);
            let time_ms = self.run.clock.now_ms();
            let line = Journal { entity_type, system: &lane.system.id, time_ms }.failed(None, None, error);
            self.pending.events.push(line);
        }
    }

    /// What a target was given of a type; of one that it does not take, what the source delivered.
    pub(crate) fn given(&self, lane: &Lane, entity_type: &EntityType) -> Given {
        let own =
            self.job.checkpoint.lanes.get(&lane.system.id).and_then(|place| place.given.get(entity_type));
        match own {
            Some(given) if lane.handles(entity_type).is_some() => *given,
            _ => of_row(&self.run, &self.job, entity_type),
        }
    }

    /// Notes relations of a delta read whose entity is gone.
    pub(crate) fn candidates(&mut self, lane: &Lane, more: u64) {
        if let Some(reading) = self.job.reading.as_mut().filter(|_| more > 0) {
            reading.candidates += more;
            self.place_mut(lane).candidates += more;
        }
    }

    /// Whether a delta read found nothing that may have to go from this target.
    pub(crate) fn nothing_gone(&self, lane: &Lane) -> bool {
        self.run.is_delta() && self.place(lane).candidates == 0
    }

    /// The place of the job is that of its slowest target.
    fn show_slowest(&mut self) {
        let run = self.run.clone();
        let running = run.lanes.iter().filter(|lane| !lane.broken.load(Ordering::Acquire));
        let places = running.filter_map(|lane| self.job.checkpoint.lanes.get(&lane.system.id));
        let slowest = places.filter(|place| place.phase != Phase::Done).min_by_key(|place| order(place));
        if let Some(phase) = slowest.map(|place| place.phase.clone()) {
            self.job.checkpoint.phase = phase;
        }
    }
}

/// Entities of a type that the source delivered, whatever became of them.
pub(crate) fn delivered(row: &Counters) -> u64 {
    row.read + row.skipped + row.failed
}

/// What the source delivered to the job.
pub(crate) fn of_row(run: &Run, job: &Job, entity_type: &EntityType) -> Given {
    let row = stats::row(job, entity_type, &run.source, Action::Read);
    Given { delivered: delivered(&row), failed: row.failed }
}

/// Whether a target has come to its deletions.
pub(crate) fn has_read_all(checkpoint: &Checkpoint, lane: &Lane) -> bool {
    let place = checkpoint.lanes.get(&lane.system.id);
    place.is_some_and(|place| matches!(place.phase, Phase::Deleting | Phase::Done))
}

fn at_the_beginning() -> LaneCheckpoint {
    LaneCheckpoint {
        phase: Phase::Reading { index: 0, cursor: None },
        page: 0,
        unresolved: false,
        given: Default::default(),
        candidates: 0,
    }
}

/// What of the source a job without places has in its numbers. Pages are counted on from where it stands.
fn booked_before(run: &Run, phase: &Phase) -> BTreeMap<EntityType, Booked> {
    let (whole, part) = match phase {
        Phase::Reading { index, cursor } => (*index, cursor.clone()),
        Phase::Completing { index, .. } => (index + 1, None),
        _ => (u32::MAX, None),
    };
    let mut booked = BTreeMap::new();
    for (index, entity_type) in (0..).zip(&run.types) {
        let complete = index < whole;
        let cursor = part.clone().filter(|_| index == whole);
        if complete || cursor.is_some() {
            booked.insert(entity_type.clone(), Booked { pages: 0, cursor, complete });
        }
    }
    booked
}

fn order(place: &LaneCheckpoint) -> (u32, bool, u64) {
    match place.phase {
        Phase::Reading { index, .. } => (index, false, place.page),
        Phase::Completing { index, .. } => (index, true, place.page),
        _ => (u32::MAX, false, 0),
    }
}
