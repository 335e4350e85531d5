//! Changes that nobody has read yet: durable by the journal, in a transaction that is open.

use super::journal::{crashed, open};
use super::*;
use std::path::Path;
use std::sync::mpsc;

/// A directory with a group, and the group's path.
fn with_crew(folder: &Path) -> (Directory, String) {
    let d = open(folder);
    let crew = group(&d, "crew", &[]);
    (d, format!("/Groups/{crew}"))
}

/// Has a change carried out the way a server does.
fn submit(d: &Directory, method: &str, path: &str, body: &Value) -> Reply {
    let (tell, told) = mpsc::channel();
    let body = body.to_string();
    let call = Call { method, path, body: body.as_bytes(), base: BASE, ..Call::default() };
    d.submit(&call, move |finished| tell.send(finished).unwrap());
    d.answer(told.recv().unwrap())
}

/// Gives a group other names until one is late, and gives that one.
fn late_name(d: &Directory, path: &str) -> String {
    for n in 0..10_000 {
        let name = format!("crew{n}");
        let add = json!({ "Operations": [{ "op": "add", "path": "displayName", "value": name }] });
        assert_eq!(submit(d, "PATCH", path, &add).status, 200);
        if d.committer.is_late() {
            return name;
        }
    }
    panic!("no change was late");
}

#[test]
fn whoever_asks_sees_them() {
    let folder = tempfile::tempdir().unwrap();
    let (d, path) = with_crew(folder.path());
    let name = late_name(&d, &path);
    assert_eq!(get(&d, &path)["displayName"], name);
    assert!(!d.committer.is_late());
    let name = late_name(&d, &path);
    assert_eq!(names(&get(&d, &filtered("/Groups", &format!("displayName eq \"{name}\"")))), [name]);
    let name = late_name(&d, &path);
    assert_eq!(submit(&d, "PATCH", &path, &json!({ "Operations": [] })).status, 400);
    assert_eq!(get(&d, &path)["displayName"], name, "also behind one that is refused");
    assert_eq!(d.check().unwrap().problem_count, 0);
}

#[test]
fn they_outlive_their_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let (d, path) = with_crew(folder.path());
    let name = late_name(&d, &path);
    let (tell, told) = mpsc::channel();
    let broken = |_: &mut crate::write::Writer<'_>| -> Result<(), crate::ScimError> { panic!("on purpose") };
    d.committer.submit(broken, true, move |given| tell.send(given.unwrap_err().status).unwrap());
    assert_eq!(told.recv().unwrap(), 500);
    assert_eq!(get(&d, &path)["displayName"], name);
    let name = late_name(&d, &path);
    d.set_settings(crate::Settings { soft_delete: true, ..d.settings() }).unwrap();
    assert_eq!(get(&d, &path)["displayName"], name);
    let name = late_name(&d, &path);
    let other = user(&d, "ann", json!({}));
    assert_eq!(get(&d, &path)["displayName"], name);
    assert_eq!(get(&d, &format!("/Users/{other}"))["userName"], "ann");
}

#[test]
fn they_are_there_after_a_crash_and_after_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let (d, path) = with_crew(folder.path());
    let name = late_name(&d, &path);
    let copy = crashed(folder.path());
    assert_eq!(get(&open(copy.path()), &path)["displayName"], name);
    let name = late_name(&d, &path);
    drop(d);
    let d = open(folder.path());
    assert_eq!(get(&d, &path)["displayName"], name);
    assert_eq!(d.check().unwrap().problem_count, 0);
}
