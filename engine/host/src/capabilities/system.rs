//! `gangway:plugin/system`: what a plugin may know of the system it serves.

use crate::bindings::v0_1::gangway::plugin::system::Host;
use crate::guest::GuestState;
use crate::scope::Scope;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

impl Host for GuestState {
    async fn properties(&mut self) -> Vec<(String, String)> {
        visible(&self.scope)
    }

    async fn cancelled(&mut self) -> bool {
        self.scope.cancelled.load(Ordering::Relaxed)
    }
}

/// The system's properties; of secret ones the name only. What the manifest gives a default and the
/// system does not set has the default.
fn visible(scope: &Scope) -> Vec<(String, String)> {
    let mut properties = BTreeMap::new();
    for spec in &scope.properties {
        if let (Some(default), false) = (&spec.default, spec.secret) {
            properties.insert(spec.name.as_str(), default.as_str());
        }
    }
    if let Some(open) = &scope.open {
        for (name, property) in &open.system.properties {
            properties.insert(name, if property.secret { "" } else { &property.value });
        }
    }
    properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
