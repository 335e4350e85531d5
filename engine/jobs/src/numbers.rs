//! Reads what no target goes by, for the numbers of the source alone.

use crate::error::Stop;
use crate::ledger::Ledger;
use crate::pass::PAGES_PER_COMMIT;
use crate::place::OfSource;
use crate::prepare::numbers;
use crate::reader::Reader;
use crate::run::Run;
use crate::simulate;
use gangway_model::{EntityType, JobType};
use std::sync::Arc;

/// Reads a type from where the numbers of the source stand to its end.
pub(crate) async fn of(
    run: &Arc<Run>,
    ledger: &Ledger,
    reader: &Reader,
    entity_type: &EntityType,
) -> Result<(), Stop> {
    let mut waiting = 0;
    while let Some((number, cursor)) = ledger.look(|books| books.unbooked(entity_type)) {
        if run.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let page = reader.page(entity_type, cursor.as_deref()).await?;
        let (counters, events) = numbers(run, entity_type, &page).await?;
        let delivered =
            (run.kind == JobType::Simulate).then(|| simulate::delivered(run, entity_type, &page.page));
        let (total, next) = (page.page.total, page.page.next_cursor.clone());
        let page = OfSource { number, counters, events, total, next, delivered };
        ledger.book(|books| books.of_source(entity_type, page));
        waiting += 1;
        if waiting >= PAGES_PER_COMMIT {
            ledger.commit(Vec::new()).await?;
            waiting = 0;
        }
    }
    ledger.commit(Vec::new()).await
}
