use crate::api::systems::find;
use crate::extract::{self, Body, Path, Query};
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::records::{self, Recurring, SCHEDULES};
use gangway_model::{JobType, Role, System, TenantId};
use gangway_schedule::{PeriodBody, Schedule, TimeZone, time_zone};
use serde::Deserialize;
use serde_json::{Value, json};

/// Points that are shown, if the client does not say.
const DEFAULT_COUNT: usize = 5;
/// And at most.
const MAX_COUNT: usize = 100;
/// What is said of a schedule that starts nothing.
const INACTIVE: &str = "saved, but not active: it starts no job until it is turned on";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleBody {
    #[serde(rename = "type", default = "read")]
    kind: JobType,
    #[serde(default)]
    every: Option<String>,
    #[serde(default)]
    weekdays: Option<Vec<String>>,
    #[serde(default)]
    time: Option<String>,
    /// As it was, or off, if not given.
    #[serde(default)]
    active: Option<bool>,
}

fn read() -> JobType {
    JobType::Read
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    count: Option<usize>,
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(Count { count }): Query<Count>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let (all, systems, settings) = services
        .of_tenant(&tenant, |store| {
            let all: Vec<(String, Recurring)> = records::all(store, SCHEDULES)?;
            Ok((all, store.systems()?, records::settings(store)?))
        })
        .await?;
    let now = services.inner.clock.now_ms();
    let views = systems.iter().filter_map(|system| {
        let (_, recurring) = all.iter().find(|(source, _)| source == system.id.as_str())?;
        Some(view(system, recurring, &settings.time_zone, now, count))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "schedules": views })))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Query(Count { count }): Query<Count>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let system = find(&services, &tenant, &system).await?;
    show(&services, &tenant, &system, count).await
}

pub(crate) async fn replace(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Body(body): Body<ScheduleBody>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    let refuse = |wrong| {
        Problem::refused_body(&format!("the schedule of {:?}", system.name), wrong)
            .tenant(tenant.as_str())
            .system(system.name.as_str())
    };
    if system.role != Role::Source {
        return Err(refuse(vec![("", "only a source system has a schedule".to_owned())]));
    }
    let rules = &services.inner.schedules;
    if let Some(why) = rules.forbids(body.kind) {
        return Err(refuse(vec![("/type", why)]));
    }
    let period = PeriodBody { every: body.every, weekdays: body.weekdays, time: body.time };
    let period = period.check(rules.minimum_seconds).map_err(refuse)?;
    let (now, kind, active) = (services.inner.clock.now_ms(), body.kind, body.active);
    change(&services, &tenant, &system, move |old| {
        let old = old.map(|old| old.schedule);
        let active = active.unwrap_or(old.as_ref().is_some_and(|old| old.active));
        // The grid stays if nothing that makes it changes.
        let same = old.filter(|old| old.period == period && old.active == active);
        let since_ms = same.map_or(now, |old| old.since_ms);
        Ok(Some(Recurring { kind, schedule: Schedule { period, active, since_ms } }))
    })
    .await?;
    show(&services, &tenant, &system, None).await
}

pub(crate) async fn delete(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    let gone = change(&services, &tenant, &system, |_| Ok(None)).await;
    gone.map(|()| StatusCode::NO_CONTENT)
}

pub(crate) async fn on(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    switch(services, tenant, system, true).await
}

pub(crate) async fn off(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    switch(services, tenant, system, false).await
}

async fn switch(
    services: Services,
    tenant: String,
    system: String,
    active: bool,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    let now = services.inner.clock.now_ms();
    let missing = none(&tenant, &system);
    change(&services, &tenant, &system, move |old| {
        let Some(mut recurring) = old else { return Err(missing) };
        if recurring.schedule.active != active {
            recurring.schedule = Schedule { active, since_ms: now, ..recurring.schedule };
        }
        Ok(Some(recurring))
    })
    .await?;
    show(&services, &tenant, &system, None).await
}

/// Changes the schedule of a source, and tells the scheduler.
async fn change(
    services: &Services,
    tenant: &TenantId,
    system: &System,
    change: impl FnOnce(Option<Recurring>) -> Result<Option<Recurring>, Problem> + Send + 'static,
) -> Result<(), Problem> {
    let (source, id) = (system.id.clone(), tenant.clone());
    let (store, scheduler) = (services.store().clone(), services.inner.scheduler.clone());
    blocking(move || {
        let store = store.tenant(&id)?;
        let new = change(records::recurring(store.as_ref(), &source)?)?;
        records::set_recurring(store.as_ref(), &source, new.as_ref())?;
        Ok(scheduler.reload(&id)?)
    })
    .await
}

async fn show(
    services: &Services,
    tenant: &TenantId,
    system: &System,
    count: Option<usize>,
) -> Result<Json<Value>, Problem> {
    let source = system.id.clone();
    let (recurring, settings) = services
        .of_tenant(tenant, move |store| Ok((records::recurring(store, &source)?, records::settings(store)?)))
        .await?;
    let recurring = recurring.ok_or_else(|| none(tenant, system))?;
    view(system, &recurring, &settings.time_zone, services.inner.clock.now_ms(), count).map(Json)
}

fn none(tenant: &TenantId, system: &System) -> Problem {
    Problem::not_found("schedule of", &system.name)
        .action("save one first: PUT …/systems/{system}/schedule")
        .tenant(tenant.as_str())
        .system(system.name.as_str())
}

fn view(
    system: &System,
    recurring: &Recurring,
    zone_name: &str,
    now: u64,
    count: Option<usize>,
) -> Result<Value, Problem> {
    let zone: TimeZone = time_zone(zone_name).map_err(Problem::internal)?;
    let schedule = &recurring.schedule;
    let count = count.unwrap_or(DEFAULT_COUNT).clamp(1, MAX_COUNT);
    let next = if schedule.active { schedule.upcoming(now, &zone, count) } else { Vec::new() };
    let mut notices: Vec<String> = schedule.period.warning().into_iter().collect();
    if !schedule.active {
        notices.push(INACTIVE.to_owned());
    } else if !system.enabled {
        notices.push(format!("active, but source {:?} is disabled: its jobs are not started", system.name));
    }
    let mut view = json!({
        "source": system.id,
        "sourceName": system.name,
        "type": recurring.kind,
        "active": schedule.active,
        "timeZone": zone_name,
        "notices": notices,
        "next": next,
    });
    let period = serde_json::to_value(schedule.period.body()).unwrap_or_default();
    if let (Value::Object(view), Value::Object(period)) = (&mut view, period) {
        view.extend(period);
    }
    Ok(view)
}
