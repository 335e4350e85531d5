//! A session with the server: connect, StartTLS, bind, and requests that travel side by side.

use crate::ber;
use crate::failure::failure;
use crate::message::{self, Body, LdapResult, Message, Request, Search};
use crate::settings::Settings;
use gangway_sdk::connection::{self, Stream};
use gangway_sdk::{Error, Result, error::code, log, system};
use std::collections::HashMap;
use std::io::{Read, Write};

/// The most bytes that are read in one message, and that are kept of the entries of one call. It bounds
/// what a server can make the plugin hold.
const MAX_BYTES: usize = 16 << 20;
/// How many requests are under way at once, at most.
const WINDOW: usize = 64;
/// How many bytes of requests are under way at once, at most (a single request may have more).
const WINDOW_BYTES: usize = 1 << 20;

/// One message as it came.
pub type Frame = Vec<u8>;

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result.
    pub result: LdapResult,
    /// The entries that a search found, each in its message.
    pub entries: Vec<Frame>,
    /// The cookie of the next page.
    pub cookie: Option<Vec<u8>>,
}

impl Answer {
    /// The answer, if it is a success.
    pub fn accept(self, what: &str) -> Result<Self> {
        if self.result.code == 0 { Ok(self) } else { Err(failure(&self.result, what)) }
    }
}

/// An open, bound connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    last_id: u32,
}

impl Connection {
    /// Connects and binds.
    pub fn open(settings: &Settings) -> Result<Self> {
        let stream = connection::connect(&settings.address)?;
        let mut connection = Self { stream, last_id: 0 };
        if settings.start_tls {
            let answer = connection.one(&Request::StartTls)?;
            answer.accept("protect the connection with StartTLS")?;
            connection.stream.start_tls()?;
        }
        if let Some(user) = &settings.user {
            connection.bind(user, settings.password.unwrap_or("ldap.password"))?;
        }
        Ok(connection)
    }

    fn bind(&mut self, user: &str, password: &str) -> Result<()> {
        let length = connection::secret_length(password).filter(|length| *length > 0).ok_or_else(|| {
            Error::configuration(format!(
                "The property `{password}` is empty. Set it to the password of {user}."
            ))
            .with_detail("property", password)
        })?;
        let id = self.next_id();
        let before = message::bind_before_password(id, user, length as usize);
        // The host puts the password behind it; this code never sees it.
        self.stream.write_secret(&before, password, &[])?;
        let answer = self.answer_to(id)?;
        answer.accept(&format!("bind as {user}")).map(drop)
    }

    fn next_id(&mut self) -> u32 {
        // A signed number of 31 bits is all that the protocol allows.
        self.last_id = if self.last_id >= i32::MAX.unsigned_abs() { 1 } else { self.last_id + 1 };
        self.last_id
    }

    /// Sends one request and waits for its answer.
    pub fn one(&mut self, request: &Request) -> Result<Answer> {
        let id = self.next_id();
        self.stream.write_all(&request.encode(id)).map_err(lost)?;
        self.answer_to(id)
    }

    fn answer_to(&mut self, id: u32) -> Result<Answer> {
        let mut entries = Vec::new();
        let mut held = 0;
        loop {
            let frame = self.frame()?;
            match received(&frame, |answered| answered == id)? {
                Received::Result(_, result, cookie) => return Ok(Answer { result, entries, cookie }),
                Received::Entry(_) => {
                    hold(&mut held, frame.len())?;
                    entries.push(frame);
                }
                Received::Nothing => {}
            }
        }
    }

    /// Sends requests without waiting for each answer in turn. When the connection breaks, every request
    /// that has no answer yet has the reason instead.
    fn many(&mut self, requests: &[Request]) -> Vec<Result<Answer>> {
        let mut flow = Flow::new(requests.len());
        if let Err(error) = self.run(requests, &mut flow) {
            flow.fail(&error);
        }
        flow.answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(lost_answer()))).collect()
    }

    fn run(&mut self, requests: &[Request], flow: &mut Flow) -> Result<()> {
        for (place, request) in requests.iter().enumerate() {
            let id = self.next_id();
            let bytes = request.encode(id);
            while !flow.waiting.is_empty()
                && (flow.waiting.len() >= WINDOW || flow.bytes + bytes.len() > WINDOW_BYTES)
            {
                self.receive(flow)?;
            }
            system::check_cancelled()?;
            flow.sent(id, place, bytes.len());
            self.stream.write_all(&bytes).map_err(lost)?;
        }
        while !flow.waiting.is_empty() {
            self.receive(flow)?;
        }
        Ok(())
    }

    fn receive(&mut self, flow: &mut Flow) -> Result<()> {
        let frame = self.frame()?;
        match received(&frame, |id| flow.waiting.contains_key(&id))? {
            Received::Entry(id) => {
                hold(&mut flow.held, frame.len())?;
                flow.entry(id, frame);
            }
            Received::Result(id, result, cookie) => flow.done(id, result, cookie),
            Received::Nothing => {}
        }
        Ok(())
    }

    /// The next whole message.
    fn frame(&mut self) -> Result<Frame> {
        let mut frame = vec![0; 2];
        self.fill(&mut frame, 0)?;
        let length = loop {
            match ber::header(&frame).map_err(|why| not_ldap(why.0))? {
                Some((ber::SEQUENCE, header, length)) => break header.saturating_add(length),
                Some(_) => return Err(not_ldap("it is no sequence")),
                // The length itself is longer.
                None => {
                    let known = frame.len();
                    frame.push(0);
                    self.fill(&mut frame, known)?;
                }
            }
        };
        hold(&mut 0, length)?;
        let known = frame.len();
        frame.resize(length, 0);
        self.fill(&mut frame, known)?;
        Ok(frame)
    }

    fn fill(&mut self, frame: &mut [u8], from: usize) -> Result<()> {
        self.stream.read_exact(frame.get_mut(from..).unwrap_or_default()).map_err(lost)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let id = self.next_id();
        // A courtesy: the connection is closed with or without it.
        drop(self.stream.write_all(&Request::Unbind.encode(id)));
    }
}

/// Requests under way.
struct Flow {
    answers: Vec<Option<Result<Answer>>>,
    /// By message number: place of the request, its size, and what came so far.
    waiting: HashMap<u32, (usize, usize, Vec<Frame>)>,
    /// The size of the requests under way.
    bytes: usize,
    /// The size of the entries that came.
    held: usize,
}

impl Flow {
    fn new(count: usize) -> Self {
        let mut answers = Vec::with_capacity(count);
        answers.resize_with(count, || None);
        Self { answers, waiting: HashMap::new(), bytes: 0, held: 0 }
    }

    fn sent(&mut self, id: u32, place: usize, bytes: usize) {
        self.bytes += bytes;
        self.waiting.insert(id, (place, bytes, Vec::new()));
    }

    fn entry(&mut self, id: u32, frame: Frame) {
        if let Some((_, _, entries)) = self.waiting.get_mut(&id) {
            entries.push(frame);
        }
    }

    fn done(&mut self, id: u32, result: LdapResult, cookie: Option<Vec<u8>>) {
        let Some((place, bytes, entries)) = self.waiting.remove(&id) else { return };
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(answer) = self.answers.get_mut(place) {
            *answer = Some(Ok(Answer { result, entries, cookie }));
        }
    }

    fn fail(&mut self, error: &Error) {
        let sent: Vec<usize> = self.waiting.drain().map(|(_, (place, ..))| place).collect();
        for (place, answer) in self.answers.iter_mut().enumerate() {
            if answer.is_none() {
                let mut error = error.clone();
                if !sent.contains(&place) {
                    error.message = format!("The request was not sent, because of this: {}", error.message);
                }
                *answer = Some(Err(error));
            }
        }
    }
}

enum Received {
    Entry(u32),
    Result(u32, LdapResult, Option<Vec<u8>>),
    Nothing,
}

/// What a message is to the requests that wait.
fn received(frame: &[u8], waits: impl Fn(u32) -> bool) -> Result<Received> {
    let message = Message::decode(frame).map_err(|why| not_ldap(why.0))?;
    if message.id == 0 {
        let Body::Result(_, result) = message.body else { return Err(not_ldap("it answers no request")) };
        // The notice of disconnection (RFC 4511 section 4.4.1).
        return Err(Error::unavailable(format!(
            "The LDAP server ends the session: {} ({}). The engine may try again later.",
            if result.text.is_empty() { "it does not say why" } else { &result.text },
            result.code
        ))
        .with_detail("resultCode", result.code));
    }
    if !waits(message.id) {
        return Err(not_ldap("it answers a request that was never made"));
    }
    Ok(match message.body {
        Body::Entry(_) => Received::Entry(message.id),
        Body::Result(_, result) => Received::Result(message.id, result, message.cookie.map(<[u8]>::to_vec)),
        Body::Reference => {
            log::debug("the server refers to another one for a part of the tree: that part is not read");
            Received::Nothing
        }
        Body::Intermediate => Received::Nothing,
    })
}

/// An entry in its message.
pub fn entry(frame: &[u8]) -> Result<message::Entry<'_>> {
    match Message::decode(frame).map_err(|why| not_ldap(why.0))?.body {
        Body::Entry(entry) => Ok(entry),
        _ => Err(not_ldap("it is no entry")),
    }
}

/// Adds to the bytes that are held, or says that they are too many.
fn hold(held: &mut usize, more: usize) -> Result<()> {
    *held = held.saturating_add(more);
    if *held <= MAX_BYTES {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "The LDAP server sent more than {} MiB at once. Lower `ldap.page.size`, or leave large attributes out with \
         `ldap.user.attributes` or `ldap.group.attributes`.",
        MAX_BYTES >> 20
    )))
}

fn not_ldap(why: &str) -> Error {
    Error::protocol(format!(
        "The server sent a message that LDAP does not allow: {why}. Check that the system's URL leads to an LDAP \
         server, and whether ldap:// or ldaps:// is right for its port."
    ))
}

fn lost(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return Error::unavailable(
            "The LDAP server closed the connection. The engine may try again later; if it happens at once, check \
             whether ldap:// or ldaps:// is right for the port.",
        );
    }
    error.into()
}

fn lost_answer() -> Error {
    Error::internal("A request was left without an answer.")
}

/// The connection for everything but paged reads, opened when it is needed.
#[derive(Debug, Default)]
pub struct Worker {
    connection: Option<Connection>,
}

impl Worker {
    /// Carries out requests side by side, an answer for each.
    pub fn run(&mut self, settings: &Settings, requests: &[Request]) -> Vec<Result<Answer>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let mut connection = match self.take(settings) {
            Ok(connection) => connection,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let answers = connection.many(requests);
        if answers.iter().all(Result::is_ok) {
            self.connection = Some(connection);
        }
        answers
    }

    /// The open connection if it still works, otherwise a new one. Finding out before a write is what
    /// keeps a write from being sent into a dead connection and its effect from being unknown.
    fn take(&mut self, settings: &Settings) -> Result<Connection> {
        if let Some(mut kept) = self.connection.take() {
            match kept.one(&root_entry()) {
                Ok(_) => return Ok(kept),
                Err(error) if error.is(code::CANCELLED) => return Err(error),
                Err(error) => log::debug(format_args!("the connection is opened again: {error}")),
            }
        }
        Connection::open(settings)
    }
}

/// The search that every server answers, even to nobody.
fn root_entry() -> Request {
    Request::Search(Search::any_entry(String::new(), vec!["1.1".to_owned()]))
}
