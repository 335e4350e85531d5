use crate::connection::{Address, RawAddress};
use crate::error::{Error, Result};
use crate::testing::world;
use std::cell::RefCell;
use std::fmt;
use std::io::{Read, Write};

/// The other end of a fake connection.
pub trait Wire: Read + Write {
    /// Turns to TLS; a fake one only has to note it.
    fn start_tls(&mut self) -> Result<()> {
        Err(Error::unsupported("This connection of the test has no TLS."))
    }
}

impl Wire for std::net::TcpStream {}

/// An open fake connection.
pub(crate) struct Stream {
    wire: RefCell<Box<dyn Wire>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

pub(crate) fn connect(address: &RawAddress) -> Result<Stream> {
    let asked = Address {
        host: address.host.clone(),
        port: address.port,
        tls: address.security == "tls",
        timeout_ms: address.timeout_ms,
    };
    match world(|world| world.connect.clone()) {
        Some(connect) => Ok(Stream { wire: RefCell::new(connect(&asked)?) }),
        None => Err(Error::denied(format!(
            "The test has no server at {}:{}: give one with `FakeHost::connections`.",
            asked.host, asked.port
        ))),
    }
}

pub(crate) fn secret_length(property: &str) -> Option<u32> {
    world(|world| world.secrets.get(property).and_then(|secret| u32::try_from(secret.len()).ok()))
}

impl Stream {
    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; max as usize];
        let count = self.wire.borrow_mut().read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.wire.borrow_mut().write_all(bytes)?;
        Ok(())
    }

    pub(crate) fn write_secret(&self, before: &[u8], property: &str, after: &[u8]) -> Result<()> {
        let secret = world(|world| world.secrets.get(property).cloned()).ok_or_else(|| {
            Error::configuration(format!("The secret property `{property}` is not set."))
                .with_detail("property", property)
        })?;
        self.write(&[before, secret.as_bytes(), after].concat())
    }

    pub(crate) fn start_tls(&self) -> Result<()> {
        self.wire.borrow_mut().start_tls()
    }
}
