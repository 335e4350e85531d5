//! What target entities held before a run changed them, kept so that the run can be undone.

use crate::error::Stop;
use crate::run::{Lane, Run};
use crate::safety;
use gangway_model::{Entity, EntityType, Relation};
use gangway_store::{Change, Commit, Image};
use std::sync::atomic::Ordering;

/// Changes of one run that can be undone; what goes beyond is not remembered.
pub(crate) const MOST: u64 = 100_000;

/// The image of an entity as it was read.
pub(crate) fn image(
    run: &Run,
    lane: &Lane,
    entity_type: &EntityType,
    relation: &Relation,
    change: Change,
    entity: Entity,
) -> Option<Image> {
    within(run).then(|| Image {
        change,
        target: lane.system.id.clone(),
        entity_type: entity_type.clone(),
        source_id: relation.source_id.clone(),
        target_id: relation.target_id.clone(),
        existed_before: relation.existed_before,
        content: entity.json,
        keep_until_ms: safety::remembered_until(&lane.system, run.clock.now_ms()),
    })
}

/// Whether this run may remember one more.
pub(crate) fn within(run: &Run) -> bool {
    run.remembered.fetch_add(1, Ordering::Relaxed) < MOST
}

/// Makes images durable, before what they show is changed.
pub(crate) async fn keep(run: &Run, images: Vec<Image>) -> Result<(), Stop> {
    if images.is_empty() {
        return Ok(());
    }
    let batch = Commit { run: Some(run.run.clone()), images, ..Commit::default() };
    run.blocking(move |store| store.commit(&batch)).await
}
