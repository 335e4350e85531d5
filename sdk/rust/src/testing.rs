//! A host for unit tests: on every target but wasm, what a plugin asks of its host comes here.
//!
//! ```
//! use gangway_sdk::http::Request;
//! use gangway_sdk::testing::{Answer, FakeHost};
//!
//! let host = FakeHost::install();
//! host.property("url", "https://example.com");
//! host.answer(Answer::json(200, r#"{"ok": true}"#));
//! assert_eq!(Request::get("https://example.com/me").send().unwrap().status, 200);
//! assert_eq!(host.requests()[0].url, "https://example.com/me");
//! ```

mod answer;
pub(crate) mod hosted;
mod manifest;

pub use answer::Answer;
pub use hosted::connection::Wire;
pub use manifest::check_manifest;

use crate::connection::Address;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::log::Level;
use crate::relations::Query;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

type Http = Rc<dyn Fn(&Request) -> Answer>;
type Connect = Rc<dyn Fn(&Address) -> Result<Box<dyn Wire>>>;
type Resolve = Rc<dyn Fn(&Query) -> Result<Vec<Vec<String>>>>;

/// A file of the fake host.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    pub(crate) modified_ms: u64,
    pub(crate) read_only: bool,
}

/// A message that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub text: String,
    /// Its named facts.
    pub fields: Vec<(String, String)>,
}

/// Everything the fake host knows in one thread.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) cancelled: bool,
    pub(crate) http: Option<Http>,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) requests: Vec<Request>,
    pub(crate) connect: Option<Connect>,
    pub(crate) resolve: Option<Resolve>,
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) clock_ms: u64,
    /// Files that someone else writes as soon as the plugin begins to.
    pub(crate) meanwhile: BTreeMap<String, Vec<u8>>,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
    pub(crate) log: Vec<Message>,
}

impl World {
    pub(crate) fn write(&mut self, name: &str, content: Vec<u8>) {
        self.clock_ms += 1000;
        let file = File { content, modified_ms: self.clock_ms, read_only: false };
        self.files.insert(name.to_owned(), file);
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something with the thread's world; without an installed host there is an empty one.
pub(crate) fn world<R>(with: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| with(world.get_or_insert_with(World::default)))
}

/// The host of the current thread's test. Each test has its own; it goes when the value is dropped.
#[must_use = "the host goes when this value is dropped"]
#[derive(Debug)]
pub struct FakeHost {
    // Bound to its thread.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        WORLD.with_borrow_mut(|world| *world = None);
    }
}

impl FakeHost {
    /// Puts a fresh host under the current thread.
    pub fn install() -> Self {
        WORLD.with_borrow_mut(|world| *world = Some(World::default()));
        FakeHost { _thread: std::marker::PhantomData }
    }

    /// Sets a property of the system.
    pub fn property(&self, name: &str, value: &str) -> &Self {
        world(|world| {
            world.properties.retain(|(key, _)| key != name);
            world.properties.push((name.to_owned(), value.to_owned()));
        });
        self
    }

    /// Sets a secret property: the plugin sees its name only, and can write it to a connection.
    pub fn secret(&self, name: &str, value: &str) -> &Self {
        self.property(name, "");
        world(|world| world.secrets.insert(name.to_owned(), value.to_owned()));
        self
    }

    /// Tells the plugin that its job is being stopped.
    pub fn cancel(&self) -> &Self {
        world(|world| world.cancelled = true);
        self
    }

    /// Answers the next request that is not answered yet.
    pub fn answer(&self, answer: Answer) -> &Self {
        world(|world| world.answers.push_back(answer));
        self
    }

    /// Answers every request that has no answer waiting in line.
    pub fn serve(&self, answer: impl Fn(&Request) -> Answer + 'static) -> &Self {
        world(|world| world.http = Some(Rc::new(answer)));
        self
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        world(|world| world.requests.clone())
    }

    /// Answers every attempt to connect.
    pub fn connections(&self, connect: impl Fn(&Address) -> Result<Box<dyn Wire>> + 'static) -> &Self {
        world(|world| world.connect = Some(Rc::new(connect)));
        self
    }

    /// Lets the plugin connect for real, in the clear.
    pub fn real_connections(&self) -> &Self {
        self.connections(|address| {
            let stream = std::net::TcpStream::connect((address.host.as_str(), address.port))
                .map_err(|error| Error::unavailable(format!("No connection: {error}.")))?;
            Ok(Box::new(stream))
        })
    }

    /// Answers every question for the identifiers of a target.
    pub fn relations(&self, resolve: impl Fn(&Query) -> Result<Vec<Vec<String>>> + 'static) -> &Self {
        world(|world| world.resolve = Some(Rc::new(resolve)));
        self
    }

    /// Puts a file there, or replaces one; each write has a later time than the one before.
    pub fn file(&self, name: &str, content: impl Into<Vec<u8>>) -> &Self {
        world(|world| world.write(name, content.into()));
        self
    }

    /// Lets someone else write a file while the plugin does: right after it has begun a replacement of it.
    pub fn meanwhile(&self, name: &str, content: impl Into<Vec<u8>>) -> &Self {
        world(|world| world.meanwhile.insert(name.to_owned(), content.into()));
        self
    }

    /// Makes a file one that the plugin may not write.
    pub fn read_only(&self, name: &str) -> &Self {
        world(|world| {
            if let Some(file) = world.files.get_mut(name) {
                file.read_only = true;
            }
        });
        self
    }

    /// Takes a file away.
    pub fn remove_file(&self, name: &str) -> &Self {
        world(|world| world.files.remove(name));
        self
    }

    /// A file's content as text; what is not UTF-8 in it is replaced.
    pub fn content(&self, name: &str) -> Option<String> {
        world(|world| world.files.get(name).map(|file| String::from_utf8_lossy(&file.content).into_owned()))
    }

    /// The bytes kept under a key of the plugin's state.
    pub fn state(&self, key: &str) -> Option<Vec<u8>> {
        world(|world| world.state.get(key).cloned())
    }

    /// Keeps bytes under a key of the plugin's state.
    pub fn set_state(&self, key: &str, value: impl Into<Vec<u8>>) -> &Self {
        world(|world| world.state.insert(key.to_owned(), value.into()));
        self
    }

    /// What the plugin logged so far.
    pub fn log(&self) -> Vec<Message> {
        world(|world| world.log.clone())
    }
}
