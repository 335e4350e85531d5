//! The local identity directory: users and groups of one tenant, served as SCIM 2.0 (RFC 7643, 7644,
//! cursor paging of RFC 9865) from one redb file.
//!
//! [`Directory`] has a method for each thing a client can do; [`Directory::call`] is the same behind
//! the protocol's own words (method, path, query, body), so that an HTTP server adds nothing but the
//! socket and an in-process connector needs none. All calls block; an asynchronous caller moves them
//! off its runtime. Reads see one consistent state and never wait for writes.

#![forbid(unsafe_code)]

mod bulk;
mod call;
mod commit;
mod content;
mod error;
mod filter;
mod index;
mod patch;
mod path;
mod query;
mod render;
mod schema;
mod storage;
#[cfg(test)]
mod tests;
mod write;

pub use call::{Call, MAX_BODY, Reply};
pub use error::{ScimError, StorageError};
pub use query::Query;
pub use schema::Kind;

use bulk::Bulk;
use commit::Committer;
use gangway_model::ports::Clock;
use redb::{Database, ReadableDatabase};
use render::{Renderer, Selection};
use schema::Catalog;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use storage::{COUNTERS, Read, ReadTables, WriteTables};
use uuid::Uuid;
use write::{Writer, Written};

/// Where identifiers come from.
pub trait Ids: Send + Sync {
    /// One that was never given before.
    fn next(&self) -> Uuid;
}

/// Memory for redb's cache: enough for the upper levels of a directory of a million users.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// A tenant's directory.
pub struct Directory {
    database: Database,
    catalog: Arc<Catalog>,
    committer: Committer,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
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
}

impl Directory {
    /// Opens the directory in a file, which is made if it is not there.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, StorageError> {
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(StorageError::of)?;
        Self::with(database, clock, ids)
    }

    /// A directory that is gone with its value.
    pub fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, StorageError> {
        let database = Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(StorageError::of)?;
        Self::with(database, clock, ids)
    }

    fn with(database: Database, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, StorageError> {
        let catalog =
            Catalog::built_in().map_err(|e| StorageError::Damaged(format!("built-in schemas: {e}")))?;
        // A reader finds every table.
        let transaction = database.begin_write().map_err(StorageError::of)?;
        WriteTables::open(&transaction)?;
        transaction.open_table(COUNTERS).map_err(StorageError::of)?;
        transaction.commit().map_err(StorageError::of)?;
        Ok(Self { database, catalog: Arc::new(catalog), committer: Committer::default(), clock, ids })
    }

    /// Makes a resource. 409 `uniqueness` if a unique attribute's value is taken.
    pub fn create(&self, kind: Kind, body: Value, view: &View) -> Result<Resource, ScimError> {
        let (id, now_ms) = (self.ids.next(), self.clock.now_ms());
        self.change(kind, view, move |writer| writer.create(kind, &body, id, now_ms))
    }

    /// A resource by identifier.
    pub fn get(&self, kind: Kind, id: &str, view: &View) -> Result<Resource, ScimError> {
        let tables = self.read()?;
        let sequence = tables.locate(kind, id)?.ok_or_else(|| ScimError::not_found(kind.name(), id))?;
        show(&tables, &self.catalog, Written { kind, sequence }, view)
    }

    /// Gives a resource this content; what is not mentioned is unassigned.
    pub fn replace(
        &self,
        kind: Kind,
        id: &str,
        body: Value,
        if_match: Option<&str>,
        view: &View,
    ) -> Result<Resource, ScimError> {
        let (id, if_match, now_ms) = (id.to_owned(), if_match.map(str::to_owned), self.clock.now_ms());
        self.change(kind, view, move |writer| writer.replace(kind, &id, &body, if_match.as_deref(), now_ms))
    }

    /// Changes parts of a resource (RFC 7644 section 3.5.2).
    pub fn patch(
        &self,
        kind: Kind,
        id: &str,
        body: Value,
        if_match: Option<&str>,
        view: &View,
    ) -> Result<Resource, ScimError> {
        let (id, if_match, now_ms) = (id.to_owned(), if_match.map(str::to_owned), self.clock.now_ms());
        self.change(kind, view, move |writer| writer.patch(kind, &id, &body, if_match.as_deref(), now_ms))
    }

    /// Removes a resource and its memberships.
    pub fn delete(&self, kind: Kind, id: &str, if_match: Option<&str>) -> Result<(), ScimError> {
        let (id, if_match, now_ms) = (id.to_owned(), if_match.map(str::to_owned), self.clock.now_ms());
        self.committer.write(&self.database, &self.catalog, move |writer| {
            writer.delete(kind, &id, if_match.as_deref(), now_ms)
        })
    }

    /// A page of resources as a SCIM `ListResponse`.
    pub fn list(&self, kind: Kind, query: &Query, base: &str) -> Result<Value, ScimError> {
        query::list(&self.read()?, self.catalog.of(kind), base, query)
    }

    /// Many changes in one transaction (RFC 7644 section 3.7).
    pub fn bulk(&self, body: &Value, base: &str) -> Result<Value, ScimError> {
        let bulk = Bulk::read(body)?;
        let ids: Vec<_> = (0..bulk.len()).map(|_| self.ids.next()).collect();
        let (now_ms, base) = (self.clock.now_ms(), base.to_owned());
        self.committer
            .write(&self.database, &self.catalog, move |writer| bulk.run(writer, &ids, now_ms, &base))
    }

    /// How many resources there are.
    pub fn count(&self, kind: Kind) -> Result<u64, StorageError> {
        self.read()?.count(kind)
    }

    fn schemas(&self, base: &str) -> Result<Vec<Value>, ScimError> {
        self.catalog.schema_documents(base)
    }

    fn resource_types(&self, base: &str) -> Vec<Value> {
        self.catalog.resource_type_documents(base)
    }

    fn read(&self) -> Result<ReadTables, StorageError> {
        ReadTables::open(&self.database.begin_read().map_err(StorageError::of)?)
    }

    /// Changes one resource and shows it as it is then, both in the same transaction.
    fn change(
        &self,
        kind: Kind,
        view: &View,
        f: impl FnOnce(&mut Writer<'_>) -> Result<Written, ScimError> + Send + 'static,
    ) -> Result<Resource, ScimError> {
        let (catalog, view) = (self.catalog.clone(), view.clone());
        // A wrong view is refused before anything is written.
        Selection::read(catalog.of(kind), &view.attributes, &view.excluded_attributes)?;
        self.committer.write(&self.database, &self.catalog, move |writer| {
            let written = f(writer)?;
            show(&writer.tables, &catalog, written, &view)
        })
    }
}

fn show<T: Read>(
    tables: &T,
    catalog: &Catalog,
    written: Written,
    view: &View,
) -> Result<Resource, ScimError> {
    let Written { kind, sequence } = written;
    let resource_type = catalog.of(kind);
    let selection = Selection::read(resource_type, &view.attributes, &view.excluded_attributes)?;
    let record = tables
        .record(kind, sequence)?
        .ok_or_else(|| StorageError::Damaged(format!("{} number {sequence} is missing", kind.name())))?;
    let body = Renderer::new(tables, resource_type, &view.base).render(sequence, &record, &selection)?;
    Ok(Resource {
        body,
        version: render::tag(record.version),
        location: render::location(&view.base, kind, record.id),
        number: record.version,
    })
}
