//! Servers that misbehave, byte by byte.

use super::{GROUPS, operation};
use crate::Ldap;
use gangway_sdk::testing::{FakeHost, Wire};
use gangway_sdk::{Connector, Error, Source, Target};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::rc::Rc;

/// A server that answers each message with the next bytes of its script, and then hangs up.
struct Script {
    answers: VecDeque<Vec<u8>>,
    ready: VecDeque<u8>,
    seen: Rc<RefCell<Vec<u8>>>,
    tls: Rc<RefCell<bool>>,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.seen.borrow_mut().extend_from_slice(bytes);
        self.ready.extend(self.answers.pop_front().unwrap_or_default());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // A few bytes at a time, so that every message comes in pieces.
        let count = into.len().min(3);
        self.ready.read(&mut into[..count])
    }
}

impl Wire for Script {
    fn start_tls(&mut self) -> Result<(), Error> {
        *self.tls.borrow_mut() = true;
        Ok(())
    }
}

pub(super) struct Seen {
    host: FakeHost,
    bytes: Rc<RefCell<Vec<u8>>>,
    tls: Rc<RefCell<bool>>,
}

impl Seen {
    /// Whether the text was in what was sent.
    pub(super) fn asked(&self, text: &str) -> bool {
        self.bytes.borrow().windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// A system whose connections follow the scripts, one after the other.
pub(super) fn system(scripts: Vec<Vec<Vec<u8>>>, properties: &[(&str, &str)]) -> Seen {
    let host = FakeHost::install();
    host.property("ldap.url", "ldap://localhost")
        .property("ldap.user.path", "dc=x")
        .property("ldap.group.path", GROUPS);
    for (name, value) in properties {
        host.property(name, value);
    }
    let (bytes, tls) = (Rc::default(), Rc::default());
    let scripts = RefCell::new(VecDeque::from(scripts));
    let (seen, started) = (Rc::clone(&bytes), Rc::clone(&tls));
    host.connections(move |_| {
        let answers =
            scripts.borrow_mut().pop_front().ok_or_else(|| Error::unavailable("no more scripts"))?;
        Ok(Box::new(Script {
            answers: answers.into(),
            ready: VecDeque::new(),
            seen: Rc::clone(&seen),
            tls: Rc::clone(&started),
        }))
    });
    Seen { host, bytes, tls }
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut writer = crate::ber::Writer::default();
    writer.element(tag, &parts.concat());
    writer.into_bytes()
}

pub(super) fn result(id: u8, tag: u8, code: u8, text: &str) -> Vec<u8> {
    let body = element(tag, &[&[0x0a, 1, code], &element(4, &[]), &element(4, &[text.as_bytes()])]);
    element(0x30, &[&[2, 1, id], &body])
}

pub(super) fn entry(id: u8, dn: &str, attributes: &[(&str, &[&str])]) -> Vec<u8> {
    let list: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(name, values)| {
            let set: Vec<u8> = values.iter().flat_map(|value| element(4, &[value.as_bytes()])).collect();
            element(0x30, &[&element(4, &[name.as_bytes()]), &element(0x31, &[&set])])
        })
        .collect();
    let body = element(0x64, &[&element(4, &[dn.as_bytes()]), &element(0x30, &[&list.concat()])]);
    element(0x30, &[&[2, 1, id], &body])
}

fn read_error(answer: Vec<u8>) -> Error {
    let seen = system(vec![vec![answer]], &[]);
    let error = Ldap::open().unwrap().read_page("user", None, 10).unwrap_err();
    drop(seen);
    error
}

#[test]
fn answers_that_are_no_ldap_are_errors_and_never_a_panic() {
    for (answer, code, word) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "protocol", "no sequence"),
        (vec![], "unavailable", "closed the connection"),
        (vec![0x30], "unavailable", "closed the connection"),
        (vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], "too-large", "ldap.page.size"),
        (vec![0x30, 0x80, 0, 0], "protocol", "indefinite"),
        (vec![0x30, 2, 2, 1], "protocol", "longer"),
        (result(9, 0x65, 0, ""), "protocol", "never made"),
        (result(1, 0x60, 0, ""), "protocol", "no server sends"),
        (entry(0, "x", &[]), "protocol", "answers no request"),
        (result(0, 0x78, 52, "shutting down"), "unavailable", "shutting down"),
        (result(1, 0x65, 4, ""), "too-large", "size limit"),
        (result(1, 0x65, 12, ""), "unsupported", "paged results"),
        ([entry(1, "uid=a,dc=x", &[]).as_slice(), &[0x30, 3, 2, 1]].concat(), "unavailable", "closed"),
    ] {
        let error = read_error(answer.clone());
        assert_eq!(error.code, code, "{answer:?}: {error}");
        assert!(error.message.contains(word), "{error}");
    }
}

#[test]
fn a_server_that_gives_more_than_a_page_is_an_error() {
    let two = [entry(1, "uid=a,dc=x", &[]), entry(1, "uid=b,dc=x", &[]), result(1, 0x65, 0, "")].concat();
    let _seen = system(vec![vec![two]], &[]);
    let error = Ldap::open().unwrap().read_page("user", None, 1).unwrap_err();
    assert_eq!(error.code, "protocol");
}

#[test]
fn an_entry_without_a_name_is_a_problem_of_its_own() {
    let page =
        [entry(1, "", &[]), entry(1, "uid=b,dc=x", &[("cn", &["b"])]), result(1, 0x65, 0, "")].concat();
    let _seen = system(vec![vec![page]], &[]);
    let page = Ldap::open().unwrap().read_page("user", None, 10).unwrap();
    assert_eq!((page.entities.len(), page.problems.len(), page.next_cursor), (1, 1, None));
}

#[test]
fn start_tls_comes_before_the_bind_and_the_password_from_the_host() {
    let script = vec![result(1, 0x78, 0, ""), result(2, 0x61, 0, ""), result(3, 0x65, 0, "")];
    let seen = system(vec![script], &[("ldap.starttls", "true"), ("ldap.user", "cn=admin")]);
    seen.host.secret("ldap.password", "hunter2hunter2");
    Ldap::open().unwrap().read_page("user", None, 10).unwrap();
    assert!(*seen.tls.borrow());
    let bytes = seen.bytes.borrow();
    let at = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    assert!(at(b"1.3.6.1.4.1.1466.20037") < at(b"cn=admin"));
    assert!(at(b"cn=admin") < at(b"hunter2hunter2"));
}

#[test]
fn a_server_that_refuses_start_tls_gets_no_password() {
    let seen = system(
        vec![vec![result(1, 0x78, 2, "unsupported extended operation")]],
        &[("ldap.starttls", "true"), ("ldap.user", "cn=admin")],
    );
    seen.host.secret("ldap.password", "hunter2hunter2");
    let error = Ldap::open().unwrap().read_page("user", None, 10).unwrap_err();
    assert!(error.message.contains("StartTLS"), "{error}");
    assert!(!*seen.tls.borrow());
    assert!(!seen.bytes.borrow().windows(7).any(|window| window == b"hunter2"));
}

#[test]
fn f057_members_that_come_in_pieces_are_all_fetched() {
    let dn = "cn=big,dc=x";
    let first = entry(1, dn, &[("cn", &["big"]), ("member", &[]), ("member;range=0-1", &["uid=a", "uid=b"])]);
    let second = entry(1, dn, &[("member;range=2-3", &["uid=c", "uid=d"])]);
    let third = entry(3, dn, &[("member;range=4-*", &["uid=e"])]);
    let done = |id| result(id, 0x65, 0, "");
    let reads = vec![[first.clone(), done(1)].concat()];
    // The second connection is asked for the rest; between its requests it is asked whether it is alive.
    let rest = vec![[second, done(1)].concat(), done(2), [third, done(3)].concat()];
    let seen = system(vec![reads, rest], &[]);
    let page = Ldap::open().unwrap().read_page("group", None, 10).unwrap();
    assert_eq!(page.problems, []);
    let json: Value = serde_json::from_str(&page.entities[0].json).unwrap();
    assert_eq!(json["member"], serde_json::json!(["uid=a", "uid=b", "uid=c", "uid=d", "uid=e"]));
    drop(seen);
    // A server that gives no more, or nothing, is an error, not the end of the group.
    for rest in [entry(1, dn, &[("member;range=0-1", &["uid=a"])]), entry(1, dn, &[("cn", &["big"])]), vec![]]
    {
        let scripts = vec![vec![[first.clone(), done(1)].concat()], vec![[rest, done(1)].concat()]];
        let _seen = system(scripts, &[]);
        let page = Ldap::open().unwrap().read_page("group", None, 10).unwrap();
        assert_eq!((page.entities.len(), page.problems[0].error.code.as_str()), (0, "protocol"));
    }
}

#[test]
fn a_connection_that_breaks_under_writes_leaves_the_unanswered_ones_unknown() {
    let seen = system(vec![vec![result(1, 0x69, 0, "")]], &[]);
    let create = |uid: &str| operation("create", "user", Some(uid), r#"{"cn":["x"],"sn":["x"]}"#);
    let outcomes = Ldap::open().unwrap().write(&[create("a"), create("b")]).unwrap();
    assert_eq!(outcomes[0].id.as_deref(), Some("uid=a,dc=x"));
    assert_eq!(outcomes[1].error.as_ref().unwrap().code, "unavailable");
    drop(seen);
}
