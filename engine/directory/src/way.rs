//! Where a request is carried out: at once, by the thread that writes, or on a thread of its own.

use crate::call::{not_allowed, nothing_there};
use crate::change::{Made, Order, Shown};
use crate::parameters::Parameters;
use crate::schema::Kind;
use crate::{Call, Directory, Reply, ScimError, View, filter, plan};

/// Largest body that is read where others wait.
const SMALL_BODY: usize = 64 * 1024;

/// Largest body of a change that is carried out where others wait.
const SHORT_BODY: usize = 4 * 1024;

/// What becomes of a request that [`Directory::take_up`] was given.
#[derive(Debug)]
pub enum Way {
    /// It takes microseconds and changes nothing, and is answered already.
    Here(Reply),
    /// It changes one resource, and most of its time is waiting for a commit: [`Directory::submit`], also where others
    /// wait.
    Submit,
    /// It may take long: [`Directory::call`] on a thread of its own.
    Apart,
}

/// What came of a request that was submitted; [`Directory::answer`] makes the answer of it.
pub struct Finished {
    pub(crate) made: Result<Made, ScimError>,
    pub(crate) status: u16,
    pub(crate) view: View,
}

impl Directory {
    /// Answers a request that is quick, and says of any other where it is carried out best.
    pub fn take_up(&self, call: &Call<'_>) -> Way {
        let (endpoint, id) = target(call.path);
        let is_special = id.is_some_and(|id| id.starts_with('.') || id.contains('/'));
        let Some(kind) = Kind::from_endpoint(endpoint).filter(|_| !is_special) else { return Way::Apart };
        match (call.method, id) {
            ("POST", None) | ("PUT" | "PATCH" | "DELETE", Some(_)) => match is_small(call.body) {
                true => Way::Submit,
                false => Way::Apart,
            },
            // A group can be large.
            ("GET", _) if kind == Kind::User => self.quickly(id, call).map_or(Way::Apart, Way::Here),
            _ => Way::Apart,
        }
    }

    /// Answers a question for users that takes microseconds.
    fn quickly(&self, id: Option<&str>, call: &Call<'_>) -> Option<Reply> {
        let parameters = match Parameters::read(call.query) {
            Ok(parameters) => parameters,
            Err(error) => return Some(error.into()),
        };
        let query = &parameters.query;
        let reply = match (id, &query.filter) {
            (Some(_), _) => self.resources(Kind::User, id, call, parameters),
            (None, _) if query.sort_by.is_some() || query.start_id.is_some() || parameters.blocked => {
                return None;
            }
            (None, None) => self.resources(Kind::User, None, call, parameters),
            (None, Some(text)) => {
                let state = self.committer.state();
                let filter = filter::parse(state.catalog.of(Kind::User), text).ok()?;
                if !plan::is_narrow(Kind::User, &filter) {
                    return None;
                }
                let list = self.list_text(Kind::User, query, Some(&filter), call.base);
                list.map(|list| Reply::text(200, list))
            }
        };
        Some(reply.unwrap_or_else(Reply::from))
    }

    /// Begins a request that changes one resource, and carries it out if it is short and comes alone, which takes a
    /// fraction of a millisecond. `done` is called when it is durable or refused, on a thread that it must not hold up.
    pub fn submit(&self, call: &Call<'_>, done: impl FnOnce(Finished) + Send + 'static) {
        let (endpoint, id) = target(call.path);
        let begun = Parameters::read(call.query).and_then(|parameters| {
            let kind = Kind::from_endpoint(endpoint).ok_or_else(|| nothing_there(call))?;
            self.change(kind, id, call, &parameters)?.ok_or_else(|| not_allowed(call))
        });
        match begun {
            Err(error) => done(Finished { made: Err(error), status: 0, view: View::default() }),
            Ok((status, Order { operation, short, view })) => {
                let short = short && call.body.len() <= SHORT_BODY;
                self.committer.submit(operation, short, move |made| done(Finished { made, status, view }));
            }
        }
    }

    /// The answer to a request that was submitted.
    pub fn answer(&self, finished: Finished) -> Reply {
        let Finished { made, status, view } = finished;
        let reply = made.and_then(|made| match self.shown_as_text(&made, &view)? {
            Some(Shown { text, version, location }) => {
                Ok(Reply { etag: Some(version), location: Some(location), ..Reply::text(status, text) })
            }
            None => self.shown(made, &view).map(|resource| Reply::changed(status, resource)),
        });
        reply.unwrap_or_else(Reply::from)
    }
}

/// Endpoint and identifier.
fn target(path: &str) -> (&str, Option<&str>) {
    let path = path.trim_matches('/');
    path.split_once('/').map_or((path, None), |(endpoint, id)| (endpoint, Some(id)))
}

/// Whether a body is read in microseconds; hashing a password takes long.
fn is_small(body: &[u8]) -> bool {
    const PASSWORD: &[u8] = b"password";
    body.len() <= SMALL_BODY && !body.windows(PASSWORD.len()).any(|part| part.eq_ignore_ascii_case(PASSWORD))
}
