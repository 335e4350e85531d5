//! Updates, groups and members: F087 to F109.

use crate::setting::Setting;
use crate::systems::{counters, csv_source, document, scim_target, write_users};
use gangway_kit::{Engine, Relay, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

fn write_groups(setting: &Setting, rows: &str) {
    let text = format!("id,displayName,members[]\n{rows}");
    std::fs::write(setting.folder.path().join("groups.csv"), text).unwrap();
}

/// The write document with a title that only a create writes.
fn scoped() -> String {
    let mut document: Value = serde_json::from_str(&document("scim2/types/scim.write.json")).unwrap();
    let mapping = json!({ "constant": "at first", "targetPath": "$.nickName", "scope": "createEntity" });
    document["user"]["mappings"].as_array_mut().unwrap().push(mapping);
    document.to_string()
}

#[tokio::test]
async fn f087_an_update_is_a_put_of_everything_or_a_patch_without_scoped_mappings() {
    for (patch, method) in [("false", "PUT"), ("true", "PATCH")] {
        let target = |target: &mut Value| {
            target["write"]["document"] = json!(scoped());
            target["properties"]["scim.support.patch.operation"] = json!(patch);
        };
        let setting = Setting::with(|_| (), target).await;
        write_users(setting.folder.path(), &[("A", "x")]);
        setting.api.run("HR").await.unwrap();
        write_users(setting.folder.path(), &[("A", "y")]);
        setting.relay.clear();
        assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
        let writes = setting.writes();
        assert_eq!((writes.len(), writes[0].method.as_str()), (1, method));
        let body = String::from_utf8_lossy(&writes[0].body).into_owned();
        assert!(body.contains("\"userName\"") && !body.contains("nickName"), "{body}");
        let user = setting.server.all("Users").await.unwrap().remove(0);
        // What a PUT leaves out is gone, what a PATCH leaves out stays.
        let kept = if patch == "true" { "at first" } else { "" };
        assert_eq!(text(&user, "/nickName"), kept, "{user}");
    }
}

#[tokio::test]
async fn f099_users_are_written_before_groups() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    write_groups(&setting, "g,G,A\n");
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    let paths: Vec<String> = setting.writes().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["/v2/Users", "/v2/Users", "/v2/Groups"]);
    let group = setting.server.all("Groups").await.unwrap().remove(0);
    let user = setting.server.all("Users").await.unwrap().into_iter().find(|u| text(u, "/userName") == "a");
    assert_eq!(text(&group, "/members/0/value"), text(&user.unwrap(), "/id"));
}

/// The display name and the number of members of each group, sorted.
async fn groups(setting: &Setting) -> Vec<(String, usize)> {
    let groups = setting.server.all("Groups").await.unwrap();
    let size = |group: &Value| group["members"].as_array().map_or(0, Vec::len);
    let mut groups: Vec<_> =
        groups.iter().map(|group| (text(group, "/displayName").to_owned(), size(group))).collect();
    groups.sort();
    groups
}

#[tokio::test]
async fn f100_identifiers_of_another_source_are_resolved_by_its_name() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    // Teams come from elsewhere and name the people by their identifiers in HR.
    let teams = tempfile::tempdir().unwrap();
    std::fs::write(
        teams.path().join("users.csv"),
        "id,userName,givenName,familyName,email,department,title,type,active\n",
    )
    .unwrap();
    std::fs::write(teams.path().join("groups.csv"), "id,displayName,members[]\nt,Team,A\n").unwrap();
    setting.api.make_system(csv_source("Teams", teams.path())).await.unwrap();
    let url = format!("{}/v2", setting.relay.url());
    for (name, from) in [("Other", None), ("Named", Some("HR"))] {
        let mut target = scim_target(name, "Teams", &url, setting.server.token());
        let mut write: Value = serde_json::from_str(&document("scim2/types/scim.write.json")).unwrap();
        if let Some(from) = from {
            let function = &mut write["group"]["mappings"][3]["functions"][0];
            function["sourceSystemName"] = json!(from);
            function["targetSystemName"] = json!("App");
            write["group"]["mappings"].as_array_mut().unwrap().remove(4);
        }
        target["write"]["document"] = json!(write.to_string());
        target["enabled"] = json!(from.is_some());
        setting.api.make_system(target).await.unwrap();
    }
    let job = setting.api.run("Teams").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(groups(&setting).await, [("Team".to_owned(), 1)]);
}

/// One member that is there, one that failed, one that was skipped, and one that was never read.
async fn with_missing_members() -> Setting {
    let setting = Setting::new().await;
    let header = "id,userName,givenName,familyName,email,department,title,type,active\n";
    let rows = "A,a,A,A,a@x.org,x,,employee,true\nB,b,B,,b@x.org,x,,employee,true\nC,c,C,C,c@x.org,x,,service,true\n";
    std::fs::write(setting.folder.path().join("users.csv"), format!("{header}{rows}")).unwrap();
    write_groups(&setting, "g,G,A;B;C;D\n");
    setting
}

#[tokio::test]
async fn f101_who_failed_was_skipped_or_was_not_read_is_not_made_a_member() {
    let setting = with_missing_members().await;
    setting.api.run("HR").await.unwrap();
    assert_eq!(groups(&setting).await, [("G".to_owned(), 1)]);
}

#[tokio::test]
async fn f105_a_prefix_is_put_before_group_names_and_chooses_groups() {
    let mut read: Value = serde_json::from_str(&document("csv/types/csv.read.json")).unwrap();
    read["group"]["mappings"][3]["functions"] =
        json!([{ "function": "concatString", "prefix": "%csv.group.prefix%" }]);
    let mut write: Value = serde_json::from_str(&document("scim2/types/scim.write.json")).unwrap();
    write["group"]["condition"] = json!("$.displayName =~ /%scim.group.prefix%.*/");
    let setting = Setting::with(
        |source| {
            source["read"]["document"] = json!(read.to_string());
            source["properties"] = json!({ "csv.group.prefix": "HR_" });
        },
        |target| {
            target["write"]["document"] = json!(write.to_string());
            target["properties"]["scim.group.prefix"] = json!("HR_A");
        },
    )
    .await;
    write_users(setting.folder.path(), &[("A", "x")]);
    write_groups(&setting, "a,Apples,A\nb,Pears,A\n");
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(groups(&setting).await, [("HR_Apples".to_owned(), 1)]);
    assert_eq!(counters(&job, "group", Action::Write).skipped, 1);
}

#[tokio::test]
async fn f109_members_that_are_missing_are_listed_with_the_reason() {
    let setting = with_missing_members().await;
    let job = setting.api.run("HR").await.unwrap();
    let lines = setting.api.events(job.id.as_str(), "skipped").await.unwrap();
    let missing =
        lines.iter().filter(|line| text(line, "/reason").contains("not made a member of group \"g\""));
    let missing: BTreeSet<&str> = missing.map(|line| text(line, "/sourceId")).collect();
    assert_eq!(missing, ["B", "C", "D"].into(), "{lines:?}");
}

const MANY: usize = 10_000;
const GROUPS: usize = 500;

fn write_many(folder: &std::path::Path, everybody: usize) {
    let mut users = String::from("id,userName,givenName,familyName,email,department,title,type,active\n");
    for n in 0..=MANY {
        let _ = writeln!(users, "u{n},user{n},Ada,Nr {n},user{n}@example.com,x,,employee,true");
    }
    std::fs::write(folder.join("users.csv"), users).unwrap();
    let mut groups = String::from("id,displayName,members[]\n");
    for group in 1..GROUPS {
        let _ = writeln!(groups, "g{group},Group {group},u{group};u{}", group + 1);
    }
    let members: Vec<String> = (0..everybody).map(|n| format!("u{n}")).collect();
    let _ = writeln!(groups, "g0,Everybody,{}", members.join(";"));
    std::fs::write(folder.join("groups.csv"), groups).unwrap();
}

#[tokio::test]
async fn f088_one_more_member_of_ten_thousand_is_one_small_patch() {
    let engine = Engine::start().await.unwrap();
    let relay = Relay::start(&engine.url()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("many").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let url = format!("{}/tenants/many/scim/v2", relay.url());
    let mut target = scim_target("Directory", "HR", &url, engine.token());
    target["properties"]["idds.patch.group.members.above.threshold"] = json!("900");
    api.make_system(target).await.unwrap();
    write_many(folder.path(), MANY);
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{:?}\n{}", job.error, engine.log());
    assert_eq!(counters(&job, "group", Action::Write).created as usize, GROUPS);

    write_many(folder.path(), MANY + 1);
    relay.clear();
    let start = Instant::now();
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert!(start.elapsed() < Duration::from_secs(30));
    let requests = relay.requests();
    let writes: Vec<_> = requests.iter().filter(|r| r.is_write()).collect();
    assert_eq!((writes.len(), writes[0].method.as_str()), (1, "PATCH"));
    assert!(writes[0].body.len() < 1000, "{} bytes", writes[0].body.len());
    assert_eq!(requests.len(), 1, "nothing is asked for: what the group holds is known");
    let filter = "Groups?filter=displayName%20eq%20%22Everybody%22";
    let (_, found) =
        api.call(gangway_kit::Method::GET, &format!("/tenants/many/scim/v2/{filter}"), None).await.unwrap();
    assert_eq!(found["Resources"][0]["members"].as_array().map(Vec::len), Some(MANY + 1));
}
