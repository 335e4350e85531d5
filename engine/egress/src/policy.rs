//! Which servers a system's plugin may speak to: what the system's own properties name, and what the
//! administrator granted beside it. Empty denies.

use crate::address::{AddressGrants, Refusal, decide};
use gangway_model::{ConnectionGrant, Grants, HttpGrant, PluginError, System, code};
use std::net::IpAddr;
use url::{Host, Url};

/// Scheme, host and port of a server that speaks HTTP.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self { https, host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// `host:port`, as error messages name a server.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// As a grant is written: without the port where it is the scheme's own.
    fn text(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            _ => format!("{scheme}://{}:{}", self.host, self.port),
        }
    }

    /// Whether what is sent there cannot be read on the way: over TLS, or inside this machine.
    pub(crate) fn is_confidential(&self) -> bool {
        self.https || is_loopback_name(&self.host)
    }
}

/// A host that is this machine by its very name; other names may resolve to anything.
fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(|address| address.is_loopback())
}

/// The address that a host name is, if it is one: `127.0.0.1`, `[::1]`, `::1`.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Why a server is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// The system's own `URL` (or token service): it gets the credentials.
    Own,
    /// Granted beside it: it gets none.
    Granted,
}

/// The allow-list of one system.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    system: String,
    own: Option<Origin>,
    own_streams: Vec<(String, u16)>,
    http: Vec<Origin>,
    grants: Grants,
    addresses: AddressGrants,
}

impl Policy {
    /// Reads the system's URLs and grants; what cannot be read is an error that names it.
    pub(crate) fn of(system: &System) -> Result<Self, PluginError> {
        let configuration = |text: String| {
            PluginError::new(code::CONFIGURATION, format!("system \"{}\": {text}", system.name))
        };
        let mut own = None;
        let mut own_streams = Vec::new();
        for property in ["URL", "ldap.url"] {
            let Some(text) = system.property(property).map(str::trim).filter(|text| !text.is_empty()) else {
                continue;
            };
            let url = parse_own(text, property).map_err(configuration)?;
            match Origin::of(&url) {
                Some(origin) if property == "URL" => own = Some(origin),
                _ => own_streams.extend(stream_endpoint(&url)),
            }
        }
        let mut http = Vec::with_capacity(system.grants.http.len());
        for grant in &system.grants.http {
            let origin = parse_grant(&grant.origin).map_err(configuration)?;
            http.push(origin);
        }
        let addresses = AddressGrants::parse(&system.grants.addresses)
            .map_err(|text| configuration(format!("grants.addresses: {text}")))?;
        Ok(Self {
            system: system.name.clone(),
            own,
            own_streams,
            http,
            grants: system.grants.clone(),
            addresses,
        })
    }

    /// Whether the administrator allowed secrets on connections that others can read.
    pub(crate) fn plaintext_secrets(&self) -> bool {
        self.grants.plaintext_secrets
    }

    /// Whether a plugin may send requests to this origin.
    pub(crate) fn http(&self, origin: &Origin) -> Result<Scope, PluginError> {
        if self.own.as_ref() == Some(origin) {
            return Ok(Scope::Own);
        }
        if self.http.contains(origin) {
            return Ok(Scope::Granted);
        }
        let mut granted = self.grants.http.clone();
        granted.push(HttpGrant { origin: origin.text() });
        let own = match &self.own {
            Some(own) => format!("its URL property allows {}", own.text()),
            None => "it has no URL property that allows an HTTP origin".to_owned(),
        };
        Err(self.denied(
            format!("HTTP requests to {}", origin.text()),
            &format!("{own}, and grants.http does not name that origin"),
            "http",
            &granted,
        ))
    }

    /// Whether a plugin may open a stream to this host and port.
    pub(crate) fn stream(&self, host: &str, port: u16) -> Result<(), PluginError> {
        let own = self.own_streams.iter().any(|(own, p)| *p == port && own.eq_ignore_ascii_case(host));
        let granted = self
            .grants
            .connection
            .iter()
            .any(|grant| grant.port == port && strip_brackets(&grant.host).eq_ignore_ascii_case(host));
        if own || granted {
            return Ok(());
        }
        let mut grants = self.grants.connection.clone();
        grants.push(ConnectionGrant { host: host.to_owned(), port });
        let own = match self.own_streams.first() {
            Some((host, port)) => format!("its URL property allows {host}:{port}"),
            None => "it has no URL property that allows a stream, such as ldaps://host:636".to_owned(),
        };
        Err(self.denied(
            format!("connections to {host}:{port}"),
            &format!("{own}, and grants.connection does not name that host and port"),
            "connection",
            &grants,
        ))
    }

    /// Whether a connection to this resolved address may be opened.
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Refusal> {
        decide(address, &self.addresses)
    }

    /// Checks a host that is an address already, which no resolver ever sees.
    pub(crate) fn literal_host(&self, url: &Url) -> Result<(), PluginError> {
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            _ => return Ok(()),
        };
        self.address(address).map_err(|refusal| self.address_denied(&address.to_string(), address, refusal))
    }

    /// The error for a host all of whose addresses are refused.
    pub(crate) fn address_denied(&self, host: &str, address: IpAddr, refusal: Refusal) -> PluginError {
        let mut addresses = self.grants.addresses.clone();
        addresses.push(address.to_string());
        let what = match literal(host) {
            Some(_) => format!("connections to {address}, {}", refusal.describe()),
            None => format!("connections to {host}, which resolves to {address}, {}", refusal.describe()),
        };
        self.denied(what, "grants.addresses does not contain that address", "addresses", &addresses)
            .with("address", address.to_string())
    }

    /// The error for credentials that would travel in the clear.
    pub(crate) fn plaintext_denied(&self, what: &str) -> PluginError {
        self.denied(
            format!("{what} without TLS, where it can be read on the way"),
            "use https:// or ldaps:// (or StartTLS), or, for tests only, allow it: grants.plaintextSecrets is not set",
            "plaintextSecrets",
            &true,
        )
    }

    /// The error for credentials asked for at a server that is not the system's own.
    pub(crate) fn credentials_denied(&self, origin: &Origin) -> PluginError {
        let own = self.own.as_ref().map_or_else(|| "no HTTP origin".to_owned(), Origin::text);
        PluginError::new(
            code::DENIED,
            format!(
                "system \"{}\" may not send its credentials to {}: they go to the origin of its URL property \
                 only, which is {own}; send this request with auth \"none\" or change the URL property",
                self.system,
                origin.text()
            ),
        )
    }

    /// What was asked, which key is missing, and the line that gives it.
    fn denied<T: serde::Serialize>(&self, what: String, why: &str, key: &str, value: &T) -> PluginError {
        // Serialising strings, numbers and booleans does not fail.
        let value = serde_json::to_string(value).unwrap_or_default();
        let line = format!("\"{key}\": {value}");
        PluginError::new(
            code::DENIED,
            format!(
                "system \"{}\" may not do this: {what}; {why}. To allow it, an administrator sets this line in \
                 the system's grants: {line}",
                self.system
            ),
        )
        .with("grant", line)
    }
}

fn parse_own(text: &str, property: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("the property {property} is no URL ({error}): write it like https://host or ldaps://host:636")
    })?;
    if url.host_str().unwrap_or_default().is_empty() {
        return Err(format!("the property {property} names no host: write it like https://host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the property {property} carries a user or password: put them into the properties User and Password"
        ));
    }
    Ok(url)
}

fn parse_grant(text: &str) -> Result<Origin, String> {
    let hint = "write it like https://host or https://host:8443, without a path or wildcards";
    let url =
        Url::parse(text).map_err(|error| format!("grants.http: {text:?} is no origin ({error}): {hint}"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    match Origin::of(&url) {
        Some(origin) if bare && anonymous && !origin.host.contains('*') => Ok(origin),
        _ => Err(format!("grants.http: {text:?} is no origin: {hint}")),
    }
}

/// Host and port of a URL of another protocol; only LDAP has a known port.
fn stream_endpoint(url: &Url) -> Option<(String, u16)> {
    let port = match url.scheme() {
        "http" | "https" => return None,
        "ldap" => url.port().unwrap_or(389),
        "ldaps" => url.port().unwrap_or(636),
        _ => url.port()?,
    };
    Some((strip_brackets(url.host_str()?).to_owned(), port))
}

/// An IPv6 address without the brackets that URLs need.
pub(crate) fn strip_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}
