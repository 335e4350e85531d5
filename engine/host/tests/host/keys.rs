//! Two keys for each capability: what happens when the second is missing.

use crate::guests::{Guest, manifest};
use crate::world::{World, system};
use gangway_model::{Page, PluginError, System, code};

/// Sets the state value "k" to "v", and hands the error on as that of `read-page`: the two results
/// have their error at different places, so it is copied.
fn keeping_state() -> Guest {
    Guest {
        manifest: manifest("guest", "1.0.0", &["state"]),
        world: "import gangway:plugin/state@0.1.0;",
        imports: r#"(import "gangway:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))"#,
        read_page: r#"(i32.store8 (i32.const 800) (i32.const 107))
            (i32.store8 (i32.const 801) (i32.const 118))
            (call $set (i32.const 800) (i32.const 1) (i32.const 801) (i32.const 1) (i32.const 896))
            (i32.store8 (i32.const 600) (i32.load8_u (i32.const 896)))
            (memory.copy (i32.const 608) (i32.const 904) (i32.const 40))
            i32.const 600"#,
        ..Guest::default()
    }
}

async fn read(world: &World, system: &System) -> Result<Page, PluginError> {
    world.source(system).await?.read_page("user", None, 10).await
}

#[tokio::test]
async fn state_needs_the_administrators_key() {
    let world = World::new();
    world.load("guest", keeping_state().build()).await;
    let mut system = system("guest");
    let error = read(&world, &system).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert_eq!(
        error.message,
        "the plugin guest 1.0.0 declares \"state\", but the system \"Test\" does not grant it. To allow it, add this to \
         the system's grants: \"state\": true"
    );
    assert!(world.state.0.lock().unwrap().is_empty());
    system.grants.state = true;
    read(&world, &system).await.unwrap();
    assert_eq!(world.state.0.lock().unwrap()["k"], b"v");
}

#[tokio::test]
async fn a_plugin_is_not_used_for_what_it_is_not() {
    let world = World::new();
    world.load("guest", Guest::default().build()).await;
    let error = world.systems().target(&system("guest"), &world.job()).await.err().unwrap();
    assert_eq!(error.code, code::CONFIGURATION);
    assert!(error.message.contains("guest 1.0.0 is no target; it is source"), "{error}");
    let error = world.source(&system("nobody")).await.err().unwrap();
    assert!(error.message.contains("system \"Test\": there is no plugin \"nobody\""), "{error}");
}

#[tokio::test]
async fn a_required_property_must_be_there() {
    let world = World::new();
    let mut manifest = manifest("guest", "1.0.0", &[]);
    manifest["properties"] = serde_json::json!([
        { "name": "plain", "required": true },
        { "name": "URL", "required": true },
        { "name": "with.default", "required": true, "default": "x" },
    ]);
    world.load("guest", Guest { manifest, ..Guest::default() }.build()).await;
    let error = world.source(&system("guest")).await.err().unwrap();
    assert_eq!(error.code, code::CONFIGURATION);
    assert!(error.message.ends_with("needs the properties that are not set: URL"), "{error}");
}

#[tokio::test]
async fn another_tenants_plugin_is_not_there() {
    let world = World::new();
    world.load("guest", Guest::default().build()).await;
    let other = gangway_model::TenantId::new("other");
    let mut theirs = system("guest");
    theirs.tenant = other.clone();
    let systems = world.host.systems(&other, world.state.clone());
    let error = systems.source(&theirs, &world.job()).await.err().unwrap();
    assert!(error.message.contains("there is no plugin \"guest\""), "{error}");
    // Nor does a handle of one tenant open a system of another.
    let error = world.systems().source(&theirs, &world.job()).await.err().unwrap();
    assert_eq!(error.code, code::INTERNAL);
}
