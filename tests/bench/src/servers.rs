//! slapd → engine → scim2-server, against a plain sequential script doing the same.

use anyhow::{Context, ensure};
use gangway_kit::{Engine, ScimServer, Slapd, SlapdOptions, root};
use gangway_model::JobStatus;
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

const USERS: usize = 2000;

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("\nreal servers: {USERS} users, slapd → scim2-server (under gunicorn, 8 threads)");
    let slapd = Slapd::start(&SlapdOptions { ldif: ldif(), ..SlapdOptions::default() })?;

    let server = ScimServer::start_for_load("script-token")?;
    let start = Instant::now();
    let output = Command::new(root().join("target/test-venv/bin/python"))
        .arg(root().join("tests/bench/sequential.py"))
        .args([&slapd.url(), Slapd::BIND_DN, Slapd::PASSWORD, Slapd::SUFFIX, &server.url(), server.token()])
        .output()
        .context("the script needs the test environment: run tests/setup/servers.sh")?;
    let script = start.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(server.all("Users").await?.len() == USERS, "the script did not create everybody");

    let server = ScimServer::start_for_load("engine-token")?;
    let engine = Engine::start().await?;
    let api = engine.api("servers")?;
    api.make_tenant().await?;
    api.load(&["ldap", "scim2", "json-transformation"]).await?;
    let document = |path: &str| std::fs::read_to_string(root().join("plugins").join(path));
    api.make_system(json!({
        "name": "LDAP", "role": "source", "plugin": "ldap", "enabled": true,
        "properties": {
            "URL": { "value": slapd.tls_url() },
            "ldap.user": { "value": Slapd::BIND_DN },
            "Password": { "value": Slapd::PASSWORD, "secret": true },
            "ldap.user.path": { "value": format!("ou=people,{}", Slapd::SUFFIX) },
            "ldap.group.path": { "value": format!("ou=groups,{}", Slapd::SUFFIX) },
            "tls.trusted.certificates": { "value": slapd.ca_pem() },
        },
        "grants": { "addresses": ["127.0.0.1"] },
        "read": { "plugin": "json-transformation", "document": document("ldap/types/ldap.read.json")? },
    }))
    .await?;
    api.make_system(json!({
        "name": "SCIM", "role": "target", "plugin": "scim2", "enabled": true, "sources": ["LDAP"],
        "properties": {
            "URL": { "value": server.url() },
            "Authentication": { "value": "BearerTokenAuthentication" },
            "Token": { "value": server.token(), "secret": true },
        },
        "grants": { "addresses": ["127.0.0.1"], "relations": true },
        "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json")? },
    }))
    .await?;
    let mut rates = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        let job = api.start("LDAP", "READ").await?;
        let job = api.wait(job.id.as_str(), Duration::from_secs(600)).await?;
        ensure!(job.status == JobStatus::Success, "{job:?}");
        rates.push(start.elapsed().as_secs_f64());
    }
    ensure!(server.all("Users").await?.len() == USERS, "the engine did not create everybody");
    let (first, again) = (rates.first().copied().unwrap_or(0.0), rates.get(1).copied().unwrap_or(0.0));
    let rate = |seconds: f64| USERS as f64 / seconds;
    println!("  sequential script        {script:>7.2} s  {:>8.0} users/s", rate(script));
    println!(
        "  engine, first run        {first:>7.2} s  {:>8.0} users/s  ({:.1}× the script)",
        rate(first),
        script / first
    );
    println!("  engine, nothing changed  {again:>7.2} s  {:>8.0} users/s", rate(again));
    Ok(())
}

fn ldif() -> String {
    let suffix = Slapd::SUFFIX;
    (0..USERS)
        .map(|n| {
            format!(
                "dn: uid=user{n},ou=people,{suffix}\nobjectClass: inetOrgPerson\nuid: user{n}\ncn: Ada Nr {n}\n\
                 sn: Lovelace {n}\ngivenName: Ada\nmail: user{n}@example.com\n\n"
            )
        })
        .collect()
}
