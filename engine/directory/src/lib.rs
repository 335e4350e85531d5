//! The local identity directory: users and groups of one tenant, served as SCIM 2.0 (RFC 7643, 7644,
//! cursor paging of RFC 9865) from one redb file.
//!
//! [`Directory`] has a method for each thing a client can do; [`Directory::call`] is the same behind
//! the protocol's own words (method, path, query, body), so that an HTTP server adds nothing but the
//! socket and an in-process connector needs none. All calls block; an asynchronous caller moves them
//! off its runtime. Reads see one consistent state and wait for no write that may take long.

#![forbid(unsafe_code)]

mod bulk;
mod call;
mod catalog;
mod change;
mod changes;
mod check;
mod commit;
mod content;
mod counting;
mod custom;
mod deleted;
mod desk;
mod error;
mod filter;
mod identity;
mod inactivity;
mod index;
mod journal;
mod members;
mod parameters;
mod password;
mod patch;
mod path;
mod plain;
mod plan;
mod query;
mod queue;
mod redo;
mod render;
mod rules;
mod schema;
mod settings;
mod snapshot;
mod sort;
mod storage;
mod table;
#[cfg(test)]
mod tests;
mod way;
mod write;

pub use call::{Call, MAX_BODY, Reply};
pub use changes::GroupChange;
pub use check::Report;
pub use error::{ScimError, StorageError};
pub use query::Query;
pub use schema::Kind;
pub use settings::{Inactivity, Settings};
pub use table::{Row, RowOutcome};
pub use way::{Finished, Way};

use bulk::Bulk;
use catalog::Catalog;
use change::show_stored;
use commit::{Committer, State};
use desk::Desk;
use filter::Filter;
use gangway_model::ports::Clock;
use password::Passwords;
use redb::{Database, ReadableTable, ReadableTableMetadata};
use redo::Redo;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use storage::{COUNTERS, META, Read, ReadTables, WriteTables};
use uuid::Uuid;
use write::Fresh;

/// Where identifiers come from.
pub trait Ids: Send + Sync {
    /// One that was never given before.
    fn next(&self) -> Uuid;
}

/// Memory for redb's cache: enough for the upper levels of a directory of a million users.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// A tenant's directory.
pub struct Directory {
    committer: Committer,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    passwords: Passwords,
}

/// A resource as it is answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Resource {
    /// The resource, as far as the view shows it.
    pub body: Value,
    /// Its entity tag.
    pub version: String,
    /// Where it is.
    pub location: String,
    number: u64,
}

impl Resource {
    /// Whether a list of entity tags holds this version.
    pub fn is_one_of(&self, tags: &str) -> bool {
        render::tag_matches(tags, self.number)
    }
}

/// How a resource is shown.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The directory's own address, for links, without a slash at the end.
    pub base: String,
    /// Attributes wanted; all if empty.
    pub attributes: Vec<String>,
    /// Attributes not wanted.
    pub excluded_attributes: Vec<String>,
    /// Nothing is shown of a group with many members, unless attributes are named.
    pub brief: bool,
}

impl Directory {
    /// Opens the directory in a file, which is made if it is not there.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, StorageError> {
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(StorageError::of)?;
        Self::with(database, Some(&path.with_extension("journal")), clock, ids)
    }

    /// A directory that is gone with its value.
    pub fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, StorageError> {
        let database = Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(StorageError::of)?;
        Self::with(database, None, clock, ids)
    }

    fn with(
        database: Database,
        journal: Option<&Path>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, StorageError> {
        // A reader finds every table.
        let transaction = database.begin_write().map_err(StorageError::of)?;
        WriteTables::new(&transaction, &Redo::default()).make()?;
        transaction.open_table(changes::CHANGES).map_err(StorageError::of)?;
        let is_new = {
            let counters = transaction.open_table(COUNTERS).map_err(StorageError::of)?;
            counters.is_empty().map_err(StorageError::of)?
        };
        deleted::begin(&transaction, is_new, clock.as_ref())?;
        let state = {
            let meta = transaction.open_table(META).map_err(StorageError::of)?;
            let settings = match meta.get(SETTINGS).map_err(StorageError::of)? {
                None => Settings::default(),
                Some(bytes) => serde_json::from_slice(bytes.value())
                    .map_err(|e| StorageError::Damaged(format!("settings: {e}")))?,
            };
            let catalog = Catalog::new(custom::stored(&meta)?)
                .map_err(|e| StorageError::Damaged(format!("built-in schemas: {e}")))?;
            State { catalog, settings }
        };
        transaction.commit().map_err(StorageError::of)?;
        let desk = match journal {
            Some(path) => Desk::open(&database, path)?,
            None => Desk::in_memory(),
        };
        Ok(Self {
            committer: Committer::new(database, desk, state),
            clock,
            ids,
            passwords: Passwords::default(),
        })
    }

    /// A resource by identifier.
    pub fn get(&self, kind: Kind, id: &str, view: &View) -> Result<Resource, ScimError> {
        let tables = self.read()?;
        let sequence = tables.locate(kind, id)?.ok_or_else(|| ScimError::not_found(kind.name(), id))?;
        show_stored(tables.as_ref(), &self.committer.state(), kind, sequence, view)
    }

    /// A page of resources as a SCIM `ListResponse`.
    pub fn list(&self, kind: Kind, query: &Query, base: &str) -> Result<Value, ScimError> {
        query::list(self.read()?.as_ref(), self.committer.state().catalog.of(kind), base, query)
    }

    /// The same as text, which for users as they are is much less work. The filter may have been parsed already.
    fn list_text(
        &self,
        kind: Kind,
        query: &Query,
        filter: Option<&Filter>,
        base: &str,
    ) -> Result<String, ScimError> {
        let (tables, state) = (self.read()?, self.committer.state());
        let resource_type = state.catalog.of(kind);
        match plain::page(tables.as_ref(), resource_type, base, query, filter)? {
            Some(text) => Ok(text),
            None => query::list(tables.as_ref(), resource_type, base, query).map(|list| list.to_string()),
        }
    }

    /// Many changes in one transaction (RFC 7644 section 3.7).
    pub fn bulk(&self, mut body: Value, base: &str) -> Result<Value, ScimError> {
        self.passwords.hide(&mut body, self.ids.as_ref())?;
        let bulk = Bulk::read(&body)?;
        let fresh: Vec<_> = (0..bulk.len()).map(|_| self.fresh()).collect();
        let (now_ms, base) = (self.clock.now_ms(), base.to_owned());
        self.committer.write(move |writer| bulk.run(writer, &fresh, now_ms, &base))
    }

    /// What the tenant decided about the directory.
    pub fn settings(&self) -> Settings {
        self.committer.state().settings.clone()
    }

    /// Whether requests are to be counted.
    pub fn is_rate_limited(&self) -> bool {
        self.committer.state().settings.rate_limit
    }

    /// Decides anew.
    pub fn set_settings(&self, settings: Settings) -> Result<(), ScimError> {
        settings.check()?;
        self.committer.reconfigure(|transaction, state| {
            let bytes = serde_json::to_vec(&settings).map_err(|e| StorageError::Failed(e.to_string()))?;
            let mut meta = transaction.open_table(META).map_err(StorageError::of)?;
            meta.insert(SETTINGS, bytes.as_slice()).map_err(StorageError::of)?;
            Ok(State { settings, catalog: state.catalog.clone() })
        })
    }

    fn create_schema(&self, body: &Value, base: &str) -> Result<Value, ScimError> {
        let schema = custom::read(body)?;
        let document = schema.document(base)?;
        self.committer.reconfigure(|transaction, state| custom::create(transaction, state, schema))?;
        Ok(document)
    }

    fn delete_schema(&self, id: &str) -> Result<(), ScimError> {
        let now_ms = self.clock.now_ms();
        self.committer.reconfigure(|transaction, state| custom::delete(transaction, state, id, now_ms))
    }

    /// How many resources there are.
    pub fn count(&self, kind: Kind) -> Result<u64, StorageError> {
        self.read()?.count(kind)
    }

    /// Whether the tables agree with one another. Reads everything once.
    pub fn check(&self) -> Result<Report, StorageError> {
        check::check(self.read()?.as_ref())
    }

    fn schemas(&self, base: &str) -> Result<Vec<Value>, ScimError> {
        self.committer.state().catalog.schema_documents(base)
    }

    fn resource_types(&self, base: &str) -> Vec<Value> {
        self.committer.state().catalog.resource_type_documents(base)
    }

    fn read(&self) -> Result<Arc<ReadTables>, StorageError> {
        self.committer.snapshot()
    }
}

/// Under which key the settings are stored.
const SETTINGS: &str = "settings";
