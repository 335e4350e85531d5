use super::file::DatabaseFile;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bounds the memory of many tenants: closes files that were not used for a while when more are open
/// than should be. A closed file opens again with its next use.
pub(super) struct OpenFiles {
    limit: usize,
    /// Counts the uses of all files.
    clock: AtomicU64,
    open: AtomicUsize,
    files: Mutex<Vec<Weak<DatabaseFile>>>,
}

/// So many uses of other files make a file idle. With more tenants at work than the limit says,
/// files stay open: closing one that is needed again at once costs more than its memory.
pub(super) const IDLE: u64 = 256;

impl OpenFiles {
    pub(super) fn new(limit: usize) -> Self {
        let (clock, open) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { limit: limit.max(1), clock, open, files: Mutex::default() }
    }

    /// A stamp later than all before it.
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes note of a file that may be opened.
    pub(super) fn register(&self, file: &Arc<DatabaseFile>) {
        let mut files = self.files();
        files.retain(|known| known.strong_count() > 0);
        files.push(Arc::downgrade(file));
    }

    /// Takes note that a file is open now.
    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that a file is closed now.
    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Closes idle files if too many are open. Called after a use, by who holds no file.
    pub(super) fn make_room(&self) {
        let surplus = self.open.load(Ordering::Relaxed).saturating_sub(self.limit);
        let now = self.clock.load(Ordering::Relaxed);
        // To look through the files after every use would cost more than it gives.
        if surplus == 0 || !now.is_multiple_of(IDLE / 4) {
            return;
        }
        let mut idle: Vec<Arc<DatabaseFile>> = self.files().iter().filter_map(Weak::upgrade).collect();
        idle.retain(|file| file.is_open() && file.last_used() + IDLE <= now);
        idle.sort_by_key(|file| file.last_used());
        for file in idle.iter().take(surplus) {
            file.close_if_unused();
        }
    }

    fn files(&self) -> MutexGuard<'_, Vec<Weak<DatabaseFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
