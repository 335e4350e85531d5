use crate::cancel::Cancel;
use crate::config::EgressConfig;
use crate::credentials::{credentials, secret_values};
use crate::exchange::Exchange;
use crate::pacing::{Pacer, lock};
use crate::policy::Policy;
use crate::resolver::CheckedResolver;
use crate::secret::{Mask, Secret};
use crate::settings::Settings;
use crate::system::{Inner, SystemEgress};
use crate::tls;
use crate::token::TokenCache;
use gangway_model::ports::Reading;
use gangway_model::{Grants, PluginError, Property, System, SystemId, TenantId, code};
use rustls::ClientConfig;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What the engine calls itself; a plugin may give another name.
const USER_AGENT: &str = concat!("gangway/", env!("CARGO_PKG_VERSION"));

type Key = (TenantId, SystemId);

/// The configuration that an [`Inner`] was made from: equal ones share it.
#[derive(PartialEq)]
struct Configured {
    name: String,
    properties: BTreeMap<String, Property>,
    grants: Grants,
}

struct Known {
    configured: Configured,
    inner: Arc<Inner>,
}

/// The way out of the process, one for all systems and jobs. It keeps what must be shared between
/// them: the pace of each system, its connections, its token.
pub struct Egress {
    config: EgressConfig,
    known: Mutex<HashMap<Key, Known>>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").finish_non_exhaustive()
    }
}

impl Egress {
    /// With nothing open yet.
    pub fn new(config: EgressConfig) -> Self {
        Self { config, known: Mutex::new(HashMap::new()) }
    }

    /// The way out for a system as it is configured now. Once `cancelled` is set, waits end with
    /// `cancelled`. The error names the property or grant that cannot be used.
    pub fn for_system(
        &self,
        system: &System,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Arc<SystemEgress>, PluginError> {
        let key = (system.tenant.clone(), system.id.clone());
        let cancel = Cancel(cancelled);
        let mut known = lock(&self.known);
        let before = known.get(&key);
        if let Some(same) = before.filter(|known| {
            known.configured.name == system.name
                && known.configured.properties == system.properties
                && known.configured.grants == system.grants
        }) {
            return Ok(Arc::new(SystemEgress {
                inner: same.inner.clone(),
                cancel,
                reading: Reading::default(),
            }));
        }
        let pacer = before.map(|known| known.inner.exchange.pacer.clone());
        let inner = Arc::new(self.open(system, pacer)?);
        let configured = Configured {
            name: system.name.clone(),
            properties: system.properties.clone(),
            grants: system.grants.clone(),
        };
        known.insert(key, Known { configured, inner: inner.clone() });
        Ok(Arc::new(SystemEgress { inner, cancel, reading: Reading::default() }))
    }

    /// Forgets a system that was deleted; who still uses it goes on.
    pub fn forget(&self, tenant: &TenantId, system: &SystemId) {
        lock(&self.known).remove(&(tenant.clone(), system.clone()));
    }

    fn open(&self, system: &System, pacer: Option<Arc<Pacer>>) -> Result<Inner, PluginError> {
        let policy = Arc::new(Policy::of(system)?);
        let settings = Settings::of(system)?;
        let (credentials, identity) = credentials(system);
        let resolver = CheckedResolver { lookup: self.config.lookup.clone(), policy: policy.clone() };
        let alpn: &[&[u8]] = &[b"h2", b"http/1.1"];
        let plain = self.client(tls::configuration(system, None, alpn)?, &resolver, &settings)?;
        let identified = match identity {
            None => plain.clone(),
            Some(identity) => {
                self.client(tls::configuration(system, Some(identity), alpn)?, &resolver, &settings)?
            }
        };
        if system.flag("TrustAll", false) {
            tracing::warn!(
                system = %system.name, tenant = %system.tenant,
                "TrustAll is set: the certificates of this system's servers are not checked; anyone on the way can \
                 read and change what is sent. For tests only"
            );
        }
        // The pace outlives a change of other properties: the system still rests if it asked to.
        let pacer = pacer
            .filter(|pacer| pacer.limit() == settings.concurrency && pacer.rate() == settings.rate)
            .unwrap_or_else(|| Arc::new(Pacer::new(settings.concurrency, settings.rate, self.config.limits)));
        let mask = secret_values(system);
        Ok(Inner {
            stream_tls: Arc::new(tls::configuration(system, None, &[])?),
            resolver,
            secrets: system
                .properties
                .iter()
                .map(|(key, property)| (key.clone(), Secret::new(&property.value)))
                .collect(),
            exchange: Exchange {
                system: system.name.clone(),
                policy,
                settings,
                credentials,
                mask: Mask::of(mask.iter().map(String::as_str)),
                plain,
                identified,
                tokens: TokenCache::default(),
                pacer,
                config: self.config.clone(),
                echo_reported: AtomicBool::new(false),
            },
        })
    }

    fn client(
        &self,
        tls: ClientConfig,
        resolver: &CheckedResolver,
        settings: &Settings,
    ) -> Result<reqwest::Client, PluginError> {
        let limits = &self.config.limits;
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(resolver.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(USER_AGENT)
            .connect_timeout(limits.connect)
            .pool_idle_timeout(limits.idle)
            .pool_max_idle_per_host(settings.concurrency)
            .http2_adaptive_window(true)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| {
                PluginError::new(code::INTERNAL, format!("the HTTP client cannot be made: {error}"))
            })
    }
}
