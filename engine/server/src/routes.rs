//! Every route with its handler and its description, in one table: the router and the OpenAPI
//! document are both made of it, so neither can have what the other has not.

use crate::services::Services;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

mod directory;
mod installation;
mod jobs;
mod logs;
mod notifications;
mod plans;
mod plugins;
mod realtime;
mod schedules;
mod systems;
mod tenant;

/// Largest JSON body: systems carry their transformation documents.
const MAX_JSON: usize = 4 << 20;

/// One method of one path.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) doc: Doc,
    pub(crate) handler: MethodRouter<Services>,
}

/// What the OpenAPI document says of a route.
#[derive(Clone, Copy)]
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// Name of a schema, or a media type.
    pub(crate) body: Option<&'static str>,
    pub(crate) status: u16,
    /// Name of a schema, a media type, or nothing.
    pub(crate) answer: Option<&'static str>,
    pub(crate) errors: &'static [u16],
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Works without a token.
    pub(crate) open: bool,
    /// May take as long as it takes.
    pub(crate) patient: bool,
}

impl Route {
    fn new<H, T>(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Services>,
        T: 'static,
    {
        let filter = match method {
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "delete" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        Self {
            method,
            path,
            doc: Doc {
                id,
                summary,
                body: None,
                status: 200,
                answer: None,
                errors: &[],
                query: &[],
                open: false,
                patient: false,
            },
            handler: on(filter, handler).layer(DefaultBodyLimit::max(MAX_JSON)),
        }
    }

    /// Takes bodies of another size.
    fn takes(mut self, bytes: usize) -> Self {
        self.handler = self.handler.layer(DefaultBodyLimit::max(bytes));
        self
    }

    fn body(mut self, body: &'static str) -> Self {
        self.doc.body = Some(body);
        self
    }

    fn answers(mut self, status: u16, answer: &'static str) -> Self {
        self.doc.status = status;
        self.doc.answer = Some(answer);
        self
    }

    fn nothing(mut self) -> Self {
        self.doc.status = 204;
        self
    }

    fn errors(mut self, errors: &'static [u16]) -> Self {
        self.doc.errors = errors;
        self
    }

    fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.doc.query = query;
        self
    }

    fn open(mut self) -> Self {
        self.doc.open = true;
        self
    }

    fn patient(mut self) -> Self {
        self.doc.patient = true;
        self
    }
}

/// All routes of the control API.
pub(crate) fn routes() -> Vec<Route> {
    [
        installation::routes(),
        directory::routes(),
        plugins::routes(),
        systems::routes(),
        jobs::routes(),
        plans::routes(),
        logs::routes(),
        realtime::routes(),
        schedules::routes(),
        tenant::routes(),
        notifications::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
