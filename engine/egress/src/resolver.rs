//! Names to addresses, checked on the way: what is handed to the connector is exactly what was
//! checked, so a second answer of the name server cannot slip in between.

use crate::config::Lookup;
use crate::policy::Policy;
use gangway_model::{PluginError, code};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The resolver of one system.
#[derive(Clone)]
pub(crate) struct CheckedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) policy: Arc<Policy>,
}

impl CheckedResolver {
    /// The addresses of a host that may be connected to; the error says why there are none.
    pub(crate) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, PluginError> {
        let addresses = self.lookup.lookup(host.to_owned()).await.map_err(|error| {
            PluginError::new(
                code::UNAVAILABLE,
                format!("the name {host} cannot be resolved ({error}): check the host in the URL and the name server"),
            )
            .with("host", host)
        })?;
        let mut refused = None;
        let mut allowed = Vec::with_capacity(addresses.len());
        for address in addresses {
            match self.policy.address(address) {
                Ok(()) => allowed.push(address),
                Err(refusal) => refused = Some((address, refusal)),
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some((address, refusal)) => Err(self.policy.address_denied(host, address, refusal)),
            None => Err(PluginError::new(
                code::UNAVAILABLE,
                format!("the name {host} has no address: check the host in the URL and the name server"),
            )
            .with("host", host)),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = CheckedResolver::resolve(&this, name.as_str()).await?;
            // Port 0 stands for the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
