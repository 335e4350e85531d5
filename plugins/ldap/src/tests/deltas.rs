//! What changed: in a directory with change numbers, and in a real OpenLDAP server.

use super::operation;
use super::scripted::{entry, result, system};
use super::server::Server;
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
    let seen = system(vec![vec![root(1, "dc1", "99")], vec![person.clone()]], &[]);
    let page = Ldap::open().unwrap().read_changes("user", &mark, None, 10).unwrap();
    assert_eq!(page.entities.len(), 1);
    assert!(seen.asked("uSNChanged\u{4}\u{2}42"), "everything above 41");
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
