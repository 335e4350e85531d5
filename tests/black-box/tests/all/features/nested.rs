//! Groups inside groups: F106.

use crate::systems::{counters, document, scim_target};
use gangway_kit::{Engine, ScimServer, Slapd, SlapdOptions, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};

/// Four people; a department holds a person and a team, the team a person and a squad, and the squad a person and, by
/// mistake, the department.
fn ldif() -> String {
    let suffix = Slapd::SUFFIX;
    let mut out = String::new();
    for name in ["ann", "bob", "cid", "dan"] {
        out.push_str(&format!(
            "dn: uid={name},ou=people,{suffix}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\n"
        ));
    }
    for (group, person, inside) in [
        ("department", "ann", "team"),
        ("team", "bob", "squad"),
        ("squad", "cid", "department"),
        ("club", "dan", "club"),
    ] {
        let inside =
            if inside == group { String::new() } else { format!("member: cn={inside},ou=groups,{suffix}\n") };
        out.push_str(&format!(
            "dn: cn={group},ou=groups,{suffix}\nobjectClass: groupOfNames\ncn: {group}\n\
             member: uid={person},ou=people,{suffix}\n{inside}\n"
        ));
    }
    out
}

/// The user names of each group's members, sorted.
async fn groups(server: &ScimServer) -> Vec<(String, Vec<String>)> {
    let users = server.all("Users").await.unwrap();
    let name = |member: &Value| {
        let user = users.iter().find(|user| user["id"] == member["value"]);
        user.map_or("?", |user| text(user, "/userName")).to_owned()
    };
    let of = |group: &Value| {
        let mut names: Vec<String> = group["members"].as_array().into_iter().flatten().map(name).collect();
        names.sort();
        (text(group, "/displayName").to_owned(), names)
    };
    let mut groups: Vec<_> = server.all("Groups").await.unwrap().iter().map(of).collect();
    groups.sort();
    groups
}

#[tokio::test]
async fn f106_a_flattened_group_has_the_users_of_all_groups_inside_it() {
    let slapd = Slapd::start(&SlapdOptions { ldif: ldif(), ..SlapdOptions::default() }).unwrap();
    let server = ScimServer::start("nested-token").unwrap();
    let engine = Engine::start().await.unwrap();
    let api = engine.api("nested").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["ldap", "scim2", "json-transformation"]).await.unwrap();
    let suffix = Slapd::SUFFIX;
    api.make_system(json!({
        "name": "LDAP", "role": "source", "plugin": "ldap", "enabled": true,
        "properties": {
            "URL": { "value": slapd.tls_url() },
            "ldap.user": { "value": Slapd::BIND_DN },
            "Password": { "value": Slapd::PASSWORD, "secret": true },
            "ldap.user.path": { "value": format!("ou=people,{suffix}") },
            "ldap.group.path": { "value": format!("ou=groups,{suffix}") },
            "ldap.group.filter": { "value": "(!(cn=squad))" },
            "ldap.page.size": { "value": "2" },
            "ad.group.flatten": { "value": "true" },
            "tls.trusted.certificates": { "value": slapd.ca_pem() },
        },
        "grants": { "addresses": ["127.0.0.1"] },
        "read": { "plugin": "json-transformation", "document": document("ldap/types/ldap.read.json") },
    }))
    .await
    .unwrap();
    api.make_system(scim_target("App", "LDAP", &server.url(), server.token())).await.unwrap();
    let job = api.run("LDAP").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = list(&["ann", "bob", "cid"]);
    assert_eq!(
        groups(&server).await,
        [
            ("club".to_owned(), list(&["dan"])),
            ("department".to_owned(), all.clone()),
            ("team".to_owned(), all)
        ]
    );
    // Somebody joins the innermost: everybody around changes.
    slapd
        .modify(&format!(
            "dn: cn=squad,ou=groups,{suffix}\nchangetype: modify\nadd: member\nmember: uid=dan,ou=people,{suffix}\n\n"
        ))
        .unwrap();
    let job = api.run("LDAP").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(counters(&job, "group", Action::Write).updated, 2, "{job:?}");
    assert_eq!(groups(&server).await[1].1, list(&["ann", "bob", "cid", "dan"]));
}
