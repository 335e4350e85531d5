//! A real scim2-server as target and as source.

use crate::systems::{counters, csv_source, scim_source, scim_target, write_company};
use gangway_company::{Company, DEMO, DEMO_MONTH, expected_groups, expected_users};
use gangway_kit::{Engine, ScimServer, text};
use gangway_model::{Action, JobStatus};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the server should hold: user names, and team names with the user and team names inside.
fn wanted(company: &Company) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let users = company.provisioned().map(|u| u.user_name.clone()).collect();
    let groups = company
        .groups
        .iter()
        .map(|g| {
            let names = company.resolved_members(g).into_iter().map(|id| {
                let team = company.groups.iter().find(|g| g.id == id).map(|g| g.display_name.clone());
                team.unwrap_or_else(|| company.users[&id].user_name.clone())
            });
            (g.display_name.clone(), names.collect())
        })
        .collect();
    (users, groups)
}

fn held(users: &[Value], groups: &[Value]) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let mut names: BTreeMap<&str, &str> =
        users.iter().map(|u| (text(u, "/id"), text(u, "/userName"))).collect();
    names.extend(groups.iter().map(|g| (text(g, "/id"), text(g, "/displayName"))));
    let members = |g: &Value| {
        let list = g.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().map(|m| names.get(text(m, "/value")).copied().unwrap_or("nobody").to_owned()).collect()
    };
    (
        users.iter().map(|u| text(u, "/userName").to_owned()).collect(),
        groups.iter().map(|g| (text(g, "/displayName").to_owned(), members(g))).collect(),
    )
}

#[tokio::test]
async fn a_company_travels_into_a_scim_server_and_follows_its_changes() {
    let engine = Engine::start().await.unwrap();
    let server = ScimServer::start("scim-target-token").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("scim").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    api.make_system(scim_target("App", "HR", &server.url(), server.token())).await.unwrap();

    let first = Company::new(DEMO, 11);
    write_company(folder.path(), &first);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError, "the damaged rows show: {job:?}");
    let failed = api.events(job.id.as_str(), "failed").await.unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert_eq!(
        held(&server.all("Users").await.unwrap(), &server.all("Groups").await.unwrap()),
        wanted(&first)
    );

    let later = first.a_month_later(DEMO_MONTH, 11);
    write_company(folder.path(), &later);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    let (users, groups) = (expected_users(Some(&first), &later), expected_groups(Some(&first), &later));
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (users.created, users.updated, users.deleted));
    let row = counters(&job, "group", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (groups.created, groups.updated, groups.deleted));
    assert_eq!(
        held(&server.all("Users").await.unwrap(), &server.all("Groups").await.unwrap()),
        wanted(&later)
    );
}

#[tokio::test]
async fn a_scim_server_is_read_into_another() {
    let engine = Engine::start().await.unwrap();
    let (from, to) = (ScimServer::start("from-token").unwrap(), ScimServer::start("to-token").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("scim").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    api.make_system(scim_target("From written", "HR", &from.url(), from.token())).await.unwrap();
    api.make_system(scim_source("From read", &from.url(), from.token())).await.unwrap();
    api.make_system(scim_target("To", "From read", &to.url(), to.token())).await.unwrap();

    let company =
        Company::new(gangway_company::Size { users: 250, groups: 20, service_accounts: 3, damaged: 0 }, 12);
    write_company(folder.path(), &company);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let job = api.run("From read").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    assert_eq!(held(&to.all("Users").await.unwrap(), &to.all("Groups").await.unwrap()), wanted(&company));
    let again = api.run("From read").await.unwrap();
    let row = counters(&again, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (0, 0, 0), "{again:?}");
}
