//! Pages, single entities and searches.

use crate::client::{self, Client};
use crate::deltas;
use crate::mapping::{self, Path};
use crate::paging::{Facts, Index, Position, Step, step};
use crate::settings::{Paging, Resource};
use gangway_sdk::http::{self, Request, Response};
use gangway_sdk::{AttributeValue, Entity, Error, Page, Problem, Result, log, paging};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// How often a read may start again because the server forgot its cursor.
const RESTARTS: u8 = 3;

/// A list response (RFC 7644 section 3.4.2). The numbers are read leniently: some servers quote them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    #[serde(default)]
    schemas: Value,
    #[serde(default)]
    total_results: Value,
    #[serde(default)]
    items_per_page: Value,
    #[serde(default)]
    next_cursor: Option<String>,
    #[serde(default, borrow, rename = "Resources", alias = "resources")]
    resources: Option<Vec<&'a RawValue>>,
}

impl<'a> List<'a> {
    fn of(response: &'a Response) -> Result<Self> {
        let list: Self = client::borrowed(response)?;
        let total = number(&list.total_results);
        let none = list.resources.is_none();
        // An empty list may leave `Resources` out, but an answer that says nothing at all is no list.
        if none && (total.is_none() || (list.schemas.is_null() && total != Some(0))) {
            return Err(Error::protocol(format!(
                "The system answered GET {} without `Resources`, so it is no SCIM list. Check that the property \
                 `URL` leads to the SCIM 2.0 service.",
                response.url
            ))
            .with_detail("status", response.status)
            .with_detail("url", &response.url)
            .with_detail("body", response.excerpt()));
        }
        Ok(list)
    }

    fn resources(&self) -> &[&'a RawValue] {
        self.resources.as_deref().unwrap_or_default()
    }

    fn facts(&self, asked: u32) -> Facts {
        Facts {
            asked,
            came: self.resources().len(),
            items_per_page: number(&self.items_per_page),
            total: number(&self.total_results),
            next_cursor: self.next_cursor.clone(),
            first: self.resources().first().and_then(|raw| client::entity(raw.get()).ok()).map(|e| e.id),
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// One page.
pub fn page(
    client: &Client,
    by_cursor: impl FnOnce() -> bool,
    (resource, filter): (Resource, Option<&str>),
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page> {
    let mut position = match paging::decode(cursor)? {
        Some(position) => position,
        None => Position::first(by_cursor()),
    };
    let most = limit.min(client.settings().page_size).max(1);
    loop {
        gangway_sdk::system::check_cancelled()?;
        let (request, asked) = request(client, (resource, filter), &position, most);
        let response = request.send()?;
        if let Some(restarted) = forgotten(&position, &response) {
            log::warn(format_args!(
                "the server has forgotten the cursor of a list of type {}: the list is read again from its start",
                resource.entity_type
            ));
            position = restarted;
            continue;
        }
        let response = accept_list(resource, response)?;
        let list = List::of(&response)?;
        let facts = list.facts(asked);
        match step(&position, &facts).map_err(|error| error.with_detail("url", &response.url))? {
            Step::AskAgain(count) => {
                if let Position::Index(index) = &position {
                    position = Position::Index(Index { cap: Some(count), ..index.clone() });
                }
            }
            Step::Take { from, to, next } => {
                let taken = list.resources().get(from..to).unwrap_or_default();
                let next = next.as_ref().map(paging::encode).transpose()?;
                let (entities, problems) = entities(taken);
                return Ok(Page::new(entities, next).with_problems(problems).with_total(facts.total));
            }
        }
    }
}

fn request(
    client: &Client,
    (resource, filter): (Resource, Option<&str>),
    position: &Position,
    most: u32,
) -> (Request, u32) {
    let mut request = client.get(resource.endpoint);
    if let Some(filter) = filter {
        request = request.query("filter", filter);
    }
    match position {
        Position::Index(index) => {
            let count = index.cap.unwrap_or(most).min(most);
            (request.query("startIndex", index.start).query("count", count), count)
        }
        // The empty cursor stands for the first page (RFC 9865 section 2.1).
        Position::Cursor(cursor) => (request.query("cursor", &cursor.value).query("count", most), most),
    }
}

/// Where to go on if the server does not know the cursor any more.
fn forgotten(position: &Position, response: &Response) -> Option<Position> {
    let Position::Cursor(cursor) = position else { return None };
    let error: Value = (response.status == 400).then(|| response.json().ok())??;
    let kind = error.get("scimType").and_then(Value::as_str)?;
    if !matches!(kind, "invalidCursor" | "expiredCursor")
        || cursor.value.is_empty()
        || cursor.restarts >= RESTARTS
    {
        return None;
    }
    let mut restarted = Position::first(true);
    if let Position::Cursor(first) = &mut restarted {
        first.restarts = cursor.restarts + 1;
    }
    Some(restarted)
}

fn accept_list(resource: Resource, response: Response) -> Result<Response> {
    if response.status == 404 {
        let kind = resource.entity_type;
        return Err(Error::configuration(format!(
            "There is nothing at {}. Correct the property `URL`: it must hold the path of the SCIM service too; if \
             the service has no {kind}s, set \"ignore\": true for \"{kind}\" in the transformation.",
            response.url
        ))
        .with_detail("status", response.status)
        .with_detail("url", &response.url));
    }
    client::accept(response)
}

fn entities(resources: &[&RawValue]) -> (Vec<Entity>, Vec<Problem>) {
    let mut entities = Vec::with_capacity(resources.len());
    let mut problems = Vec::new();
    for raw in resources {
        match client::entity(raw.get()) {
            Ok(entity) => entities.push(entity),
            Err(error) => problems.push(Problem::new(error)),
        }
    }
    (entities, problems)
}

/// Whether lists are to be paged by cursor, asking the service if the settings leave it open.
pub fn pages_by_cursor(client: &Client, provider: impl FnOnce() -> Provider) -> bool {
    match client.settings().paging {
        Paging::Index => false,
        Paging::Cursor => true,
        Paging::Auto => {
            provider().config.pointer("/pagination/cursor").and_then(Value::as_bool) == Some(true)
        }
    }
}

/// What the service says it can do (RFC 7644 section 4).
#[derive(Clone, Debug, Default)]
pub struct Provider {
    /// Its configuration; null if it does not say.
    pub config: Value,
    /// The types of which it tells what was deleted.
    pub deleted: Vec<&'static str>,
}

/// Asks the service what it can do.
pub fn service_provider_config(client: &Client) -> Provider {
    let answer = client.get("ServiceProviderConfig").send().and_then(client::accept);
    let read = |response: Response| {
        let types = ["user", "group"].into_iter();
        let deleted = types.filter(|t| Resource::of(t).is_ok_and(|r| deltas::tells_deleted(&response, r)));
        Ok(Provider { deleted: deleted.collect(), config: response.json()? })
    };
    match answer.and_then(read) {
        Ok(provider) => provider,
        Err(error) => {
            log::debug(format_args!("the service does not say what it can do: {error}"));
            Provider::default()
        }
    }
}

/// Single entities.
pub fn by_ids(client: &Client, resource: Resource, ids: &[String]) -> Vec<Result<Entity>> {
    let requests: Vec<Request> = ids.iter().map(|id| client.get(&client::path_of(resource, id))).collect();
    let answers = http::send_many(&requests);
    ids.iter().zip(answers).map(|(id, answer)| client::one_entity(resource, id, answer)).collect()
}

/// The entities that hold all the values.
pub fn find(
    client: &Client,
    resource: Resource,
    attributes: &[AttributeValue],
    limit: u32,
) -> Result<Vec<Entity>> {
    let wanted = attributes
        .iter()
        .map(|wanted| Ok((Path::parse(&wanted.attribute)?, wanted)))
        .collect::<Result<Vec<_>>>()?;
    if wanted.is_empty() {
        return Err(Error::configuration(
            "No unique attribute was given to search by. Set `scim.user.unique.attribute` or \
             `scim.group.unique.attribute`.",
        ));
    }
    let request = client
        .get(resource.endpoint)
        .query("filter", mapping::filter(&wanted))
        .query("startIndex", 1)
        .query("count", limit.max(1));
    let response = accept_list(resource, request.send()?)?;
    let list = List::of(&response)?;
    let mut found = Vec::new();
    for raw in list.resources() {
        let known: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        // A server that passes over a filter would offer a stranger's account to be overwritten.
        let stranger = wanted.iter().find(|(path, wanted)| !path.holds(&known, &wanted.value));
        match stranger {
            None => found.push(client::entity(raw.get())?),
            Some((path, _)) => log::warn(format_args!(
                "the server answered a search by `{}` with a {} that does not have the value: it is left out",
                path.in_filter(),
                resource.entity_type
            )),
        }
    }
    found.truncate(limit as usize);
    Ok(found)
}
