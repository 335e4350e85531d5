//! What can go wrong.

use gangway_sdk::connection::{Address, connect};
use gangway_sdk::http::Request;
use gangway_sdk::{Entity, Error, Outcome, Page, Result, files, log};
use serde::Deserialize;
use std::hint::black_box;
use std::io::Read;

/// A fault's deed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Act {
    /// Answers an error; with `after` only when the work has been done, as when an answer gets lost.
    Error {
        code: String,
        message: Option<String>,
        retry_after_ms: Option<u64>,
        #[serde(default)]
        after: bool,
    },
    /// Panics, which is a trap.
    Trap,
    /// Never ends.
    Loop,
    /// Takes memory until there is none.
    Memory,
    /// Calls itself without end.
    Recursion,
    /// Answers a text of so many MiB.
    Oversized { mebibytes: usize },
    /// Waits for a server that accepts and says nothing.
    Hang { host: String, port: u16 },
    /// Waits for the answer to a request.
    HangHttp { url: String },
    /// Logs so many messages of 1 KiB.
    LogFlood { messages: u32 },
    /// Sends a request.
    Http {
        url: String,
        #[serde(default)]
        header: Option<(String, String)>,
    },
    /// Opens a connection.
    Connect { host: String, port: u16 },
    /// Reads a file.
    ReadFile { name: String },
    /// Replaces a file.
    WriteFile { name: String },
    /// Answers one entity at most.
    ShortPage,
    /// Answers no entity, but a next page.
    EmptyPage,
    /// Answers the first entity of the page twice.
    DuplicateEntity,
    /// Answers a next page that is the same again.
    StuckCursor,
    /// Answers something that is no JSON.
    MalformedJson,
    /// Answers an entity without identifier.
    EmptyId,
    /// Answers one outcome too few.
    MissingOutcome,
    /// Answers one outcome too many.
    ExtraOutcome,
}

/// Deeds that come before the work, or instead of it.
pub(crate) trait Before {
    fn before(&self) -> Result<()>;
}

/// Deeds that spoil its result.
pub(crate) trait After {
    fn shortens(&self) -> bool;
    fn on_page(&self, page: &mut Page, cursor: Option<&str>) -> Result<()>;
    fn on_entities(&self, entities: &mut Vec<Entity>) -> Result<()>;
    fn on_answers(&self, answers: &mut Vec<Result<Entity>>) -> Result<()>;
    fn on_outcomes(&self, outcomes: &mut Vec<Outcome>) -> Result<()>;
}

impl Before for Act {
    fn before(&self) -> Result<()> {
        match self {
            Act::Error { after: false, .. } => self.error(),
            Act::Trap => trap(),
            Act::Loop => endless(),
            Act::Memory => memory(),
            Act::Recursion => {
                log::debug(format_args!("came back from {} calls", recursion(0)));
                Ok(())
            }
            Act::Hang { host, port } => hang(host, *port),
            Act::HangHttp { url } => Request::get(url).send().map(|_| ()),
            Act::LogFlood { messages } => {
                let text = "x".repeat(1024);
                (0..*messages).for_each(|_| log::info(&text));
                Ok(())
            }
            Act::Http { url, header } => {
                let mut request = Request::get(url);
                request.headers.extend(header.clone());
                let response = request.send()?;
                log::warn(format_args!(
                    "the request to {url} was answered: {} {}",
                    response.status,
                    response.excerpt()
                ));
                Ok(())
            }
            Act::Connect { host, port } => {
                connect(&address(host, *port))?;
                log::warn(format_args!("the connection to {host}:{port} was opened"));
                Ok(())
            }
            Act::ReadFile { name } => {
                let bytes = files::read(name, 0, 100)?;
                log::warn(format_args!("the file {name} was read: {} bytes", bytes.len()));
                Ok(())
            }
            Act::WriteFile { name } => {
                let mut replacement = files::replace(name)?;
                replacement.write(b"chaos")?;
                replacement.commit()?;
                log::warn(format_args!("the file {name} was replaced"));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl After for Act {
    fn shortens(&self) -> bool {
        matches!(self, Act::ShortPage)
    }

    fn on_page(&self, page: &mut Page, cursor: Option<&str>) -> Result<()> {
        match self {
            Act::EmptyPage => page.entities.clear(),
            Act::StuckCursor => page.next_cursor = cursor.map(str::to_owned).or(page.next_cursor.take()),
            _ => self.on_entities(&mut page.entities)?,
        }
        Ok(())
    }

    fn on_entities(&self, entities: &mut Vec<Entity>) -> Result<()> {
        match self {
            Act::Error { after: true, .. } => self.error()?,
            Act::DuplicateEntity => entities.extend(entities.first().cloned()),
            _ => {
                if let Some(entity) = entities.first_mut() {
                    self.spoil(entity);
                }
            }
        }
        Ok(())
    }

    fn on_answers(&self, answers: &mut Vec<Result<Entity>>) -> Result<()> {
        match self {
            Act::Error { after: true, .. } => self.error()?,
            Act::MissingOutcome => drop(answers.pop()),
            Act::ExtraOutcome => answers.push(Err(Error::internal("one too many"))),
            _ => {
                if let Some(Ok(entity)) = answers.first_mut() {
                    self.spoil(entity);
                }
            }
        }
        Ok(())
    }

    fn on_outcomes(&self, outcomes: &mut Vec<Outcome>) -> Result<()> {
        match self {
            Act::Error { after: true, .. } => self.error()?,
            Act::MissingOutcome => drop(outcomes.pop()),
            Act::ExtraOutcome => outcomes.push(Outcome::done("one-too-many")),
            Act::Oversized { mebibytes } => {
                if let Some(outcome) = outcomes.first_mut() {
                    outcome.version = Some("x".repeat(mebibytes << 20));
                }
            }
            Act::EmptyId => {
                if let Some(outcome) = outcomes.first_mut() {
                    outcome.id = Some(String::new());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Act {
    fn error(&self) -> Result<()> {
        let Act::Error { code, message, retry_after_ms, .. } = self else { return Ok(()) };
        let mut error = Error::new(code, message.as_deref().unwrap_or("The schedule says so."));
        error.retry_after_ms = *retry_after_ms;
        Err(error)
    }

    fn spoil(&self, entity: &mut Entity) {
        match self {
            Act::MalformedJson => entity.json = "<html>not JSON</html>".to_owned(),
            Act::EmptyId => entity.id = String::new(),
            Act::Oversized { mebibytes } => {
                entity.json = format!(r#"{{"userName":"{}"}}"#, "x".repeat(mebibytes << 20));
            }
            _ => {}
        }
    }
}

/// A function of its own, so that the backtrace has its name.
#[inline(never)]
#[expect(clippy::panic, reason = "a trap is what the schedule asked for")]
fn trap() -> Result<()> {
    panic!("the schedule says so");
}

fn endless() -> Result<()> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
        if turns == u64::MAX {
            return Ok(());
        }
    }
}

fn memory() -> Result<()> {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
        if taken.len() == usize::MAX {
            return Ok(());
        }
    }
}

/// A frame that is used after the call returns, so that the call cannot become a jump.
#[expect(unconditional_recursion, reason = "the stack's end is what the schedule asked for")]
fn recursion(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    let below = recursion(depth + 1);
    below.wrapping_add(black_box(frame).iter().sum())
}

fn hang(host: &str, port: u16) -> Result<()> {
    let mut stream = connect(&address(host, port))?;
    let mut byte = [0];
    let read = stream.read(&mut byte)?;
    Err(Error::unavailable(format!(
        "The silent server at {host}:{port} sent {read} bytes or closed the connection."
    )))
}

fn address(host: &str, port: u16) -> Address {
    Address { host: host.to_owned(), port, tls: false, timeout_ms: 0 }
}
