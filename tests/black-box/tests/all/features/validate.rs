//! Validation: F174 to F177.

use crate::setting::Setting;
use gangway_kit::Method;
use serde_json::{Value, json};
use std::io::Read;

/// A setting whose systems cannot be reached: the source's file is not there, nor is the target's server.
async fn unreachable() -> Setting {
    Setting::with(|_| (), |app| app["properties"]["URL"]["value"] = "http://127.0.0.1:9/v2".into()).await
}

const HEADER: &str = "id,userName,familyName,email,department";

fn users(count: usize) -> String {
    let rows: Vec<String> =
        (1..=count).map(|n| format!("U{n},user{n},Family {n},u{n}@example.com,Sales")).collect();
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// Runs `gangway job validate` and gives the files of the result, or what it said.
fn validate(
    setting: &Setting,
    users: Option<&str>,
    groups: Option<&str>,
) -> Result<Vec<(String, String)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("result.zip");
    let mut arguments = vec!["job".to_owned(), "validate".into(), "HR".into()];
    for (name, text) in [("users", users), ("groups", groups)] {
        if let Some(text) = text {
            let file = folder.path().join(format!("{name}.csv"));
            std::fs::write(&file, text).unwrap();
            arguments.extend([format!("--{name}"), file.display().to_string()]);
        }
    }
    arguments.extend(["--output".to_owned(), output.display().to_string()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = setting.engine.cli("setting", &arguments).unwrap();
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&output).unwrap()).unwrap();
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((file.name().to_owned(), text));
    }
    Ok(files)
}

fn file<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    let found = files.iter().find(|(file, _)| file == name);
    found.map_or_else(|| panic!("no {name} in {files:?}"), |(_, text)| text)
}

#[tokio::test]
async fn f174_two_files_of_which_the_first_ten_rows_are_used() {
    let setting = unreachable().await;
    let mut long = users(12);
    long.push_str("this,row,is,not,looked,at,at,all\n");
    let groups = "id,displayName,members[0].value\nG1,Sales,U1\n";
    let files = validate(&setting, Some(&long), Some(groups)).unwrap();
    let table = file(&files, "user_App.csv");
    assert_eq!(table.lines().count(), 1 + 10, "{table}");
    assert!(table.contains("user10") && !table.contains("user11"), "{table}");
    assert!(table.lines().next().unwrap().contains("emails[0].value"), "{table}");
    assert!(file(&files, "group_App.csv").contains("Sales"));
    assert_eq!(validate(&setting, None, Some(groups)).unwrap().len(), 1, "either file is enough");
    assert!(
        validate(&setting, None, None).unwrap_err().contains("neither a file of users nor one of groups")
    );
}

#[tokio::test]
async fn f175_a_row_with_the_wrong_number_of_fields_is_refused_with_its_number() {
    let setting = unreachable().await;
    for (row, fields) in
        [("U2,user2,Family 2,u2@example.com", 4), ("U2,user2,Family 2,u2@example.com,Sales,", 6)]
    {
        let error = validate(&setting, Some(&format!("{}{row}\n", users(1))), None).unwrap_err();
        assert!(error.contains(&format!("row 3 has {fields} fields, and the header has 5")), "{error}");
    }
    // Empty ones count.
    assert!(validate(&setting, Some(&format!("{}U2,user2,Family 2,,\n", users(1))), None).is_ok());
}

#[tokio::test]
async fn f176_a_validation_asks_no_system() {
    let setting = Setting::new().await;
    assert!(!setting.folder.path().join("users.csv").exists(), "reading the source would fail");
    let files = validate(&setting, Some(&users(2)), None).unwrap();
    assert!(file(&files, "user_App.csv").contains("user2"));
    assert_eq!(setting.relay.requests().len(), 0);
    assert!(!setting.engine.log().contains("users.csv"), "{}", setting.engine.log());
}

#[tokio::test]
async fn f177_the_result_is_a_table_for_each_type_and_target_and_a_trace_for_the_caller_alone() {
    let setting = unreachable().await;
    // A second target, a disabled one, and one of no source.
    let mut app = setting.api.ok(Method::GET, "systems/App", None).await.unwrap();
    for (name, enabled, sources) in
        [("Second", true, json!(["HR"])), ("Off", false, json!(["HR"])), ("Loose", true, json!([]))]
    {
        let system = json!({
            "name": name, "role": "target", "plugin": "scim2", "enabled": enabled, "sources": sources,
            "properties": { "URL": { "value": "http://127.0.0.1:9" } },
            "grants": app["grants"].take(), "write": app["write"].clone(),
        });
        app["grants"] = system["grants"].clone();
        setting.api.make_system(system).await.unwrap();
    }
    let good = validate(&setting, Some(&users(1)), Some("id,displayName\nG1,Sales\n")).unwrap();
    let mut names: Vec<&str> = good.iter().map(|(name, _)| name.as_str()).collect();
    names.sort();
    assert_eq!(names, ["group_App.csv", "group_Second.csv", "user_App.csv", "user_Second.csv"]);
    // A service account is skipped by the source, and one without a family name fails there.
    let users = format!("{HEADER},type\nU1,svc,Family,,,service\nU2,user2,,,,\nU3,user3,Family,,,\n");
    let files = validate(&setting, Some(&users), None).unwrap();
    let trace = file(&files, "trace.log");
    assert!(trace.contains("users row 2, source \"HR\": skipped"), "{trace}");
    assert!(trace.contains("users row 3, source \"HR\": failed"), "{trace}");
    assert_eq!(file(&files, "user_App.csv").lines().count(), 2);
    // Nothing of it is kept: not among the jobs, not in a log.
    let jobs = setting.api.ok(Method::GET, "jobs", None).await.unwrap();
    assert_eq!(jobs["jobs"], Value::Array(Vec::new()));
    assert!(!setting.engine.log().contains("user3"));
}
