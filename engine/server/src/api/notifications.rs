use crate::api::systems::find;
use crate::extract::{self, Body, Caller, Path};
use crate::outbox::{self, OUTBOX, SUBSCRIPTIONS, Waiting};
use crate::problem::Problem;
use crate::services::Services;
use crate::system::MASK;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::records::{self, record};
use gangway_model::{Role, System, TenantId};
use gangway_notify::{Channel, MailServer, Subscription, mail_server};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Mail,
    Webhook,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSubscription {
    #[serde(default)]
    name: String,
    channel: Kind,
    /// Of a mail; the caller's own if it is not given.
    #[serde(default)]
    address: Option<String>,
    /// Of a webhook.
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

fn view(subscription: &Subscription) -> Value {
    let mut view = serde_json::to_value(&subscription.channel).unwrap_or_default();
    if let Some(map) = view.as_object_mut() {
        if map.contains_key("secret") {
            map.insert("secret".to_owned(), json!(MASK));
        }
        map.insert("id".to_owned(), json!(subscription.id));
        map.insert("name".to_owned(), json!(subscription.name));
    }
    view
}

async fn stored(services: &Services, system: &System) -> Result<Vec<Subscription>, Problem> {
    let key = system.id.to_string();
    let found = services.of_tenant(&system.tenant, move |store| records::find(store, SUBSCRIPTIONS, &key));
    Ok(found.await?.unwrap_or_default())
}

async fn store(services: &Services, system: &System, list: Vec<Subscription>) -> Result<(), Problem> {
    let key = system.id.to_string();
    let change = move |store: &dyn gangway_store::TenantStore| {
        store.put_records(&[record(SUBSCRIPTIONS, &key, Some(&list))?])
    };
    services.of_tenant(&system.tenant, change).await
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let system = find(&services, &tenant, &system).await?;
    let list: Vec<Value> = stored(&services, &system).await?.iter().map(view).collect();
    Ok(Json(json!({ "subscriptions": list })))
}

pub(crate) async fn subscribe(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    caller: Caller,
    Body(body): Body<NewSubscription>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    let what = format!("the subscription to {:?}", system.name);
    if system.role != Role::Source {
        return Err(Problem::refused_body(
            &what,
            vec![("", "only the jobs of a source can be subscribed to".to_owned())],
        ));
    }
    let channel = match body.channel {
        Kind::Mail => Channel::Mail { address: body.address.unwrap_or(caller.0) },
        Kind::Webhook => Channel::Webhook {
            url: body.url.unwrap_or_default(),
            secret: body.secret.unwrap_or_default(),
            addresses: body.addresses,
        },
    };
    let wrong = channel.check();
    if !wrong.is_empty() {
        return Err(Problem::refused_body(&what, wrong).tenant(tenant.as_str()).system(system.name));
    }
    let mut list = stored(&services, &system).await?;
    if list.iter().any(|known| same(&known.channel, &channel)) {
        return Err(Problem::conflict(format!("there is such a subscription to {:?} already", system.name))
            .action("remove it first")
            .tenant(tenant.as_str())
            .system(system.name));
    }
    let made = Subscription { id: services.inner.ids.next().to_string(), name: body.name, channel };
    let shown = view(&made);
    list.push(made);
    store(&services, &system, list).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

fn same(one: &Channel, other: &Channel) -> bool {
    match (one, other) {
        (Channel::Mail { address: one }, Channel::Mail { address: other }) => one.eq_ignore_ascii_case(other),
        (Channel::Webhook { url: one, .. }, Channel::Webhook { url: other, .. }) => one == other,
        _ => false,
    }
}

pub(crate) async fn unsubscribe(
    State(services): State<Services>,
    Path((tenant, system, subscription)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    let mut list = stored(&services, &system).await?;
    let count = list.len();
    list.retain(|known| known.id != subscription);
    if list.len() == count {
        return Err(Problem::not_found("subscription", &subscription)
            .action("see GET …/subscriptions")
            .tenant(tenant.as_str())
            .system(system.name));
    }
    store(&services, &system, list).await.map(|()| StatusCode::NO_CONTENT)
}

/// Messages that wait or were given up.
pub(crate) async fn waiting(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let list: Vec<(String, Waiting)> =
        services.of_tenant(&tenant, |store| records::all(store, OUTBOX)).await?;
    let list: Vec<Value> = list
        .into_iter()
        .map(|(id, waiting)| {
            let to = match &waiting.channel {
                Channel::Mail { address } => address,
                Channel::Webhook { url, .. } => url,
            };
            json!({
                "id": id,
                "job": waiting.job,
                "to": to,
                "subject": waiting.message.subject,
                "createdMs": waiting.created_ms,
                "attempts": waiting.attempts,
                "nextMs": waiting.next_ms,
                "error": waiting.error,
            })
        })
        .collect();
    Ok(Json(json!({ "notifications": list })))
}

/// Tries all of them now.
pub(crate) async fn retry(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let count = retry_all(&services, &tenant).await?;
    Ok(Json(json!({ "notifications": count })))
}

async fn retry_all(services: &Services, tenant: &TenantId) -> Result<usize, Problem> {
    let now = services.inner.clock.now_ms();
    let count = services.of_tenant(tenant, move |store| outbox::retry(store, now)).await?;
    services.inner.deliver(tenant);
    Ok(count)
}

pub(crate) async fn server(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let server = outbox::mail_server(&services).await?;
    server
        .map(|server| Json(shown(&server)))
        .ok_or_else(|| Problem::not_found("setting", "mail server").action("set it: PUT /api/v1/mail-server"))
}

fn shown(server: &MailServer) -> Value {
    let password = server.password.as_ref().map(|_| MASK);
    json!({ "url": server.url, "user": server.user, "password": password, "from": server.from })
}

/// What waits is tried at once: this may be what it waited for.
pub(crate) async fn set_server(
    State(services): State<Services>,
    Body(mut server): Body<MailServer>,
) -> Result<Json<Value>, Problem> {
    if server.password.as_deref() == Some(MASK) {
        let old = outbox::mail_server(&services).await?;
        let kept = old.filter(|old| old.url == server.url).and_then(|old| old.password);
        server.password = Some(kept.ok_or_else(|| {
            Problem::refused_body(
                "the mail server",
                vec![("/password", "it is entered again when the server changes".to_owned())],
            )
        })?);
    }
    let wrong = mail_server(&server);
    if !wrong.is_empty() {
        return Err(Problem::refused_body("the mail server", wrong));
    }
    outbox::set_mail_server(&services, Some(&server)).await?;
    for tenant in services.stored(|store| store.tenants()).await? {
        retry_all(&services, &tenant).await?;
    }
    Ok(Json(shown(&server)))
}

pub(crate) async fn remove_server(State(services): State<Services>) -> Result<StatusCode, Problem> {
    outbox::set_mail_server(&services, None).await.map(|()| StatusCode::NO_CONTENT)
}
