//! A real OpenLDAP server as source and as target.

use crate::systems::{counters, csv_source, document, scim_target, write_company};
use gangway_company::{Company, DEMO_MONTH, Size, expected_groups, expected_users};
use gangway_kit::{Engine, ScimServer, Slapd, SlapdOptions, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const USERS: usize = 5000;
const GROUPS: usize = 100;

/// So many people, and groups of these.
pub(crate) fn ldif(users: usize, groups: impl Iterator<Item = std::ops::Range<usize>>) -> String {
    let suffix = Slapd::SUFFIX;
    let mut out = String::new();
    for n in 0..users {
        out.push_str(&person(n));
    }
    for (n, members) in groups.enumerate() {
        out.push_str(&format!(
            "dn: cn=group{n},ou=groups,{suffix}\nobjectClass: groupOfNames\ncn: group{n}\n"
        ));
        for member in members {
            out.push_str(&format!("member: uid=user{member},ou=people,{suffix}\n"));
        }
        out.push('\n');
    }
    out
}

/// One of them.
pub(crate) fn person(n: usize) -> String {
    format!(
        "dn: uid=user{n},ou=people,{}\nobjectClass: inetOrgPerson\nuid: user{n}\ncn: Ada Nr {n}\n\
         sn: Lovelace {n}\ngivenName: Ada\nmail: user{n}@example.com\nmail: ada{n}@example.com\n\n",
        Slapd::SUFFIX
    )
}

fn ldap_properties(slapd: &Slapd, url: &str) -> Value {
    json!({
        "URL": { "value": url },
        "ldap.user": { "value": Slapd::BIND_DN },
        "Password": { "value": Slapd::PASSWORD, "secret": true },
        "ldap.user.path": { "value": format!("ou=people,{}", Slapd::SUFFIX) },
        "ldap.group.path": { "value": format!("ou=groups,{}", Slapd::SUFFIX) },
        "ldap.page.size": { "value": "500" },
        "tls.trusted.certificates": { "value": slapd.ca_pem() },
    })
}

/// The LDAP source over StartTLS.
pub(crate) fn ldap_source(slapd: &Slapd) -> Value {
    let mut properties = ldap_properties(slapd, &slapd.url());
    properties["ldap.starttls"] = json!({ "value": "true" });
    json!({
        "name": "LDAP", "role": "source", "plugin": "ldap", "enabled": true,
        "properties": properties,
        "grants": { "addresses": ["127.0.0.1"] },
        "read": { "plugin": "json-transformation", "document": document("ldap/types/ldap.read.json") },
    })
}

#[tokio::test]
async fn five_thousand_people_are_read_over_starttls_into_a_scim_server() {
    let groups = (0..GROUPS).map(|n| (n * 50)..(n * 50 + 50));
    let ldif = ldif(USERS, groups);
    let slapd = Slapd::start(&SlapdOptions { ldif, require_tls: true, change_log: false }).unwrap();
    let server = ScimServer::start("ldap-token").unwrap();
    let engine = Engine::start().await.unwrap();
    let api = engine.api("ldap").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["ldap", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(ldap_source(&slapd)).await.unwrap();
    api.make_system(scim_target("App", "LDAP", &server.url(), server.token())).await.unwrap();

    let job = api.run("LDAP").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    assert_eq!(counters(&job, "user", Action::Read).read as usize, USERS);
    assert_eq!(counters(&job, "group", Action::Write).created as usize, GROUPS);
    let users = server.all("Users").await.unwrap();
    assert_eq!(users.len(), USERS);
    let groups = server.all("Groups").await.unwrap();
    assert_eq!(groups.len(), GROUPS);
    for group in &groups {
        let members = group.get("members").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(members, 50, "{}", text(group, "/displayName"));
    }

    // The world moves on: one person leaves, one changes the name, one group gets a member.
    let suffix = Slapd::SUFFIX;
    slapd
        .modify(&format!(
            "dn: uid=user7,ou=people,{suffix}\nchangetype: delete\n\n\
             dn: uid=user8,ou=people,{suffix}\nchangetype: modify\nreplace: sn\nsn: Byron\n\n\
             dn: cn=group3,ou=groups,{suffix}\nchangetype: modify\nadd: member\nmember: uid=user9,ou=people,{suffix}\n\n"
        ))
        .unwrap();
    let job = api.run("LDAP").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (0, 1, 1), "{job:?}");
    // Group 3 got user 9. Group 0 still names the person who left (slapd keeps the dangling name), and
    // that person is deleted at the end of the job, after the groups.
    assert_eq!(counters(&job, "group", Action::Write).updated, 1, "{job:?}");
}

#[tokio::test]
async fn a_company_travels_into_an_ldap_server_and_follows_its_changes() {
    let slapd = Slapd::start(&SlapdOptions::default()).unwrap();
    let engine = Engine::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("ldap").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "ldap", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    api.make_system(json!({
        "name": "LDAP", "role": "target", "plugin": "ldap", "enabled": true, "sources": ["HR"],
        "properties": ldap_properties(&slapd, &slapd.tls_url()),
        "grants": { "addresses": ["127.0.0.1"], "relations": true },
        "write": { "plugin": "json-transformation", "document": document("ldap/types/ldap.write.json") },
    }))
    .await
    .unwrap();

    let first = Company::new(Size { users: 600, groups: 40, service_accounts: 4, damaged: 0 }, 21);
    write_company(folder.path(), &first);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    assert_eq!(slapd.count("(objectClass=inetOrgPerson)").unwrap(), 596);
    assert_eq!(slapd.count("(objectClass=groupOfNames)").unwrap(), 40);

    let later = first.a_month_later(DEMO_MONTH, 21);
    write_company(folder.path(), &later);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    let (users, groups) = (expected_users(Some(&first), &later), expected_groups(Some(&first), &later));
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (users.created, users.updated, users.deleted));
    assert_eq!(counters(&job, "group", Action::Write).updated, groups.updated);
    let held: BTreeSet<String> = slapd
        .search("(objectClass=inetOrgPerson)", &["uid"])
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("uid: ").map(str::to_owned))
        .collect();
    let wanted: BTreeSet<String> = later.provisioned().map(|u| u.user_name.clone()).collect();
    assert_eq!(held, wanted);
    let again = api.run("HR").await.unwrap();
    let row = counters(&again, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (0, 0, 0), "{again:?}");
    let row = counters(&again, "group", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (0, 0, 0), "{again:?}");
}
