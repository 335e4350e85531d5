//! Errors as RFC 9457 problems: what is wrong, with which tenant and system, and what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gangway_host::LoadError;
use gangway_jobs::{StartError, StopError, ValidateError};
use gangway_model::{Diagnostic, PluginError, Severity};
use gangway_store::StoreError;
use serde::Serialize;

/// An error as it is answered. Boxed, because it travels through every function that can fail.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    /// For programs: `urn:gangway:problem:` and a word.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    /// Every single thing that is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Diagnostic>,
    #[serde(skip)]
    challenge: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind: format!("urn:gangway:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            action: String::new(),
            tenant: None,
            system: None,
            plugin: None,
            job: None,
            problems: Vec::new(),
            challenge: None,
            retry_after: None,
        }))
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", format!("there is no {what} {name:?}"))
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Not possible now", detail)
    }

    /// What was sent cannot be read at all.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", "The request cannot be read", detail)
            .action("see /api/openapi.json for what the route takes")
    }

    /// What was sent can be read and is not accepted.
    pub(crate) fn invalid(detail: impl Into<String>, problems: Vec<Diagnostic>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Not accepted, nothing was changed",
            detail,
        );
        problem.0.problems = problems;
        problem
    }

    /// What was sent is not accepted, with where and why.
    pub(crate) fn refused_body(what: &str, wrong: Vec<(&'static str, String)>) -> Self {
        let problems = wrong.into_iter().map(|(pointer, message)| Diagnostic {
            severity: Severity::Error,
            pointer: pointer.to_owned(),
            line: 0,
            column: 0,
            message,
        });
        Self::invalid(format!("{what} is not accepted"), problems.collect())
            .action("correct what is listed under problems")
    }

    pub(crate) fn unauthorized(detail: &str, challenge: &'static str) -> Self {
        let mut problem =
            Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in", detail).action(
                "send the API token that `gangway serve` showed at its first start: Authorization: Bearer TOKEN",
            );
        problem.0.challenge = Some(challenge);
        problem
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The engine failed", detail)
            .action("see the engine's log")
    }

    pub(crate) fn action(mut self, action: impl Into<String>) -> Self {
        self.0.action = action.into();
        self
    }

    pub(crate) fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.0.tenant = Some(tenant.into());
        self
    }

    pub(crate) fn system(mut self, system: impl Into<String>) -> Self {
        self.0.system = Some(system.into());
        self
    }

    pub(crate) fn plugin(mut self, plugin: impl Into<String>) -> Self {
        self.0.plugin = Some(plugin.into());
        self
    }

    pub(crate) fn job(mut self, job: impl Into<String>) -> Self {
        self.0.job = Some(job.into());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn challenge(&self) -> Option<&'static str> {
        self.0.challenge
    }

    /// Too many requests of something; after so many seconds there may be more.
    pub(crate) fn too_many(what: &str, seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many requests",
            format!("{what} was asked too often; it answers again in {seconds} s"),
        );
        problem.0.retry_after = Some(seconds);
        problem
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// A component that was not taken.
    pub(crate) fn refused(error: &LoadError) -> Self {
        let status = match error {
            LoadError::Missing(_) => StatusCode::NOT_FOUND,
            LoadError::NoPrevious(_) => StatusCode::CONFLICT,
            LoadError::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
            LoadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let action = match error {
            LoadError::NotAComponent(_) | LoadError::Malformed(_) => {
                "build it for the target wasm32-wasip2 and upload the file whole; `gangway plugin check FILE` looks at it first"
            }
            LoadError::Manifest(_) | LoadError::Exports(_) | LoadError::Import { .. } => {
                "correct the plugin; `gangway plugin check FILE` shows all of it without an engine"
            }
            LoadError::Interface { .. } => {
                "build the plugin with an SDK for an interface that this engine speaks, or update the engine"
            }
            LoadError::Smoke(_) | LoadError::Link(_) | LoadError::Compile(_) => {
                "tell the plugin's author what stands here"
            }
            LoadError::Missing(_) => "see the list of plugins",
            LoadError::NoPrevious(_) => "upload the version you want",
            LoadError::TooLarge { .. } => "build the plugin for release and strip it",
            _ => "see the engine's log",
        };
        Self::new(
            status,
            &format!("plugin-{}", error.kind()),
            "The plugin was not taken, nothing has changed",
            error.to_string(),
        )
        .action(action)
    }

    /// A call to a plugin that failed.
    pub(crate) fn of_plugin(error: &PluginError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "plugin-failed", "The plugin failed", error.to_string())
            .action("see the plugin's state: GET …/plugins")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Exists(_) => {
                Self::conflict(error.to_string()).action("choose another name, or change that one")
            }
            StoreError::Missing(_) => {
                Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", error.to_string())
                    .action("see the list: GET /api/v1/tenants")
            }
            StoreError::Full(_) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "store-full",
                "The store is full, nothing was changed",
                error.to_string(),
            )
            .action("make room on the disk of the data directory and repeat the request"),
            StoreError::Damaged(_) => {
                Self::internal(error.to_string()).action("restore the tenant's file from a backup")
            }
            StoreError::Failed(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownTenant(_) | StartError::UnknownSystem { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", error.to_string())
            }
            StartError::ShuttingDown => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "shutting-down",
                "The engine goes down",
                error.to_string(),
            ),
            StartError::Store(error) => error.into(),
            other => Self::conflict(other.to_string()),
        }
    }
}

impl From<ValidateError> for Problem {
    fn from(error: ValidateError) -> Self {
        match error {
            ValidateError::Start(error) => error.into(),
            ValidateError::File(why) => {
                Self::invalid(why, Vec::new()).action("correct the file, or the systems, and send it again")
            }
            ValidateError::Plugin(error) => Self::of_plugin(&error),
        }
    }
}

impl From<StopError> for Problem {
    fn from(error: StopError) -> Self {
        match error {
            StopError::UnknownJob { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", error.to_string())
            }
            StopError::Store(error) => error.into(),
            other => Self::conflict(other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, challenge, retry_after) = (self.status(), self.0.challenge, self.0.retry_after);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
