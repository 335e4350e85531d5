//! What changed: in a directory with change numbers, and in a real OpenLDAP server.

use super::scripted::{entry, result, system};
use super::server::Server;
use super::{PEOPLE, operation};
use crate::Ldap;
use gangway_sdk::{Changes, Connector, Target};
use serde_json::json;

fn root(id: u8, server: &str, last: &str) -> Vec<u8> {
    let root = entry(id, "", &[("highestCommittedUSN", &[last]), ("dsServiceName", &[server])]);
    [root, result(id, 0x65, 0, "")].concat()
}

#[test]
fn f044_active_directory_is_read_by_change_numbers_where_they_are_listed() {
    let script = vec![root(1, "dc1", "41")];
    let seen = system(vec![script], &[("ldap.user.attributes", "cn,uSNChanged")]);
    let mark = Ldap::open().unwrap().mark("user", 0).unwrap().unwrap();
    drop(seen);
    let person = [entry(1, "uid=a,dc=x", &[("cn", &["a"])]), result(1, 0x65, 0, "")].concat();
    let none = result(1, 0x65, 0, "");
    let seen = system(vec![vec![root(1, "dc1", "99")], vec![none], vec![person.clone()]], &[]);
    let page = Ldap::open().unwrap().read_changes("user", &mark, None, 10).unwrap();
    assert_eq!(page.entities.len(), 1);
    assert!(seen.asked("uSNChanged\u{4}\u{2}42"), "everything above 41");
    assert!(seen.asked("1.2.840.113556.1.4.417"), "deleted objects are asked for");
    drop(seen);
    // The numbers of another controller say nothing about those of this one: everything is read.
    let seen = system(vec![vec![root(1, "dc2", "7")], vec![person]], &[]);
    let page = Ldap::open().unwrap().read_changes("user", &mark, None, 10).unwrap();
    assert_eq!((page.entities.len(), seen.asked("uSNChanged\u{4}\u{2}42")), (1, false));
    drop(seen);
    let _seen = system(vec![vec![root(1, "dc1", "41")]], &[("ldap.user.attributes", "cn,mail")]);
    let error = Ldap::open().unwrap().mark("user", 0).unwrap_err();
    assert!(error.is("unsupported") && error.message.contains("ldap.user.attributes"), "{error}");
}

#[test]
fn other_directories_are_read_by_the_time_of_the_last_change() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let user = |kind: &str, id: Option<&str>, sn: &str| {
        operation(kind, "user", id, json!({"uid": ["ann"], "cn": ["Ann"], "sn": [sn]}))
    };
    assert_eq!(ldap.write(&[user("create", None, "Ek")]).unwrap()[0].error, None);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let marks = [now - 60_000, now + 60_000].map(|time| ldap.mark("user", time).unwrap().unwrap());
    let found = marks.map(|mark| ldap.read_changes("user", &mark, None, 10).unwrap().entities.len());
    assert_eq!(found, [1, 0]);
}

#[test]
fn active_directory_names_what_it_deleted() {
    let deleted = entry(
        1,
        "CN=Ann Ek\\0ADEL:c0ffee,CN=Deleted Objects,DC=x",
        &[("lastKnownParent", &["OU=People,DC=x"]), ("msDS-LastKnownRDN", &["Ann Ek"])],
    );
    let log = [deleted, result(1, 0x65, 0, "")].concat();
    // The connection for single requests: what the server says of itself, whether it is alive, and no such entry.
    let worker = vec![root(1, "dc1", "99"), result(2, 0x65, 0, ""), result(3, 0x65, 32, "")];
    let seen = system(vec![worker, vec![log], vec![result(1, 0x65, 0, "")]], &[]);
    let mark = r#"{"number":{"server":"dc1","last":41}}"#;
    let page = Ldap::open().unwrap().read_changes("user", mark, None, 10).unwrap();
    assert_eq!(page.removed, ["cn=ann ek,ou=people,dc=x"]);
    drop(seen);
}

#[test]
fn a_change_log_tells_what_was_deleted_and_moved_and_a_filter_what_it_no_longer_takes() {
    let server = Server::with_change_log();
    let properties =
        [("ldap.delta.change.log", "cn=accesslog"), ("ldap.user.filter", "(employeeType=active)")];
    let (_host, mut ldap) = server.system(&properties);
    let user = |kind: &str, id: Option<&str>, uid: &str, state: &str| {
        let content = json!({"uid": [uid], "cn": [uid], "sn": ["x"], "employeeType": [state]});
        operation(kind, "user", id, content)
    };
    let dn = |uid: &str| format!("uid={uid},{PEOPLE}");
    let names = ["stays", "goes", "moves", "returns", "retires"];
    let creates: Vec<_> = names.iter().map(|name| user("create", None, name, "active")).collect();
    for outcome in ldap.write(&creates).unwrap() {
        assert_eq!(outcome.error, None);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let mark = ldap.mark("user", now - 60_000).unwrap().unwrap();
    assert_eq!(ldap.read_changes("user", &mark, None, 10).unwrap().removed, Vec::<String>::new());
    let changes = [
        operation("delete", "user", Some(&dn("goes")), json!({})),
        operation("delete", "user", Some(&dn("returns")), json!({})),
        user("replace", Some(&dn("moves")), "moved", "active"),
        user("replace", Some(&dn("retires")), "retires", "gone"),
    ];
    for change in changes {
        assert_eq!(ldap.write(&[change]).unwrap()[0].error, None);
    }
    assert_eq!(ldap.write(&[user("create", None, "returns", "active")]).unwrap()[0].error, None);
    let page = ldap.read_changes("user", &mark, None, 10).unwrap();
    assert_eq!(page.removed, [dn("goes"), dn("moves"), dn("retires")]);
    let mut changed: Vec<&str> = page.entities.iter().map(|entity| entity.id.as_str()).collect();
    changed.sort_unstable();
    assert_eq!(changed, [dn("moved"), dn("returns"), dn("stays")]);
    // Nothing of the past: what was deleted before the mark is not told again.
    let mark = ldap.mark("user", now + 60_000).unwrap().unwrap();
    assert_eq!(ldap.read_changes("user", &mark, None, 10).unwrap().removed, Vec::<String>::new());
    // A log that is not there is an error, not an empty list.
    let (_host, mut ldap) = server.system(&[("ldap.delta.change.log", "cn=nowhere")]);
    let mark = ldap.mark("user", now - 60_000).unwrap().unwrap();
    let error = ldap.read_changes("user", &mark, None, 10).unwrap_err();
    assert!(error.message.contains("ldap.delta.change.log"), "{error}");
}
