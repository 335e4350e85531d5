//! Loading, replacing, going back.

use crate::guests::{Guest, manifest};
use crate::world::{World, system, tenant};
use gangway_host::{LoadError, Origin};
use gangway_model::PluginId;

/// A source that says which version it is: the type's total is this number.
fn version(number: u8) -> Guest {
    let page = format!(
        "(i32.store (i32.const 640) (i32.const 1)) (i64.store (i32.const 648) (i64.const {number})) i32.const 600"
    );
    Guest {
        manifest: manifest("guest", &format!("{number}.0.0"), &[]),
        read_page: page.leak(),
        ..Guest::default()
    }
}

async fn served(world: &World) -> Option<u64> {
    world.read().await.unwrap().total
}

#[tokio::test]
async fn the_version_that_was_open_stays_until_it_is_closed() {
    let world = World::new();
    assert_eq!(world.load("guest", version(1).build()).await.replaced, None);
    let old = world.source(&system("guest")).await.unwrap();
    let first = old.read_page("user", None, 1).await.unwrap();

    let loaded = world.load("guest", version(2).build()).await;
    assert_eq!(loaded.manifest.version, "2.0.0");
    assert!(loaded.replaced.is_some());
    assert_eq!(old.read_page("user", None, 1).await.unwrap().total, first.total);
    assert_eq!(served(&world).await, Some(2));

    let status = world.host.roll_back(&tenant(), &PluginId::new("guest")).unwrap();
    assert_eq!(
        (status.manifest.version.as_str(), status.previous.as_deref()),
        ("1.0.0", Some(&*loaded.digest))
    );
    assert_eq!(served(&world).await, Some(1));
    world.host.roll_back(&tenant(), &PluginId::new("guest")).unwrap();
    assert_eq!(served(&world).await, Some(2));

    assert!(world.host.unload(&tenant(), &PluginId::new("guest")));
    assert!(!world.host.unload(&tenant(), &PluginId::new("guest")));
    assert!(world.source(&system("guest")).await.is_err());
    assert_eq!(old.read_page("user", None, 1).await.unwrap().total, Some(1));
}

#[tokio::test]
async fn a_broken_upload_changes_nothing() {
    let world = World::new();
    world.load("guest", version(1).build()).await;
    let mut broken = version(2).build();
    broken.truncate(broken.len() / 2);
    let id = PluginId::new("guest");
    let error = world.host.load(&tenant(), &id, broken).await.unwrap_err();
    assert_eq!(error.kind(), "malformed");
    let start_fails = Guest { functions: "(func $start unreachable) (start $start)", ..version(2) }.build();
    let error = world.host.load(&tenant(), &id, start_fails).await.unwrap_err();
    assert_eq!(error.kind(), "smoke");
    assert_eq!(served(&world).await, Some(1));
    assert_eq!(world.host.plugins(&tenant())[0].previous, None);
    assert_eq!(world.host.roll_back(&tenant(), &id).unwrap_err(), LoadError::NoPrevious("guest".into()));
    let nobody = PluginId::new("nobody");
    assert_eq!(world.host.roll_back(&tenant(), &nobody).unwrap_err(), LoadError::Missing("nobody".into()));
}

#[tokio::test]
async fn compiled_code_is_found_again() {
    let world = World::new();
    let wasm = version(1).build();
    assert_eq!(world.load("guest", wasm.clone()).await.origin, Origin::Compiler);
    assert_eq!(world.load("another", wasm.clone()).await.origin, Origin::Memory);
    let cache = world.folder.path().join("compiled");
    let again = World::with(|config| config.cache_dir = cache.clone());
    assert_eq!(again.load("guest", wasm.clone()).await.origin, Origin::Cache);
    assert_eq!(served(&again).await, Some(1));
}

#[tokio::test]
async fn damaged_code_is_compiled_again() {
    let world = World::new();
    let wasm = version(1).build();
    world.load("guest", wasm.clone()).await;
    let cache = world.folder.path().join("compiled");
    let file = || {
        let files: Vec<_> = cache.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    };
    let whole = std::fs::read(file()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let truncated = whole[..whole.len() / 2].to_vec();
    for damage in [flipped, truncated, Vec::new(), b"\x7fELF something else".to_vec()] {
        std::fs::write(file(), damage).unwrap();
        let again = World::with(|config| config.cache_dir = cache.clone());
        assert_eq!(again.load("guest", wasm.clone()).await.origin, Origin::Compiler);
        assert_eq!(served(&again).await, Some(1));
        assert_eq!(std::fs::read(file()).unwrap().len(), whole.len());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn compiled_code_is_for_the_engines_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    world.load("guest", version(1).build()).await;
    let cache = world.folder.path().join("compiled");
    assert_eq!(cache.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let file = cache.read_dir().unwrap().next().unwrap().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0);
}
