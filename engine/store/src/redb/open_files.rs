use super::file::DatabaseFile;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bounds the memory of many tenants: closes the file that was not used for the longest time when
/// one too many is open. A closed file opens again with its next use.
pub(super) struct OpenFiles {
    limit: usize,
    clock: AtomicU64,
    files: Mutex<Vec<Weak<DatabaseFile>>>,
}

impl OpenFiles {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), clock: AtomicU64::new(0), files: Mutex::default() }
    }

    /// A stamp later than all before it.
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes note of a file that may be opened.
    pub(super) fn register(&self, file: &Arc<DatabaseFile>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|known| known.strong_count() > 0);
        files.push(Arc::downgrade(file));
    }

    /// Closes others if too many are open now that `opened` is.
    pub(super) fn make_room(&self, opened: &DatabaseFile) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<Arc<DatabaseFile>> = files
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|other| !std::ptr::eq(&**other, opened) && other.is_open())
            .collect();
        drop(files);
        let surplus = (others.len() + 1).saturating_sub(self.limit);
        others.sort_by_key(|other| other.last_used());
        for other in others.iter().take(surplus) {
            other.close_if_idle();
        }
    }
}
