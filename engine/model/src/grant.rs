use serde::{Deserialize, Serialize};

/// What the administrator allows one system: the second of the two keys. Empty denies.
///
/// Scheme, host and port of the system's own `URL` (and of `OAuth2TokenServiceURL`, for the host's
/// own token requests) are allowed by configuring them; everything else stands here.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Grants {
    /// Further HTTP origins.
    pub http: Vec<HttpGrant>,
    /// Further stream endpoints.
    pub connection: Vec<ConnectionGrant>,
    /// Files by name.
    pub files: Vec<FileGrant>,
    /// Resolve identifiers through the relations of the tenant.
    pub relations: bool,
    /// Keep small values between runs.
    pub state: bool,
    /// Addresses otherwise refused after resolution (loopback, private, link-local): IP addresses or
    /// CIDR blocks such as `127.0.0.1` or `10.0.0.0/8`.
    pub addresses: Vec<String>,
    /// Send secrets over streams without TLS (an LDAP bind over plain `ldap://`). For tests.
    pub plaintext_secrets: bool,
}

/// An HTTP origin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// `https://host[:port]`, without a path. No wildcards.
    pub origin: String,
}

/// A stream endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionGrant {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A file of the engine's machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileGrant {
    /// The name the plugin sees, such as `users`.
    pub name: String,
    /// Absolute path. The plugin never sees it.
    pub path: String,
    /// Whether the plugin may replace it.
    #[serde(default)]
    pub write: bool,
}
