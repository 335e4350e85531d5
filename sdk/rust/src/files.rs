//! Files that the administrator named one by one. Capability: `files`.

use crate::error::Result;
use std::io;

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::files as host;
pub use crate::bindings::host::gangway::plugin::files::FileInfo;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::files as host;

/// The named files that exist.
pub fn list() -> Result<Vec<FileInfo>> {
    host::list()
}

/// What is known of one file; `None` if it does not exist.
pub fn info(name: &str) -> Result<Option<FileInfo>> {
    Ok(list()?.into_iter().find(|file| file.name == name))
}

/// At most `max` bytes from `offset`; empty at the end of the file.
pub fn read(name: &str, offset: u64, max: u32) -> Result<Vec<u8>> {
    host::read(name, offset, max)
}

/// Begins the replacement of a file, which takes its place on [`commit`](Replacement::commit), whole and
/// at once. Dropped without it, it leaves no trace.
pub fn replace(name: &str) -> Result<Replacement> {
    Ok(Replacement { inner: host::replace(name)? })
}

/// A replacement being written.
#[derive(Debug)]
pub struct Replacement {
    inner: host::Replacement,
}

impl Replacement {
    /// Appends to the replacement.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.write(bytes)
    }

    /// Puts it in the file's place.
    pub fn commit(self) -> Result<()> {
        self.inner.commit()
    }
}

impl io::Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Replacement::write(self, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file from a place on, in chunks; wrap it in nothing, it is its own buffer.
#[derive(Debug)]
pub struct Reader {
    name: String,
    offset: u64,
    chunk: u32,
    buffer: Vec<u8>,
    position: usize,
}

impl Reader {
    /// Reads from `offset` on in chunks of 256 KiB.
    pub fn new(name: impl Into<String>, offset: u64) -> Self {
        Reader { name: name.into(), offset, chunk: 256 * 1024, buffer: Vec::new(), position: 0 }
    }

    /// The place in the file of the next byte that will be read.
    pub fn offset(&self) -> u64 {
        self.offset - (self.buffer.len() - self.position) as u64
    }
}

impl io::BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.buffer = read(&self.name, self.offset, self.chunk)?;
            self.offset += self.buffer.len() as u64;
            self.position = 0;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.buffer.len());
    }
}

impl io::Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = io::Read::read(&mut io::BufRead::fill_buf(self)?, into)?;
        io::BufRead::consume(self, count);
        Ok(count)
    }
}
