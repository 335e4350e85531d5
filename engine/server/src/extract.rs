//! What handlers take from a request; whatever cannot be read is a [`Problem`].

use crate::problem::Problem;
use crate::services::Services;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use gangway_model::TenantId;
use serde::de::DeserializeOwned;

/// Parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(crate) struct Path<T>(pub(crate) T);

/// The query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(crate) struct Query<T>(pub(crate) T);

/// Who asks: the name that the request gives in the header `Gangway-User`, or the API token's. One token is
/// everybody's, so that the name is what the caller says of himself.
pub(crate) struct Caller(pub(crate) String);

/// The header with the caller's name.
const USER: &str = "gangway-user";
/// Its longest value.
const USER_LENGTH: usize = 100;

impl FromRequestParts<Services> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let Some(given) = parts.headers.get(USER) else {
            return Ok(Self(format!("Gangway API - {}", services.inner.guard.name())));
        };
        let name = given.to_str().ok().map(str::trim).filter(|name| !name.is_empty());
        match name.filter(|name| name.len() <= USER_LENGTH) {
            Some(name) => Ok(Self(name.to_owned())),
            None => Err(Problem::unreadable(format!(
                "the header Gangway-User is no name of 1 to {USER_LENGTH} printable ASCII characters"
            ))),
        }
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::unreadable(format!("the body is not the JSON this route takes: {error}"))
        })
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large("the body is larger than this route takes");
        }
        Self::unreadable(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::unreadable(rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::unreadable(rejection.body_text())
    }
}

pub(crate) fn too_large(detail: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail).action("send less at once")
}

/// A tenant's name from a path. One that cannot be a name is one that does not exist.
pub(crate) fn tenant(name: &str) -> Result<TenantId, Problem> {
    TenantId::parse(name).map_err(|_| Problem::not_found("tenant", name).action("see GET /api/v1/tenants"))
}
