//! A tenant's directory over HTTP.

use crate::extract::{self, too_large};
use crate::limits::Admission;
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gangway_directory::{Call, Directory, MAX_BODY, Reply};
use gangway_model::TenantId;
use serde_json::json;
use std::sync::Arc;

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
    let quick = directory.is_quick(parts.method.as_str(), &below, parts.uri.query().unwrap_or_default());
    let answer = move || {
        let text = |name| parts.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        Ok(directory.call(&Call {
            method: parts.method.as_str(),
            path: &below,
            query: parts.uri.query().unwrap_or_default(),
            if_match: text(header::IF_MATCH),
            if_none_match: text(header::IF_NONE_MATCH),
            body: &body,
            base: &base,
        }))
    };
    // What takes microseconds is not worth another thread.
    let reply = if quick { answer()? } else { blocking(answer).await? };
    Ok(respond(reply))
}

/// A tenant's directory.
pub(crate) async fn open(services: &Services, tenant: &TenantId) -> Result<Arc<Directory>, Problem> {
    if let Some(directory) = services.inner.directories.get(tenant) {
        return Ok(directory);
    }
    let (services, tenant) = (services.clone(), tenant.clone());
    blocking(move || services.inner.directories.open(services.inner.store.as_ref(), &tenant)).await
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

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        tracing::error!(answer = ?reply.body, "the directory failed");
    }
    let body = match &reply.body {
        Some(body) => Body::from(body.to_string()),
        None => Body::empty(),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    if reply.body.is_some() {
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
