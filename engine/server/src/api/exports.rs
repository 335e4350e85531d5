use crate::api::eventlog;
use crate::api::jobs::read;
use crate::audit;
use crate::export::{self, LogType};
use crate::extract::{self, Caller, Path, Query};
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use futures_util::stream::unfold;
use gangway_model::{JobId, TenantId};
use gangway_store::{StoreError, TenantStore};
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How much of an archive is sent at a time.
const CHUNK: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// Always `export`.
    action: Option<String>,
    log_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    part: Option<usize>,
}

pub(crate) async fn job(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let tenant = extract::tenant(&tenant)?;
    log(services, tenant, job, caller, wanted).await
}

/// The reference product's address, which names no tenant: the job's identifier is in one only.
pub(crate) async fn by_job(
    State(services): State<Services>,
    Path(job): Path<JobId>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let id = job.clone();
    let tenant = services
        .stored(move |store| {
            for tenant in store.tenants()? {
                if store.tenant(&tenant)?.job(&id)?.is_some() {
                    return Ok(Some(tenant));
                }
            }
            Ok(None)
        })
        .await?;
    let tenant = tenant.ok_or_else(|| Problem::not_found("job", job.as_str()).action("see GET …/jobs"))?;
    log(services, tenant, job, caller, wanted).await
}

async fn log(
    services: Services,
    tenant: TenantId,
    job: JobId,
    caller: Caller,
    wanted: Wanted,
) -> Result<Response, Problem> {
    if let Some(action) = wanted.action.filter(|action| action != "export") {
        return Err(Problem::unreadable(format!("{action:?} is no action: export")));
    }
    let kind = LogType::parse(&wanted.log_type).map_err(Problem::unreadable)?;
    let job = read(&services, &tenant, &job).await?;
    if kind.holds_contents(&job) {
        let object = format!("{} of job {}", wanted.log_type, job.id);
        audit::record(&services, &tenant, &caller, "JOB_CONTENT_READ", &object).await?;
    }
    let name = kind.file_name(&job.id, services.inner.clock.now_ms());
    let inside = name.clone();
    archive(&services, &tenant, &name, move |store, file| export::write(store, &job, kind, &inside, file))
        .await
}

/// The log of an event of real time.
pub(crate) async fn event(
    State(services): State<Services>,
    Path((tenant, event)): Path<(String, JobId)>,
) -> Result<Response, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let id = event.clone();
    let shown = services.of_tenant(&tenant, move |store| eventlog::one(store, &id)).await?;
    let shown = json!(shown.ok_or_else(|| eventlog::unknown(&tenant, &event))?);
    let name = format!("ips_realTimeLog_{event}_{}", export::date_time(services.inner.clock.now_ms()));
    let inside = name.clone();
    archive(&services, &tenant, &name, move |_, file| export::write_event(&shown, &inside, file)).await
}

/// The logs of all jobs, in parts.
pub(crate) async fn all(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(Part { part }): Query<Part>,
) -> Result<Response, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let parts = services.of_tenant(&tenant, export::parts).await?;
    let part = part.unwrap_or(1);
    if part == 0 || part > parts.max(1) {
        return Err(Problem::not_found("part", &part.to_string())
            .action(format!("the logs have {parts} parts"))
            .tenant(tenant.as_str()));
    }
    let name = format!("ips_jobExecutionLogs_{part}_{}", export::date_time(services.inner.clock.now_ms()));
    let mut response =
        archive(&services, &tenant, &name, move |store, file| export::write_part(store, part, file)).await?;
    response.headers_mut().insert("gangway-parts", parts.into());
    Ok(response)
}

/// Writes an archive to a temporary file, and sends it from there.
async fn archive(
    services: &Services,
    tenant: &TenantId,
    name: &str,
    write: impl FnOnce(&dyn TenantStore, &mut File) -> Result<(), StoreError> + Send + 'static,
) -> Result<Response, Problem> {
    let failed = |error: std::io::Error| StoreError::Failed(format!("a temporary file: {error}"));
    let file = services
        .of_tenant(tenant, move |store| {
            let mut file = tempfile::tempfile().map_err(failed)?;
            write(store, &mut file)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            Ok(file)
        })
        .await?;
    let chunks = unfold(file, |mut file| async move {
        let read = blocking(move || {
            let mut chunk = vec![0; CHUNK];
            let read = file.read(&mut chunk).map_err(|error| Problem::internal(error.to_string()))?;
            chunk.truncate(read);
            Ok((chunk, file))
        });
        match read.await {
            Ok((chunk, _)) if chunk.is_empty() => None,
            Ok((chunk, file)) => Some((Ok(Bytes::from(chunk)), file)),
            // The client sees an answer that breaks off, not a short archive.
            Err(problem) => {
                let file = tempfile::tempfile().ok()?;
                Some((Err(std::io::Error::other(problem.detail().to_owned())), file))
            }
        }
    });
    Response::builder()
        .header(CONTENT_TYPE, "application/zip")
        .header(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.zip\""))
        .body(Body::from_stream(chunks))
        .map_err(|error| Problem::internal(error.to_string()))
}
