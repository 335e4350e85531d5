//! Changes of one resource: read where they arrive, carried out one after the other by the thread that writes, and
//! shown where they are awaited. What that thread does for one request all others wait for.

use crate::commit::State;
use crate::error::StorageError;
use crate::render::{self, Renderer, Selection};
use crate::schema::Kind;
use crate::storage::Read;
use crate::write::{Draft, Fresh, Writer, Written, named_in_body};
use crate::{Directory, Resource, ScimError, View, patch, plain};
use serde_json::Value;

/// With more members than this a group is not answered in a [`View::brief`] view.
const FEW_MEMBERS: usize = 100;

type Operation = Box<dyn FnOnce(&mut Writer<'_>) -> Result<Made, ScimError> + Send>;

/// A change that can be carried out.
pub(crate) struct Order {
    pub(crate) operation: Operation,
    /// It does nothing for each member of a group: it takes as long as its body is.
    pub(crate) short: bool,
    pub(crate) view: View,
}

/// What was made.
pub(crate) enum Made {
    /// To be shown by whoever waits for it.
    Written(Written),
    /// A group has its members in tables, and is shown as it is in the same transaction.
    Shown(Resource),
    Gone,
}

impl Made {
    fn user(&self) -> Option<&Written> {
        match self {
            Self::Written(written) if written.kind == Kind::User => Some(written),
            _ => None,
        }
    }
}

/// A resource as text.
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) version: String,
    pub(crate) location: String,
}

impl Directory {
    /// Makes a resource. 409 `uniqueness` if a unique attribute's value is taken.
    pub fn create(&self, kind: Kind, body: Value, view: &View) -> Result<Resource, ScimError> {
        self.make(self.creation(kind, body, view)?)
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
        self.make(self.replacement(kind, id, body, if_match, view)?)
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
        self.make(self.patching(kind, id, body, if_match, view)?)
    }

    /// Removes a resource and its memberships.
    pub fn delete(&self, kind: Kind, id: &str, if_match: Option<&str>) -> Result<(), ScimError> {
        self.committer.write(self.deletion(kind, id, if_match).operation).map(drop)
    }

    pub(crate) fn creation(&self, kind: Kind, mut body: Value, view: &View) -> Result<Order, ScimError> {
        self.passwords.hide(&mut body, self.ids.as_ref())?;
        let (fresh, now_ms, state) = (self.fresh(), self.clock.now_ms(), self.committer.state());
        let draft = Draft::read(state.catalog.of(kind), &body)?;
        self.order(view, kind, true, move |writer| {
            let draft = writer.current_draft(kind, draft, &state)?;
            writer.create(kind, draft, fresh, now_ms)
        })
    }

    pub(crate) fn replacement(
        &self,
        kind: Kind,
        id: &str,
        mut body: Value,
        if_match: Option<&str>,
        view: &View,
    ) -> Result<Order, ScimError> {
        self.passwords.hide(&mut body, self.ids.as_ref())?;
        let (now_ms, state) = (self.clock.now_ms(), self.committer.state());
        // That there is no such resource is said first.
        let draft = named_in_body(&body, id).and_then(|()| Draft::read(state.catalog.of(kind), &body));
        let (id, if_match) = (id.to_owned(), if_match.map(str::to_owned));
        self.order(view, kind, kind == Kind::User, move |writer| {
            let draft = draft.and_then(|draft| writer.current_draft(kind, draft, &state));
            writer.replace(kind, &id, draft, if_match.as_deref(), now_ms)
        })
    }

    pub(crate) fn patching(
        &self,
        kind: Kind,
        id: &str,
        mut body: Value,
        if_match: Option<&str>,
        view: &View,
    ) -> Result<Order, ScimError> {
        self.passwords.hide(&mut body, self.ids.as_ref())?;
        let now_ms = self.clock.now_ms();
        let (id, if_match) = (id.to_owned(), if_match.map(str::to_owned));
        let short = kind == Kind::User || (patch::only_adds(&body) && is_whole(view));
        self.order(view, kind, short, move |writer| {
            writer.patch(kind, &id, &body, if_match.as_deref(), now_ms)
        })
    }

    pub(crate) fn deletion(&self, kind: Kind, id: &str, if_match: Option<&str>) -> Order {
        let now_ms = self.clock.now_ms();
        let (id, if_match) = (id.to_owned(), if_match.map(str::to_owned));
        let operation = Box::new(move |writer: &mut Writer<'_>| {
            writer.delete(kind, &id, if_match.as_deref(), now_ms).map(|()| Made::Gone)
        });
        Order { operation, short: false, view: View::default() }
    }

    fn order(
        &self,
        view: &View,
        kind: Kind,
        short: bool,
        change: impl FnOnce(&mut Writer<'_>) -> Result<Written, ScimError> + Send + 'static,
    ) -> Result<Order, ScimError> {
        // A wrong view is refused before anything is written.
        selection(&self.committer.state(), kind, view)?;
        let shown = view.clone();
        let operation = Box::new(move |writer: &mut Writer<'_>| {
            let written = change(writer)?;
            Ok(match written.kind {
                Kind::Group => Made::Shown(show(&writer.tables, writer.state, &written, &shown)?),
                _ => Made::Written(written),
            })
        });
        Ok(Order { operation, short, view: view.clone() })
    }

    fn make(&self, order: Order) -> Result<Resource, ScimError> {
        let made = self.committer.write(order.operation)?;
        let missing = || ScimError::new(500, None, "the directory has nothing to show");
        self.shown(made, &order.view)?.ok_or_else(missing)
    }

    /// What was made as it is answered; none if it is gone.
    pub(crate) fn shown(&self, made: Made, view: &View) -> Result<Option<Resource>, ScimError> {
        match made {
            Made::Gone => Ok(None),
            Made::Shown(resource) => Ok(Some(resource)),
            Made::Written(written) => {
                show(self.read()?.as_ref(), &self.committer.state(), &written, view).map(Some)
            }
        }
    }

    /// A user that was made, as text, if it is shown as it is.
    pub(crate) fn shown_as_text(&self, made: &Made, view: &View) -> Result<Option<Shown>, ScimError> {
        let Some(written) = made.user().filter(|_| is_whole(view)) else { return Ok(None) };
        let (state, record) = (self.committer.state(), &written.record);
        let resource_type = state.catalog.of(Kind::User);
        Ok(Some(Shown {
            text: plain::user(self.read()?.as_ref(), resource_type, &view.base, written.sequence, record)?,
            version: render::tag(record.version),
            location: render::location(&view.base, Kind::User, record.id),
        }))
    }

    pub(crate) fn fresh(&self) -> Fresh {
        Fresh { id: self.ids.next(), user_uuid: self.ids.next() }
    }
}

fn is_whole(view: &View) -> bool {
    view.attributes.is_empty() && view.excluded_attributes.is_empty()
}

fn selection(state: &State, kind: Kind, view: &View) -> Result<Selection, ScimError> {
    Selection::read(state.catalog.of(kind), &view.attributes, &view.excluded_attributes)
}

/// A resource as it is answered.
pub(crate) fn show<T: Read>(
    tables: &T,
    state: &State,
    written: &Written,
    view: &View,
) -> Result<Resource, ScimError> {
    let Written { kind, sequence, record } = written;
    let selection = selection(state, *kind, view)?;
    let silent = view.brief
        && *kind == Kind::Group
        && selection.is_everything()
        && tables.has_more_members_than(*sequence, FEW_MEMBERS)?;
    let body = if silent {
        Value::Null
    } else {
        let resource_type = state.catalog.of(*kind);
        Renderer::new(tables, resource_type, &view.base).render(*sequence, record, &selection)?
    };
    Ok(Resource {
        body,
        version: render::tag(record.version),
        location: render::location(&view.base, *kind, record.id),
        number: record.version,
    })
}

/// A resource that is stored, as it is answered.
pub(crate) fn show_stored<T: Read>(
    tables: &T,
    state: &State,
    kind: Kind,
    sequence: u64,
    view: &View,
) -> Result<Resource, ScimError> {
    let record = tables
        .record(kind, sequence)?
        .ok_or_else(|| StorageError::Damaged(format!("{} number {sequence} is missing", kind.name())))?;
    show(tables, state, &Written { kind, sequence, record }, view)
}
