use gangway_sdk::connection::{Address, connect, secret_length};
use gangway_sdk::log::{self, Level};
use gangway_sdk::relations::{self, Query};
use gangway_sdk::testing::{FakeHost, Wire};
use gangway_sdk::{Result, files, state};
use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;

#[test]
fn a_file_is_read_in_chunks_and_replaced_as_a_whole() {
    let host = FakeHost::install();
    let content: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
    host.file("data", content.clone());
    let mut read = Vec::new();
    let mut reader = files::Reader::new("data", 5);
    reader.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(reader.offset(), 15);
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read, content[15..]);
    assert_eq!(reader.offset(), 700_000);
    assert!(reader.fill_buf().unwrap().is_empty());

    let before = files::info("data").unwrap().unwrap();
    files::replace("data").unwrap().write(b"lost").unwrap();
    assert_eq!(files::info("data").unwrap().unwrap(), before, "nothing happens without commit");
    let mut replacement = files::replace("data").unwrap();
    Write::write_all(&mut replacement, b"new").unwrap();
    replacement.commit().unwrap();
    assert_eq!(host.content("data").as_deref(), Some("new"));
    assert!(files::info("data").unwrap().unwrap().modified_ms > before.modified_ms);
    assert_eq!(files::info("none").unwrap(), None);
    assert!(files::read("none", 0, 1).is_err_and(|error| error.is("not-found")));
    host.read_only("data");
    assert!(files::replace("data").is_err_and(|error| error.is("denied")));
}

#[test]
fn the_state_is_kept_within_its_limits() {
    let host = FakeHost::install();
    assert_eq!(state::get_json::<Vec<u8>>("k"), Ok(None));
    state::set_json("k", &[1, 2]).unwrap();
    assert_eq!(state::get_json::<Vec<u8>>("k"), Ok(Some(vec![1, 2])));
    assert_eq!(host.state("k").as_deref(), Some(b"[1,2]".as_slice()));
    state::delete("k").unwrap();
    assert_eq!(state::get("k"), Ok(None));
    host.set_state("k", "{");
    assert!(state::get_json::<u8>("k").is_err_and(|error| error.message.contains("`k`")));
    assert!(state::set(&"k".repeat(257), b"").is_err_and(|error| error.is("too-large")));
    assert!(state::set("v", &vec![0; 65_537]).is_err_and(|error| error.is("too-large")));
}

#[test]
fn messages_keep_their_level_and_facts() {
    let host = FakeHost::install();
    log::info("plain");
    log::with_fields(Level::Error, format_args!("{} rows", 3), &[("file", "users")]);
    let log = host.log();
    assert_eq!((log[0].level, log[0].text.as_str()), (Level::Info, "plain"));
    assert_eq!((log[1].level, log[1].text.as_str()), (Level::Error, "3 rows"));
    assert_eq!(log[1].fields, [("file".to_owned(), "users".to_owned())]);
}

#[test]
fn relations_answer_each_identifier() {
    let host = FakeHost::install();
    let query = Query::new("user", vec!["1".to_owned(), "2".to_owned()]);
    assert_eq!(relations::resolve(&query), Ok(vec![vec![], vec![]]));
    host.relations(|query| Ok(query.ids.iter().map(|id| vec![format!("t{id}")]).collect()));
    assert_eq!(relations::resolve(&query).unwrap()[1], ["t2"]);
}

/// Answers with what was written, and notes it.
#[derive(Default)]
struct Echo {
    answers: Vec<u8>,
    written: Rc<RefCell<Vec<u8>>>,
}

impl Read for Echo {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.answers.len());
        for (to, from) in into.iter_mut().zip(self.answers.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

impl Write for Echo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.extend_from_slice(bytes);
        self.written.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Echo {
    fn start_tls(&mut self) -> Result<()> {
        self.written.borrow_mut().extend_from_slice(b"<TLS>");
        Ok(())
    }
}

#[test]
fn a_stream_reads_writes_starts_tls_and_writes_secrets() {
    let host = FakeHost::install();
    host.secret("password", "s3cr3t");
    let written = Rc::new(RefCell::new(Vec::new()));
    let shared = Rc::clone(&written);
    host.connections(move |address| {
        assert_eq!((address.host.as_str(), address.port, address.tls), ("ldap", 389, false));
        Ok(Box::new(Echo { answers: Vec::new(), written: Rc::clone(&shared) }))
    });
    let address = Address { host: "ldap".to_owned(), port: 389, tls: false, timeout_ms: 0 };
    let mut stream = connect(&address).unwrap();
    stream.write_all(b"hello world").unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    // What came in the clear and was not read is dropped.
    stream.start_tls().unwrap();
    assert_eq!(secret_length("password"), Some(6));
    assert_eq!(secret_length("none"), None);
    stream.write_secret(b"[", "password", b"]").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "[s3cr3t]");
    assert_eq!(written.borrow().as_slice(), b"hello world<TLS>[s3cr3t]");
    assert!(stream.write_secret(b"", "none", b"").is_err_and(|error| error.is("configuration")));
}

#[test]
fn a_connection_without_a_server_in_the_test_is_named() {
    let _host = FakeHost::install();
    let address = Address { host: "ldap".to_owned(), port: 389, tls: true, timeout_ms: 0 };
    assert!(connect(&address).is_err_and(|error| error.message.contains("ldap:389")));
}

#[test]
fn a_real_connection_can_be_allowed() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || server.accept().unwrap().0.write_all(b"hi").unwrap());
    let host = FakeHost::install();
    host.real_connections();
    let address = Address { host: "127.0.0.1".to_owned(), port, tls: false, timeout_ms: 0 };
    let mut text = String::new();
    connect(&address).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hi");
    thread.join().unwrap();
}
