//! What the tests share: systems, an egress with short waits, names that resolve as told.

use futures_util::future::BoxFuture;
use gangway_egress::{Egress, EgressConfig, HttpRequest, Lookup, SystemEgress};
use gangway_model::ports::Clock;
use gangway_model::{Property, Role, System};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) const CANARY: &str = "canary-7f3a91c2";

struct Fixed;
impl Clock for Fixed {
    fn now_ms(&self) -> u64 {
        784_111_777_000
    }
}

#[derive(Default)]
pub(crate) struct Names(pub(crate) HashMap<String, Vec<IpAddr>>);
impl Names {
    pub(crate) fn of(names: &[(&str, &[&str])]) -> Arc<Self> {
        let names = names.iter().map(|(name, addresses)| {
            ((*name).to_owned(), addresses.iter().map(|a| a.parse().unwrap()).collect())
        });
        Arc::new(Self(names.collect()))
    }
}
impl Lookup for Names {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = self.0.get(&host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

pub(crate) fn config() -> EgressConfig {
    let mut config = EgressConfig::new(Arc::new(Fixed));
    config.jitter = Arc::new(|| 1.0);
    config.limits.backoff = Duration::from_millis(10);
    config.limits.throttle = Duration::from_millis(10);
    config.limits.breaker_pause = Duration::from_millis(400);
    config.limits.connect = Duration::from_secs(2);
    config.lookup = Names::of(&[]);
    config
}

/// A system that may reach loopback.
pub(crate) fn system(url: &str, properties: &[(&str, &str)]) -> System {
    let mut system = System {
        tenant: "t".into(),
        id: "s-1".into(),
        name: "crew list".to_owned(),
        description: String::new(),
        role: Role::Target,
        system_type: None,
        plugin: "scim2".into(),
        enabled: true,
        sources: Vec::new(),
        properties: properties
            .iter()
            .map(|(key, value)| {
                let secret = ["Password", "Token", "ClientKey"].contains(key) || value.contains(CANARY);
                ((*key).to_owned(), Property { value: (*value).to_owned(), secret })
            })
            .collect(),
        grants: Default::default(),
        read: None,
        write: None,
    };
    system.properties.insert("URL".to_owned(), Property::plain(url));
    system.grants.addresses.push("127.0.0.1".to_owned());
    system
}

pub(crate) fn open_with(config: EgressConfig, system: &System) -> Arc<SystemEgress> {
    Egress::new(config).for_system(system, Arc::new(AtomicBool::new(false))).unwrap()
}

pub(crate) fn open(system: &System) -> Arc<SystemEgress> {
    open_with(config(), system)
}

pub(crate) fn get(url: impl Into<String>) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        auth: "none".into(),
        idempotent: true,
        ..HttpRequest::default()
    }
}

pub(crate) fn post(url: impl Into<String>, body: &str) -> HttpRequest {
    HttpRequest { method: "POST".into(), body: body.into(), idempotent: false, ..get(url) }
}

/// With the system's credentials.
pub(crate) fn authenticated(url: impl Into<String>) -> HttpRequest {
    HttpRequest { auth: "system".into(), ..get(url) }
}
