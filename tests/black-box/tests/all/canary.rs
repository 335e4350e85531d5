//! A secret canary: a known password and a known token are nowhere to be found.
//!
//! The engine's log, every API answer and every file it keeps are searched here, after runs that
//! succeeded, failed, and were answered by a server that echoes what it was sent. The memory of the
//! components is searched by the host's own test (`engine/host/tests`).

use crate::systems::{csv_source, document, scim_target, write_users};
use gangway_kit::{Answer, Api, Engine, Method, Relay, Slapd, SlapdOptions};
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "canary-token-5b1e0e1f7c";

fn assert_clean(where_: &str, bytes: &[u8]) {
    // The last is the password in base64, as an LDIF or a Basic header would show it.
    for secret in [TOKEN, Slapd::PASSWORD, "c2xhcGQtdGVzdC1wYXNzd29yZC03ZjNh"] {
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} stands in {where_}");
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

async fn answers(api: &Api) -> Vec<(String, String)> {
    let mut paths: Vec<String> = ["plugins", "systems", "jobs?limit=50"].map(|p| api.path(p)).to_vec();
    paths.push("/api/openapi.json".to_owned());
    let list = |value: &serde_json::Value, key: &str| -> Vec<String> {
        let items = value.get(key).and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        items.iter().filter_map(|i| i.get("id")?.as_str().map(str::to_owned)).collect()
    };
    let systems = api.ok(Method::GET, "systems", None).await.unwrap();
    for id in list(&systems, "systems") {
        paths.push(api.path(&format!("systems/{id}")));
    }
    let jobs = api.ok(Method::GET, "jobs?limit=50", None).await.unwrap();
    for id in list(&jobs, "jobs") {
        paths.push(api.path(&format!("jobs/{id}")));
        paths.push(api.path(&format!("jobs/{id}/log?limit=1000")));
    }
    let mut found = Vec::new();
    for path in paths {
        let (_, answer) = api.call(Method::GET, &path, None).await.unwrap();
        found.push((path, answer.to_string()));
    }
    found
}

#[tokio::test]
async fn no_secret_is_found_anywhere() {
    let slapd = Slapd::start(&SlapdOptions::default()).unwrap();
    let arguments = ["--log", "trace"].map(str::to_owned).to_vec();
    let options = gangway_kit::EngineOptions { arguments, ..gangway_kit::EngineOptions::default() };
    let engine = Engine::start_with(options).await.unwrap();
    let target = Engine::start().await.unwrap();
    let relay = Relay::start(&target.url()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_users(folder.path(), &[("A", "x"), ("B", "x")]);
    let api = engine.api("canary").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "ldap", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let url = format!("{}/tenants/app/scim/v2", relay.url());
    api.make_system(scim_target("App", "HR", &url, TOKEN)).await.unwrap();
    api.make_system(json!({
        "name": "LDAP", "role": "target", "plugin": "ldap", "enabled": true, "sources": ["HR"],
        "properties": {
            "URL": { "value": slapd.tls_url() },
            "ldap.user": { "value": Slapd::BIND_DN },
            "Password": { "value": Slapd::PASSWORD, "secret": true },
            "ldap.user.path": { "value": format!("ou=people,{}", Slapd::SUFFIX) },
            "ldap.group.path": { "value": format!("ou=groups,{}", Slapd::SUFFIX) },
            "tls.trusted.certificates": { "value": slapd.ca_pem() },
        },
        "grants": { "addresses": ["127.0.0.1"], "relations": true },
        "write": { "plugin": "json-transformation", "document": document("ldap/types/ldap.write.json") },
    }))
    .await
    .unwrap();

    // The token is wrong there: 401.
    api.run("HR").await.unwrap();
    // A server that shows in its error what it was sent.
    relay.set_rule(|_, _, _| {
        let body = json!({ "detail": format!("who is Bearer {TOKEN}?"), "status": "400" }).to_string();
        Answer::Instead(400, vec![("x-echo".to_owned(), TOKEN.to_owned())], body)
    });
    write_users(folder.path(), &[("A", "y"), ("B", "y"), ("C", "y")]);
    api.run("HR").await.unwrap();
    assert!(slapd.count("(objectClass=inetOrgPerson)").unwrap() >= 2, "the password was really used");

    for (path, answer) in answers(&api).await {
        assert_clean(&path, answer.as_bytes());
    }
    assert_clean("the log", engine.log().as_bytes());
    let output = engine.cli("canary", &["system", "show", "App"]).unwrap();
    assert_clean("gangway system show", &output.stdout);
    let mut kept = Vec::new();
    files(&engine.data(), &mut kept);
    assert!(kept.len() > 3);
    for file in kept {
        assert_clean(&file.display().to_string(), &std::fs::read(&file).unwrap());
    }
}
