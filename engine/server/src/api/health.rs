use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// The process answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// The engine takes work.
pub(crate) async fn ready(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    if *services.closing().borrow() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting-down",
            "The engine goes down",
            "the engine is shutting down",
        ));
    }
    services.stored(|store| store.setting("ready").map(|_| ())).await?;
    Ok(Json(json!({ "status": "ready" })))
}

/// The description of the API.
pub(crate) async fn openapi() -> Json<Value> {
    Json(crate::openapi::document())
}
