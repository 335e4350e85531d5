use super::{Case, tenant};
use crate::{PluginRecord, PluginVersion, Store};
use gangway_model::{Manifest, PluginId};

pub(super) const CASES: &[Case] =
    &[("plugins come back as they were put", come_back), ("components of any size", components)];

fn record(id: &str) -> PluginRecord {
    let manifest = Manifest {
        interface: "0.1".to_owned(),
        name: id.to_owned(),
        version: "1.0.0".to_owned(),
        title: String::new(),
        description: String::new(),
        publisher: String::new(),
        capabilities: Vec::new(),
        entity_types: vec!["user".to_owned()],
        group_assignment: false,
        properties: Vec::new(),
    };
    let version = PluginVersion { digest: "ab".to_owned(), loaded_ms: 1, manifest };
    PluginRecord { id: PluginId::new(id), versions: vec![version], current: "ab".to_owned() }
}

fn come_back(store: &dyn Store) {
    let acme = tenant(store);
    assert_eq!(acme.plugins().unwrap(), []);
    for id in ["scim2", "csv"] {
        acme.put_plugin(&record(id)).unwrap();
    }
    let mut csv = record("csv");
    csv.current = "cd".to_owned();
    acme.put_plugin(&csv).unwrap();
    assert_eq!(acme.plugins().unwrap(), [csv, record("scim2")]);
    assert!(acme.delete_plugin(&PluginId::new("csv")).unwrap());
    assert!(!acme.delete_plugin(&PluginId::new("csv")).unwrap());
    assert_eq!(acme.plugins().unwrap(), [record("scim2")]);
}

fn components(store: &dyn Store) {
    let acme = tenant(store);
    assert_eq!(acme.component("ab").unwrap(), None);
    for size in [0, 1, 60 << 10, (60 << 10) + 1, 3 << 20] {
        let wasm: Vec<u8> = (0..size).map(|n: usize| (n / 7) as u8).collect();
        acme.put_component("ab", &wasm).unwrap();
        assert!(acme.component("ab").unwrap().as_ref() == Some(&wasm), "{size} bytes");
    }
    // Shorter than what was there, and beside others.
    acme.put_component("abc", b"other").unwrap();
    acme.put_component("ab", b"short").unwrap();
    assert_eq!(acme.component("ab").unwrap().as_deref(), Some(b"short".as_slice()));
    assert_eq!(acme.component("abc").unwrap().as_deref(), Some(b"other".as_slice()));
    assert_eq!(acme.component("a").unwrap(), None);
}
