use crate::problem::Problem;
use crate::routes::{Doc, routes};
use crate::scim;
use crate::services::Services;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// How long a request may take that waits for nobody outside.
const PATIENCE: Duration = Duration::from_secs(60);

/// The whole HTTP interface of an engine.
pub fn router(services: Services) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let Doc { open, patient, .. } = route.doc;
        let mut handler = route.handler;
        if !patient {
            handler = handler.layer(from_fn(in_time));
        }
        if !open {
            handler = handler.layer(from_fn_with_state(services.clone(), signed_in));
        }
        router = router.route(route.path, handler);
    }
    router
        .route("/tenants/{tenant}/scim/v2", any(scim::serve).layer(from_fn(in_time)))
        .route("/tenants/{tenant}/scim/v2/", any(scim::serve).layer(from_fn(in_time)))
        .route("/tenants/{tenant}/scim/v2/{*path}", any(scim::serve).layer(from_fn(in_time)))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(traced))
        .with_state(services)
}

async fn signed_in(State(services): State<Services>, request: Request, next: Next) -> Response {
    match services.inner.guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-slow",
            "The engine is too busy",
            format!("the request was not answered within {} s", PATIENCE.as_secs()),
        )
        .action("repeat it later; a change may have been made")
        .into_response(),
    }
}

/// One span for each request. The path is the route's: identifiers in URLs belong to people.
async fn traced(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    let tenant = tenant(request.uri().path()).to_owned();
    let span = tracing::info_span!("request", method = %request.method(), route, tenant);
    let response = next.run(request).instrument(span.clone()).await;
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    span.in_scope(|| {
        if status >= 500 && status != 501 {
            tracing::warn!(status, micros, "answered");
        } else {
            tracing::debug!(status, micros, "answered");
        }
    });
    response
}

/// The tenant in a path, if it can be one.
fn tenant(path: &str) -> &str {
    let mut parts = path.split('/').skip_while(|part| *part != "tenants");
    let name = parts.nth(1).unwrap_or_default();
    if gangway_model::TenantId::parse(name).is_ok() { name } else { "" }
}

async fn nothing_here(request: Request) -> Problem {
    Problem::not_found("address", request.uri().path()).action("see /api/openapi.json")
}

async fn not_allowed(method: Method, request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "Not possible here",
        format!("{method} is not possible on {:?}", request.uri().path()),
    )
    .action("see /api/openapi.json")
}
