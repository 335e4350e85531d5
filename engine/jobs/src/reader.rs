//! Reads the source for all targets of a job.
//!
//! A page is asked for by its cursor. The last few are kept, so that targets in step read the source once;
//! a target that has fallen further behind reads a page for itself. So memory stays bounded, and nobody
//! waits for anybody.

use crate::error::Stop;
use crate::page::SharedPage;
use crate::run::Run;
use gangway_model::{EntityType, Page, PluginError, code};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OnceCell;

/// Pages that are kept for targets which come later. A page under way to one target counts as well.
const KEPT: usize = 16;

/// The source of a job.
pub(crate) struct Reader {
    run: Arc<Run>,
    /// How many pages are kept: nobody comes later than an only target.
    room: usize,
    kept: Mutex<VecDeque<Kept>>,
    /// The first error.
    failed: OnceLock<PluginError>,
}

struct Kept {
    entity_type: EntityType,
    cursor: Option<String>,
    page: Arc<OnceCell<Result<Arc<SharedPage>, PluginError>>>,
}

impl Reader {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        let room = if run.lanes.len() > 1 { KEPT } else { 1 };
        Self { run, room, kept: Mutex::default(), failed: OnceLock::new() }
    }

    /// The page at a cursor. Who asks while it is being read waits for that. A source that has failed is asked
    /// for nothing more in this job: its plugin may be what is broken.
    pub(crate) async fn page(
        &self,
        entity_type: &EntityType,
        cursor: Option<&str>,
    ) -> Result<Arc<SharedPage>, Stop> {
        let place = self.place(entity_type, cursor);
        let page = place.get_or_init(|| async {
            if let Some(error) = self.failed.get() {
                return Err(error.clone());
            }
            let page = self.run.read_page(entity_type, cursor).await;
            let page = page.and_then(|page| check(&self.run, entity_type, cursor, page));
            page.map(SharedPage::new).map(Arc::new).map_err(|error| self.failed.get_or_init(|| error).clone())
        });
        page.await.clone().map_err(|error| match error.code.as_str() {
            code::CANCELLED => Stop::Cancelled,
            _ => Stop::Source(error),
        })
    }

    fn place(
        &self,
        entity_type: &EntityType,
        cursor: Option<&str>,
    ) -> Arc<OnceCell<Result<Arc<SharedPage>, PluginError>>> {
        let mut kept = self.kept();
        let same = |kept: &&Kept| kept.entity_type == *entity_type && kept.cursor.as_deref() == cursor;
        if let Some(known) = kept.iter().find(same) {
            return known.page.clone();
        }
        if kept.len() >= self.room {
            kept.pop_front();
        }
        let page = Arc::new(OnceCell::new());
        kept.push_back(Kept {
            entity_type: entity_type.clone(),
            cursor: cursor.map(str::to_owned),
            page: page.clone(),
        });
        page
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(run: &Run, entity_type: &EntityType, cursor: Option<&str>, page: Page) -> Result<Page, PluginError> {
    let name = &run.source.name;
    if page.next_cursor.is_some() && page.next_cursor.as_deref() == cursor {
        return Err(PluginError::new(
            code::PROTOCOL,
            format!(
                "reading {entity_type} entities of {name:?} does not move on: the page at cursor {:?} names itself as the next; check the paging of the system",
                cursor.unwrap_or_default()
            ),
        ));
    }
    if page.entities.iter().any(|entity| entity.id.is_empty()) {
        return Err(PluginError::new(
            code::INTERNAL,
            format!(
                "the plugin of {name:?} delivered a {entity_type} entity without an identifier: a defect of the plugin"
            ),
        ));
    }
    Ok(page)
}
