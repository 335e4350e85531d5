//! A connector for an application with a small REST API. Change it to fit yours:
//!
//! | what | request |
//! |---|---|
//! | a page | `GET /users?offset=0&limit=100`, answered with `{"total": 2, "items": [{"id": "7", …}, …]}` |
//! | one, by id | `GET /users/7` |
//! | some, by value | `GET /users?email=ada@example.com&limit=1` |
//! | writes | `POST /users`, `PUT /users/7`, `PATCH /users/7`, `DELETE /users/7` |
//!
//! The same with `/groups`.

use gangway_sdk::http::{Request, Response, escape, send_many};
use gangway_sdk::{
    AttributeValue, Connector, Entity, Error, Kind, Operation, Outcome, Page, Problem, Result,
    Source, Target, paging, system,
};
use serde::Deserialize;
use serde_json::value::RawValue;

gangway_sdk::plugin! { manifest: "plugin.json", source: Application, target: Application }

/// The application, as its system's properties describe it.
pub struct Application {
    url: String,
    page_size: u32,
}

impl Connector for Application {
    fn open() -> Result<Self> {
        let properties = system::properties();
        let url = properties.required("URL")?.trim_end_matches('/').to_owned();
        let page_size = properties.number("{{name}}.page.size", 100, 1..=1000)? as u32;
        Ok(Application { url, page_size })
    }
}

/// What the application answers to a request for a page. The items stay the text that they are.
#[derive(Deserialize)]
struct List {
    total: Option<u64>,
    items: Vec<Box<RawValue>>,
}

/// What this connector has to know of an item.
#[derive(Deserialize)]
struct Item {
    id: Option<String>,
}

impl Source for Application {
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        let index = paging::Index::from_cursor(cursor)?;
        let response = Request::get(self.collection(entity_type)?)
            .query("offset", index.offset)
            .query("limit", limit.min(self.page_size))
            .send()?
            .accept()?;
        let list: List = response.json()?;
        let next = index.next(list.items.len() as u64, list.total)?;
        let (mut entities, mut problems) = (Vec::new(), Vec::new());
        for item in &list.items {
            match entity(item) {
                Ok(entity) => entities.push(entity),
                Err(error) => problems.push(Problem::new(error)),
            }
        }
        Ok(Page::new(entities, next)
            .with_problems(problems)
            .with_total(list.total))
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.entities(entity_type, ids)
    }
}

impl Target for Application {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        // What cannot be sent fails alone; the rest goes out together, as fast as the system may be asked.
        let requests: Vec<Result<Request>> = operations
            .iter()
            .map(|operation| self.request(operation))
            .collect();
        let sendable: Vec<Request> = requests.iter().flatten().cloned().collect();
        let mut responses = send_many(&sendable).into_iter();
        let outcome = |(operation, request): (&Operation, Result<Request>)| {
            request?;
            let response = responses
                .next()
                .ok_or_else(|| Error::internal("An answer is missing."))??;
            written(operation, response.accept()?)
        };
        Ok(operations
            .iter()
            .zip(requests)
            .map(outcome)
            .map(Outcome::from)
            .collect())
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.entities(entity_type, ids)
    }

    fn find(
        &mut self,
        entity_type: &str,
        attributes: &[AttributeValue],
        limit: u32,
    ) -> Result<Vec<Entity>> {
        let mut request = Request::get(self.collection(entity_type)?);
        for wanted in attributes {
            request = request.query(&wanted.attribute, &wanted.value);
        }
        let list: List = request.query("limit", limit).send()?.accept()?.json()?;
        list.items
            .iter()
            .take(limit as usize)
            .map(|item| entity(item))
            .collect()
    }
}

impl Application {
    fn collection(&self, entity_type: &str) -> Result<String> {
        match entity_type {
            "user" => Ok(format!("{}/users", self.url)),
            "group" => Ok(format!("{}/groups", self.url)),
            _ => Err(Error::unsupported(format!(
                "The application has no entities of the type `{entity_type}`."
            ))),
        }
    }

    fn entities(&self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        let collection = match self.collection(entity_type) {
            Ok(collection) => collection,
            Err(error) => return ids.iter().map(|_| Err(error.clone())).collect(),
        };
        let requests: Vec<_> = ids
            .iter()
            .map(|id| Request::get(format!("{collection}/{}", escape(id))))
            .collect();
        let answer = |(id, response): (&String, Result<Response>)| {
            let response = response?;
            if response.status == 404 {
                return Err(Error::no_entity(entity_type, id));
            }
            entity(response.accept()?.json::<Box<RawValue>>()?.as_ref())
        };
        ids.iter().zip(send_many(&requests)).map(answer).collect()
    }

    fn request(&self, operation: &Operation) -> Result<Request> {
        let collection = self.collection(&operation.entity_type)?;
        let one = || Ok::<_, Error>(format!("{collection}/{}", escape(operation.require_id()?)));
        let request = match operation.kind() {
            Kind::Create => Request::post(&collection),
            Kind::Replace => Request::put(one()?),
            Kind::Patch => Request::patch(one()?),
            Kind::Delete => return Ok(Request::delete(one()?)),
            Kind::Unknown => return Err(operation.unsupported()),
        };
        Ok(request.body("application/json", operation.json.as_str()))
    }
}

/// An item is an entity; its JSON goes on as it came.
fn entity(item: &RawValue) -> Result<Entity> {
    let parsed: Item = serde_json::from_str(item.get()).map_err(|error| {
        Error::protocol(format!("An item of the application is no object: {error}."))
    })?;
    match parsed.id {
        Some(id) if !id.is_empty() => Ok(Entity::new(id, item.get())),
        _ => Err(Error::protocol("An item of the application has no `id`.")),
    }
}

/// What came of an operation that the application accepted.
fn written(operation: &Operation, response: Response) -> Result<Outcome> {
    match (&operation.id, operation.kind()) {
        (_, Kind::Create) => Ok(Outcome::done(
            entity(response.json::<Box<RawValue>>()?.as_ref())?.id,
        )),
        (Some(id), _) => Ok(Outcome::done(id)),
        (None, _) => Err(Error::internal("An operation without identifier was sent.")),
    }
}

#[cfg(test)]
mod tests;
