//! Our own connectors pass the suite that partners run; a connector that breaks the rules does not.

use gangway_kit::{Engine, Slapd, SlapdOptions, component, component_file, gangway, root};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// The exit code and the output of `gangway plugin test`.
fn test(plugin: &str, config: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    component(plugin).unwrap();
    let mut command = Command::new(gangway().unwrap());
    command.args(["plugin", "test"]).arg(component_file(plugin)).arg("--config").arg(config);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

/// Nothing failed, nothing was left out, and what matters was done for both types.
fn passes(plugin: &str, environment: &[(&str, &str)], checks: &[&str]) {
    let config = root().join("plugins").join(plugin).join("conformance.json");
    let (code, text) = test(plugin, &config, environment);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.trim_end().ends_with("0 failed, 0 skipped"), "{text}");
    for check in checks {
        for entity_type in ["user", "group"] {
            let line = format!("ok       {check}[{entity_type}]");
            assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
        }
    }
}

const EVERY_CONNECTOR: &[&str] = &[
    "read.pages",
    "read.resume",
    "read.by-id",
    "read.unknown-cursor",
    "read.cancelled",
    "write.round-trip",
    "write.conflict",
    "write.find",
    "write.order",
    "write.malformed",
];

#[test]
fn csv_conforms() {
    passes("csv", &[], EVERY_CONNECTOR);
}

#[test]
fn json_transformation_conforms() {
    passes("json-transformation", &[], &[]);
}

#[tokio::test]
async fn scim2_conforms_against_a_directory_of_another_engine() {
    let engine = Engine::start().await.unwrap();
    engine.api("conformance").unwrap().make_tenant().await.unwrap();
    let url = format!("{}/tenants/conformance/scim/v2", engine.url());
    let environment = [("CONFORMANCE_SCIM_URL", url.as_str()), ("CONFORMANCE_SCIM_TOKEN", engine.token())];
    let http =
        ["read.nonsense", "write.outage", "read.rate-limit", "write.refused", "write.cancelled-waiting"];
    passes("scim2", &environment, &[EVERY_CONNECTOR, &http].concat());
}

#[test]
fn ldap_conforms_against_openldap() {
    let slapd = Slapd::start(&SlapdOptions { require_tls: true, ..SlapdOptions::default() }).unwrap();
    let (url, ca) = (slapd.tls_url(), slapd.ca_pem());
    let environment = [
        ("CONFORMANCE_LDAP_URL", url.as_str()),
        ("CONFORMANCE_LDAP_CA", ca),
        ("CONFORMANCE_LDAP_USER", Slapd::BIND_DN),
        ("CONFORMANCE_LDAP_PASSWORD", Slapd::PASSWORD),
    ];
    passes("ldap", &environment, EVERY_CONNECTOR);
}

#[test]
fn a_connector_that_breaks_the_rules_is_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("conformance.json");
    let run = |faults: serde_json::Value| {
        let text = json!({ "properties": { "chaos.users": "9", "chaos.groups": "9", "chaos.faults": faults.to_string() } });
        std::fs::write(&config, text.to_string()).unwrap();
        test("chaos", &config, &[])
    };
    let failed = |text: &str, check: &str| text.lines().any(|l| l == format!("FAILED   {check}[user]"));

    let (code, text) = run(
        json!([{ "on": "read-page", "do": "short-page" }, { "on": "read-page", "do": "duplicate-entity" }]),
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(failed(&text, "read.pages") && text.contains("given twice"), "{text}");

    let (code, text) = run(json!([{ "on": "read-page", "entityType": "user", "do": "trap" }]));
    assert_eq!(code, Some(1), "{text}");
    assert!(failed(&text, "read.pages") && text.contains("the plugin crashed"), "{text}");
    // The crashes do not spoil what comes after them.
    assert!(text.lines().any(|l| l == "ok       read.pages[group]"), "{text}");

    let (code, text) = run(json!([{ "on": "read-page", "do": "malformed-json" }]));
    assert_eq!(code, Some(1), "{text}");
    assert!(failed(&text, "read.entities"), "{text}");
}
