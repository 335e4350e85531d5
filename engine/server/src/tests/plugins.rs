use super::*;

const PLUGIN: &str = "/api/v1/tenants/t/plugins/empty";

#[tokio::test]
async fn a_component_is_loaded_shown_replaced_and_rolled_back() {
    let engine = Engine::with_plugin().await;
    let first = engine.ok("GET", PLUGIN, Value::Null).await;
    description::fits("Plugin", &first);
    assert_eq!((&first["state"], &first["manifest"]["version"]), (&json!("ready"), &json!("1.0.0")));
    let (status, report) = engine.upload("empty", component("2.0.0")).await;
    assert_eq!(status, 200, "{report}");
    description::fits("LoadReport", &report);
    assert_eq!((&report["replaced"], &report["roles"]), (&first["digest"], &json!(["source"])));
    let list = engine.ok("GET", "/api/v1/tenants/t/plugins", Value::Null).await;
    description::fits("PluginList", &list);
    assert_eq!(list["plugins"][0]["manifest"]["version"], "2.0.0");
    assert_eq!(list["plugins"][0]["versions"].as_array().unwrap().len(), 2);

    let back = engine.ok("POST", &format!("{PLUGIN}/roll-back"), Value::Null).await;
    assert_eq!(back["digest"], first["digest"]);
    let released = engine.ok("POST", &format!("{PLUGIN}/release"), Value::Null).await;
    description::fits("Plugin", &released);
    engine.refused("POST", "/api/v1/tenants/t/plugins/none/roll-back", Value::Null, 404).await;
    engine.refused("GET", "/api/v1/tenants/t/plugins/none", Value::Null, 404).await;
    engine.refused("GET", "/api/v1/tenants/t/plugins/No", Value::Null, 422).await;
}

#[tokio::test]
async fn a_refused_upload_changes_nothing_and_says_what_to_do() {
    let engine = Engine::with_plugin().await;
    let before = engine.ok("GET", PLUGIN, Value::Null).await;
    let half = component("2.0.0");
    for (wasm, kind) in [
        (b"hello".to_vec(), "not-a-component"),
        (half[..half.len() / 2].to_vec(), "malformed"),
        (Vec::new(), "not-a-component"),
    ] {
        let (status, problem) = engine.upload("empty", wasm).await;
        assert_eq!(status, 422, "{problem}");
        description::fits("Problem", &problem);
        assert_eq!(problem["type"], format!("urn:gangway:problem:plugin-{kind}"));
        assert!(problem["action"].as_str().unwrap().contains("gangway plugin check"));
        assert_eq!((&problem["tenant"], &problem["plugin"]), (&json!("t"), &json!("empty")));
    }
    assert_eq!(engine.ok("GET", PLUGIN, Value::Null).await, before);
    // A name nobody has takes nothing either.
    let (status, _) = engine.upload("other", b"x".to_vec()).await;
    assert_eq!(status, 422);
    engine.refused("GET", "/api/v1/tenants/t/plugins/other", Value::Null, 404).await;
    let (status, _) =
        read(engine.raw("PUT", "/api/v1/tenants/no/plugins/empty", Some(&engine.token), half).await).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn plugins_are_there_after_a_restart_with_the_way_back() {
    let engine = Engine::with_plugin().await;
    engine.upload("empty", component("2.0.0")).await;
    let Engine { services, router: old, token, folder } = engine;
    drop((services, old));
    let opened = Services::open(Config::new(folder.path())).await.unwrap();
    let engine = Engine { router: router(opened.services.clone()), services: opened.services, token, folder };
    let now = engine.ok("GET", PLUGIN, Value::Null).await;
    assert_eq!((&now["manifest"]["version"], &now["state"]), (&json!("2.0.0"), &json!("ready")));
    let back = engine.ok("POST", &format!("{PLUGIN}/roll-back"), Value::Null).await;
    assert_eq!(back["manifest"]["version"], "1.0.0");
}

#[tokio::test]
async fn a_plugin_in_use_stays() {
    let engine = Engine::with_plugin().await;
    engine
        .ok("POST", "/api/v1/tenants/t/systems", json!({ "name": "HR", "role": "source", "plugin": "empty" }))
        .await;
    let problem = engine.refused("DELETE", PLUGIN, Value::Null, 409).await;
    assert!(problem["detail"].as_str().unwrap().contains("HR"));
    engine.ok("DELETE", "/api/v1/tenants/t/systems/HR", Value::Null).await;
    engine.ok("DELETE", PLUGIN, Value::Null).await;
    engine.refused("DELETE", PLUGIN, Value::Null, 404).await;
}
