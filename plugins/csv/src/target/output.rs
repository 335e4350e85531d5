use crate::dialect::Dialect;
use crate::encoding::Encoding;
use gangway_sdk::files::{self, Replacement};
use gangway_sdk::{Error, Result};

/// How much is given to the host at once.
const CHUNK: usize = 256 * 1024;

/// The replacement of a file while it is written.
pub(crate) struct Output {
    file: String,
    replacement: Replacement,
    encoding: Encoding,
    line_end: &'static str,
    buffer: Vec<u8>,
    /// Whether the last byte ended a line, so that a row can follow.
    at_line_start: bool,
    /// The largest identifier that is a number.
    largest_id: u64,
}

impl Output {
    pub(crate) fn new(file: &str) -> Result<Self> {
        Ok(Output {
            file: file.to_owned(),
            replacement: files::replace(file)?,
            encoding: Encoding::Utf8,
            line_end: "\n",
            buffer: Vec::new(),
            at_line_start: true,
            largest_id: 0,
        })
    }

    pub(crate) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// Whether lines end in CR LF.
    pub(crate) fn set_line_end(&mut self, windows: bool) {
        self.line_end = if windows { "\r\n" } else { "\n" };
    }

    /// Remembers an identifier of the file.
    pub(crate) fn note_id(&mut self, id: &str) {
        if let Ok(number) = id.parse::<u64>() {
            self.largest_id = self.largest_id.max(number);
        }
    }

    /// An identifier that no row has: one more than the largest number.
    pub(crate) fn next_id(&self) -> String {
        self.largest_id.saturating_add(1).to_string()
    }

    /// Writes bytes in the file's own encoding.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(last) = bytes.last() {
            self.at_line_start = matches!(last, b'\n' | b'\r');
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.replacement.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes a row as it was read.
    pub(crate) fn copy(&mut self, text: &[u8]) -> Result<()> {
        if self.encoding == Encoding::Utf8 {
            return self.put(text);
        }
        let bytes = self.encoding.encode(text).map_err(|error| {
            Error::new(error.code, format!("The file `{}` cannot be rewritten: {}", self.file, error.message))
        })?;
        self.put(&bytes)
    }

    /// Writes a row behind the last one, which may lack its line end.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<()> {
        if !self.at_line_start {
            self.put(self.line_end.as_bytes())?;
        }
        self.put(line)
    }

    /// The line of a row, in the file's encoding.
    pub(crate) fn line(&self, values: &[String], dialect: &Dialect) -> Result<Vec<u8>> {
        let (delimiter, quote) = (char::from(dialect.delimiter), char::from(dialect.quote));
        let mut line = String::new();
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                line.push(delimiter);
            }
            if value.contains([delimiter, quote, '\n', '\r']) {
                line.push(quote);
                for character in value.chars() {
                    if character == quote {
                        line.push(quote);
                    }
                    line.push(character);
                }
                line.push(quote);
            } else {
                line.push_str(value);
            }
        }
        line.push_str(self.line_end);
        Ok(self.encoding.encode(line.as_bytes())?.into_owned())
    }

    pub(crate) fn commit(self) -> Result<()> {
        let Output { mut replacement, buffer, .. } = self;
        replacement.write(&buffer)?;
        replacement.commit()
    }
}
