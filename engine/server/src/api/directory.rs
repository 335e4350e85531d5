use crate::extract::{self, Body, Path};
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::Json;
use axum::body::{Body as Content, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use gangway_directory::{Directory, Kind, Row, RowOutcome, ScimError, Settings};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes of a table that are sent at once.
const CHUNK: usize = 64 * 1024;

/// Whether the tables agree with one another.
pub(crate) async fn check(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let directory = open(&services, &tenant).await?;
    let report = blocking(move || directory.check().map_err(|e| Problem::internal(e.to_string()))).await?;
    Ok(Json(json!(report)))
}

pub(crate) async fn settings(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Settings>, Problem> {
    Ok(Json(open(&services, &tenant).await?.settings()))
}

pub(crate) async fn set_settings(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Body(settings): Body<Settings>,
) -> Result<Json<Settings>, Problem> {
    let directory = open(&services, &tenant).await?;
    blocking(move || {
        directory.set_settings(settings).map_err(refused)?;
        Ok(Json(directory.settings()))
    })
    .await
}

/// Blocks and deletes inactive users now, not at night.
pub(crate) async fn apply_inactivity(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let directory = open(&services, &tenant).await?;
    let (blocked, deleted) = blocking(move || directory.apply_inactivity().map_err(refused)).await?;
    Ok(Json(json!({ "blocked": blocked, "deleted": deleted })))
}

/// Takes a table of users or groups in.
pub(crate) async fn import(
    State(services): State<Services>,
    Path((tenant, kind)): Path<(String, String)>,
    table: Bytes,
) -> Result<Json<Value>, Problem> {
    let kind = kind_of(&kind)?;
    let directory = open(&services, &tenant).await?;
    let rows = blocking(move || directory.import(kind, &table).map_err(refused)).await?;
    let count = |f: &dyn Fn(&RowOutcome) -> bool| rows.iter().filter(|row: &&Row| f(&row.outcome)).count();
    Ok(Json(json!({
        "created": count(&|o| *o == RowOutcome::Created),
        "updated": count(&|o| *o == RowOutcome::Updated),
        "failed": count(&|o| matches!(o, RowOutcome::Failed { .. })),
        "rows": rows,
    })))
}

/// All users or groups as a table, row by row.
pub(crate) async fn export(
    State(services): State<Services>,
    Path((tenant, kind)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let kind = kind_of(&kind)?;
    let directory = open(&services, &tenant).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut out = std::io::BufWriter::with_capacity(CHUNK, Sender(sender.clone()));
        let written = directory.export(kind, &mut out).map_err(|e| e.detail);
        if let Err(error) = written.and_then(|()| out.flush().map_err(|e| e.to_string())) {
            tracing::warn!(error, "an export broke off");
            // The client must not take half a table for a whole one.
            let _ = sender.blocking_send(Err(std::io::Error::other(error)));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((StatusCode::OK, headers, Content::from_stream(chunks)).into_response())
}

struct Sender(mpsc::Sender<std::io::Result<Vec<u8>>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn kind_of(text: &str) -> Result<Kind, Problem> {
    match text {
        "users" => Ok(Kind::User),
        "groups" => Ok(Kind::Group),
        _ => Err(Problem::not_found("table", text).action("ask for users or groups")),
    }
}

async fn open(services: &Services, tenant: &str) -> Result<Arc<Directory>, Problem> {
    crate::scim::open(services, &extract::tenant(tenant)?).await
}

fn refused(error: ScimError) -> Problem {
    if error.status >= 500 {
        Problem::internal(error.detail)
    } else {
        Problem::invalid(error.detail, Vec::new())
    }
}
