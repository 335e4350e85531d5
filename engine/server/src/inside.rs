//! The tenant's own directory as a system: requests of its connector are answered here, without a socket.
//!
//! Such a system has no address and no credentials. Its connector is shown an address that no other system
//! can have and no resolver ever sees, and whatever it asks for elsewhere is refused: this is its only way out.

use crate::directories::Directories;
use crate::scim::{self, Ask};
use async_trait::async_trait;
use gangway_directory::{Call, Reply};
use gangway_egress::{HttpRequest, HttpResponse};
use gangway_host::{Host, Interposer};
use gangway_model::ports::{JobContext, Resolver, Source, StateSpace, Systems, Target, Transformation};
use gangway_model::{Grants, PluginError, Property, System, TenantId, code};
use gangway_store::Store;
use std::sync::Arc;

/// The directory's address for its own connector. `.invalid` is nobody's name (RFC 6761).
const BASE: &str = "http://local-identity-directory.invalid/scim/v2";
/// Bytes of an answer, as over the network.
const MAX_ANSWER: usize = 32 << 20;

/// Properties that say where a system is and how to get in. A directory of one's own needs none of them.
pub(crate) const OF_A_CONNECTION: [&str; 9] = [
    "URL",
    "ldap.url",
    "Authentication",
    "User",
    "Password",
    "Token",
    "OAuth2TokenServiceURL",
    "ClientCertificate",
    "ClientKey",
];

/// What such a system cannot have, because it goes nowhere.
pub(crate) fn check<'k>(
    properties: impl Iterator<Item = &'k str>,
    grants: &Grants,
    wrong: &mut impl FnMut(&str, String),
) {
    for key in properties.filter(|key| OF_A_CONNECTION.contains(key)) {
        wrong(
            &format!("/properties/{key}"),
            format!("the tenant's own directory is reached without a connection: remove {key}"),
        );
    }
    let granted = Grants { relations: grants.relations, state: grants.state, ..Grants::default() };
    if *grants != granted {
        wrong(
            "/grants",
            "a system that is the tenant's own directory reaches nothing else: grant relations and state only"
                .to_owned(),
        );
    }
}

/// Opens a tenant's systems; its own directory is reached inside the engine, all others over the network.
pub(crate) fn systems(
    host: &Host,
    tenant: &TenantId,
    state: Arc<dyn StateSpace>,
    store: Arc<dyn Store>,
    directories: Arc<Directories>,
) -> Arc<dyn Systems> {
    let inside = Arc::new(Inside { tenant: tenant.clone(), store, directories });
    Arc::new(Dispatcher {
        network: host.systems(tenant, state.clone()),
        inside: host.systems_through(tenant, state, Some(inside)),
    })
}

struct Dispatcher {
    network: Arc<dyn Systems>,
    inside: Arc<dyn Systems>,
}

#[async_trait]
impl Systems for Dispatcher {
    async fn source(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Source>, PluginError> {
        if system.is_local_directory() {
            return self.inside.source(&addressed(system), job).await;
        }
        self.network.source(system, job).await
    }

    async fn target(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Target>, PluginError> {
        if system.is_local_directory() {
            return self.inside.target(&addressed(system), job).await;
        }
        self.network.target(system, job).await
    }

    async fn read_transformation(
        &self,
        system: &System,
        job: &JobContext,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        self.network.read_transformation(system, job).await
    }

    async fn write_transformation(
        &self,
        system: &System,
        job: &JobContext,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        self.network.write_transformation(system, job, resolver).await
    }
}

/// The system with the address that its connector needs, and without a key to anything else.
fn addressed(system: &System) -> System {
    let mut system = system.clone();
    system.properties.retain(|key, _| !OF_A_CONNECTION.contains(&key.as_str()));
    system.properties.insert("URL".to_owned(), Property::plain(BASE));
    system.grants =
        Grants { relations: system.grants.relations, state: system.grants.state, ..Grants::default() };
    system
}

/// The directory of one tenant, as the only server there is.
struct Inside {
    tenant: TenantId,
    store: Arc<dyn Store>,
    directories: Arc<Directories>,
}

#[async_trait]
impl Interposer for Inside {
    async fn answer(
        &self,
        system: &System,
        request: &HttpRequest,
    ) -> Option<Result<HttpResponse, PluginError>> {
        Some(match below(&request.url) {
            Some((path, query)) => self.ask(system, request, path, query).await,
            None => Err(PluginError::new(
                code::DENIED,
                format!(
                    "system \"{}\" is the directory of tenant {} and reaches nothing else; its connector asked for {:?}",
                    system.name,
                    self.tenant,
                    request.url.chars().take(200).collect::<String>()
                ),
            )),
        })
    }
}

impl Inside {
    async fn ask(
        &self,
        system: &System,
        request: &HttpRequest,
        path: &str,
        query: &str,
    ) -> Result<HttpResponse, PluginError> {
        let failed = |why: String| {
            PluginError::new(
                code::UNAVAILABLE,
                format!("system \"{}\": the directory of tenant {}: {why}", system.name, self.tenant),
            )
        };
        let header = |wanted: &str| {
            let found = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let asked = Asked {
            method: request.method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            body: request.body.clone(),
        };
        let reply = match scim::open_in(&self.directories, &self.store, &self.tenant).await {
            Ok(directory) => scim::carry_out(directory, asked).await,
            Err(problem) => Err(problem),
        };
        let response = response(reply.map_err(|problem| failed(problem.detail().to_owned()))?);
        if response.body.len() > MAX_ANSWER {
            return Err(PluginError::new(
                code::TOO_LARGE,
                format!(
                    "system \"{}\": the directory's answer has {} bytes; at most {MAX_ANSWER} are taken: set a smaller \
                     page size",
                    system.name,
                    response.body.len()
                ),
            ));
        }
        Ok(response)
    }
}

/// A request of the connector.
struct Asked {
    method: String,
    path: String,
    query: String,
    if_match: Option<String>,
    if_none_match: Option<String>,
    body: Vec<u8>,
}

impl Ask for Asked {
    fn call(&self) -> Call<'_> {
        Call {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            if_match: self.if_match.as_deref(),
            if_none_match: self.if_none_match.as_deref(),
            body: &self.body,
            base: BASE,
        }
    }
}

/// Path and query below the directory's address; none for any other address.
fn below(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix(BASE)?;
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path.is_empty() || path.starts_with('/')).then_some((path, query))
}

fn response(mut reply: Reply) -> HttpResponse {
    let mut headers = Vec::new();
    let body = match reply.take_text() {
        Some(text) => {
            headers.push(("content-type".to_owned(), "application/scim+json".to_owned()));
            text.into_bytes()
        }
        None => Vec::new(),
    };
    for (name, value) in [("etag", reply.etag), ("location", reply.location), ("link", reply.link)] {
        headers.extend(value.map(|value| (name.to_owned(), value)));
    }
    HttpResponse { status: reply.status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_directorys_address_is_answered() {
        let inside = |rest: &str| format!("{BASE}{rest}");
        assert_eq!(below(&inside("/Users?count=1#x")), Some(("/Users", "count=1")));
        assert_eq!(below(&inside("")), Some(("", "")));
        assert_eq!(below(&inside("?count=1")), Some(("", "count=1")));
        for elsewhere in [
            inside("x/Users"),
            inside("@evil.example/Users"),
            inside(":80/Users"),
            "http://local-identity-directory.invalid/scim/v3/Users".to_owned(),
            "http://local-identity-directory.invalid@evil.example/scim/v2/Users".to_owned(),
            "https://evil.example/Users".to_owned(),
            String::new(),
        ] {
            assert_eq!(below(&elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_does_not_reach_the_connector() {
        let mut system: System = serde_json::from_value(serde_json::json!({
            "tenant": "t", "id": "1", "name": "D", "role": "source", "type": System::LOCAL_DIRECTORY, "plugin": "scim2",
            "enabled": true,
        }))
        .unwrap_or_else(|error| panic!("{error}"));
        for key in OF_A_CONNECTION {
            system.properties.insert(key.to_owned(), Property::secret("https://evil.example"));
        }
        system.properties.insert("scim.page.size".to_owned(), Property::plain("7"));
        system.grants.addresses.push("127.0.0.1".to_owned());
        system.grants.http.push(gangway_model::HttpGrant { origin: "https://evil.example".to_owned() });
        system.grants.relations = true;
        let addressed = addressed(&system);
        assert_eq!(addressed.grants, Grants { relations: true, ..Grants::default() });
        let shown: Vec<_> = addressed.plain_properties().collect();
        assert_eq!((shown, addressed.properties.len()), (vec![("URL", BASE), ("scim.page.size", "7")], 2));
    }
}
