//! A tenant's directory over HTTP.

use crate::directories::Directories;
use crate::extract::{self, too_large};
use crate::limits::Admission;
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gangway_directory::{Call, Directory, MAX_BODY, Reply, Way};
use gangway_model::TenantId;
use gangway_store::Store;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The media type of RFC 7644.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Everything below `/tenants/{tenant}/scim/v2`.
pub(crate) async fn serve(
    State(services): State<Services>,
    parameters: RawPathParams,
    request: Request,
) -> Response {
    let tenant =
        parameters.iter().find(|(name, _)| *name == "tenant").map_or("", |(_, value)| value).to_owned();
    match answer(&services, &tenant, request).await {
        Ok(response) => response,
        Err(problem) => as_scim(&problem),
    }
}

async fn answer(services: &Services, tenant: &str, request: Request) -> Result<Response, Problem> {
    services.inner.guard.check(request.headers())?;
    let tenant = extract::tenant(tenant)?;
    let directory = open(services, &tenant).await?;
    if directory.is_rate_limited() {
        match services.inner.directories.limits(&tenant).admit(services.inner.clock.now_ms()) {
            Admission::Now => {}
            Admission::Later(time) => tokio::time::sleep(time).await,
            Admission::Refused(seconds) => return Err(Problem::too_many("the tenant's directory", seconds)),
        }
    }
    let base = base(services, &tenant, request.headers());
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| too_large(&format!("the body has more than {MAX_BODY} bytes, or broke off")))?;
    let below = parts.uri.path().splitn(6, '/').nth(5).unwrap_or_default().to_owned();
    let asked = Asked { parts, below, body, base };
    carry_out(directory, asked).await.map(respond)
}

/// Somebody who asks a directory.
pub(crate) trait Ask: Send + 'static {
    /// The request.
    fn call(&self) -> Call<'_>;
}

/// Carries a request out where that is done best.
pub(crate) async fn carry_out(directory: Arc<Directory>, asked: impl Ask) -> Result<Reply, Problem> {
    match directory.take_up(&asked.call()) {
        Way::Here(reply) => Ok(reply),
        Way::Submit => {
            let (tell, told) = oneshot::channel();
            directory.submit(&asked.call(), move |finished| {
                // Who has gone away is told nothing.
                let _ = tell.send(finished);
            });
            let lost = |_| Problem::internal("the directory lost the request".to_owned());
            told.await.map(|finished| directory.answer(finished)).map_err(lost)
        }
        Way::Apart => blocking(move || Ok(directory.call(&asked.call()))).await,
    }
}

/// A request over HTTP.
struct Asked {
    parts: Parts,
    below: String,
    body: Bytes,
    base: String,
}

impl Ask for Asked {
    fn call(&self) -> Call<'_> {
        let text = |name| self.parts.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        Call {
            method: self.parts.method.as_str(),
            path: &self.below,
            query: self.parts.uri.query().unwrap_or_default(),
            if_match: text(header::IF_MATCH),
            if_none_match: text(header::IF_NONE_MATCH),
            body: &self.body,
            base: &self.base,
        }
    }
}

/// A tenant's directory.
pub(crate) async fn open(services: &Services, tenant: &TenantId) -> Result<Arc<Directory>, Problem> {
    open_in(&services.inner.directories, &services.inner.store, tenant).await
}

/// The same for who has no services.
pub(crate) async fn open_in(
    directories: &Arc<Directories>,
    store: &Arc<dyn Store>,
    tenant: &TenantId,
) -> Result<Arc<Directory>, Problem> {
    if let Some(directory) = directories.get(tenant) {
        return Ok(directory);
    }
    let (directories, store, tenant) = (directories.clone(), store.clone(), tenant.clone());
    blocking(move || directories.open(store.as_ref(), &tenant)).await
}

/// The directory's address as the client knows it.
fn base(services: &Services, tenant: &TenantId, headers: &HeaderMap) -> String {
    let origin = match &services.inner.public_url {
        Some(url) => url.clone(),
        None => {
            let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
            host.map(|host| format!("http://{host}")).unwrap_or_default()
        }
    };
    format!("{origin}/tenants/{tenant}/scim/v2")
}

fn respond(mut reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        tracing::error!(answer = ?reply.body, "the directory failed");
    }
    let text = reply.take_text();
    let has_body = text.is_some();
    let body = text.map_or_else(Body::empty, Body::from);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    }
    let fields = [(header::ETAG, reply.etag), (header::LOCATION, reply.location), (header::LINK, reply.link)];
    for (name, value) in fields {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// SCIM clients read SCIM errors.
fn as_scim(problem: &Problem) -> Response {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": problem.status().as_str(),
        "detail": problem.detail(),
    });
    let mut response = (problem.status(), body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    if let Some(seconds) = problem.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = problem.challenge() {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
