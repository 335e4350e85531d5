//! A byte stream to a server, for protocols other than HTTP. TLS happens in the host, and so does the
//! insertion of a secret. Capability: `connection`.

use crate::error::Result;
use std::io;

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::connection as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::connection as host;

pub(crate) use crate::bindings::host::gangway::plugin::connection::Address as RawAddress;

/// Where to connect to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the stream is TLS from its first byte.
    pub tls: bool,
    /// How long to wait for the connection and for each read; 0 for the host's default.
    pub timeout_ms: u32,
}

/// Connects.
pub fn connect(address: &Address) -> Result<Stream> {
    let raw = RawAddress {
        host: address.host.clone(),
        port: address.port,
        security: if address.tls { "tls" } else { "none" }.to_owned(),
        timeout_ms: address.timeout_ms,
    };
    Ok(Stream { inner: host::connect(&raw)?, buffer: Vec::new(), position: 0 })
}

/// The length in bytes of a secret property, which a length-prefixed message needs; `None` if it is not set.
pub fn secret_length(property: &str) -> Option<u32> {
    host::secret_length(property)
}

/// An open connection. Reads are buffered; each write goes out at once, so write whole messages.
#[derive(Debug)]
pub struct Stream {
    inner: host::Stream,
    buffer: Vec<u8>,
    position: usize,
}

/// How much a read asks of the host.
const READ: u32 = 64 * 1024;

impl Stream {
    /// Writes `before`, the value of a secret property, and `after`: how a protocol that carries a
    /// password in its own message never shows it to the plugin.
    pub fn write_secret(&mut self, before: &[u8], property: &str, after: &[u8]) -> Result<()> {
        self.inner.write_secret(before, property, after)
    }

    /// Turns the open stream into TLS, after the protocol agreed to it. What the server sent in the clear
    /// and was not read yet is dropped, because it may have been put there by someone else.
    pub fn start_tls(&mut self) -> Result<()> {
        self.buffer = Vec::new();
        self.position = 0;
        self.inner.start_tls()
    }
}

impl io::BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.buffer = self.inner.read(READ)?;
            self.position = 0;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.buffer.len());
    }
}

impl io::Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = io::Read::read(&mut io::BufRead::fill_buf(self)?, into)?;
        io::BufRead::consume(self, count);
        Ok(count)
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
