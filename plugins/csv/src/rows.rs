//! The rows of a file, one after the other, in bounded memory.

use crate::dialect::{Fault, Field, Scan};
use crate::encoding::{Encoding, was_replaced};
use crate::header::Header;
use crate::record::Record;
use crate::settings::Settings;
use gangway_sdk::files::{self, FileInfo};
use gangway_sdk::{Error, Result};

/// How much of a file is asked of the host at once.
const CHUNK: u32 = 256 * 1024;

/// The longest row. A longer one is taken for an open quote.
const LONGEST: usize = 1024 * 1024;

/// A place between two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes of the file before it.
    pub(crate) offset: u64,
    /// The number of the row that follows. The header is row 1.
    pub(crate) row: u64,
}

/// What is at a place.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// A row.
    Good(Record<'a>),
    /// A row that cannot be read; its identifier, if that much of it can.
    Bad { id: Option<String>, error: Error },
    /// An empty line.
    Blank,
}

/// A reader of rows.
pub(crate) struct Rows {
    file: String,
    settings: Settings,
    encoding: Encoding,
    decoder: Option<encoding_rs::Decoder>,
    /// Decoded text from `base` on.
    buffer: Vec<u8>,
    /// Where in the buffer the next row starts.
    at: usize,
    /// Where in the file the buffer starts.
    base: u64,
    /// Where in the file the next chunk starts.
    ahead: u64,
    complete: bool,
    /// The number of the next row.
    row: u64,
    fields: Vec<Field>,
    /// The part of the buffer that the last row took.
    last: (usize, usize),
}

impl Rows {
    /// Opens a file that exists and reads its header.
    pub(crate) fn open(info: &FileInfo, entity_type: &str, settings: &Settings) -> Result<(Self, Header)> {
        let file = info.name.clone();
        let start = files::read(&file, 0, 4)?;
        let (encoding, mark) = Encoding::marked(&start).unwrap_or((settings.encoding, 0));
        let mut rows = Rows {
            file: file.clone(),
            settings: settings.clone(),
            encoding,
            decoder: None,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            ahead: 0,
            complete: false,
            row: 1,
            fields: Vec::new(),
            last: (0, 0),
        };
        rows.seek(Place { offset: mark as u64, row: 1 });
        let header = rows.read_header(entity_type)?;
        Ok((rows, header))
    }

    fn read_header(&mut self, entity_type: &str) -> Result<Header> {
        let file = self.file.clone();
        let refuse = |message: String| {
            Err(Error::configuration(message).with_detail("file", &file).with_detail("row", 1))
        };
        match self.next(None)? {
            Some(Row::Good(record)) => {
                let names = (0..record.fields.len()).map(|column| record.value(column).trim().to_owned());
                Header::new(names.collect(), entity_type, &file, &self.settings)
            }
            Some(Row::Bad { error, .. }) => refuse(format!("The header cannot be read. {}", error.message)),
            Some(Row::Blank) | None => refuse(format!(
                "The file `{file}` has no header. Its first line must name the columns; a file without any content is not taken for one without entities."
            )),
        }
    }

    /// The encoding of the file.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The place in front of the next row.
    pub(crate) fn place(&self) -> Place {
        let offset = self.base + self.encoding.length(self.buffer.get(..self.at).unwrap_or_default());
        Place { offset, row: self.row }
    }

    /// The number of the next row.
    pub(crate) fn place_row(&self) -> u64 {
        self.row
    }

    /// Where in the file the last row starts.
    pub(crate) fn last_offset(&self) -> u64 {
        self.base + self.encoding.length(self.buffer.get(..self.last.0).unwrap_or_default())
    }

    /// Whether no byte follows.
    pub(crate) fn is_at_end(&mut self) -> Result<bool> {
        while self.at == self.buffer.len() && !self.complete {
            self.fill()?;
        }
        Ok(self.at == self.buffer.len())
    }

    /// Goes to a place that [`place`](Self::place) gave.
    pub(crate) fn seek(&mut self, place: Place) {
        self.decoder = self.encoding.decoder();
        self.buffer.clear();
        self.at = 0;
        self.base = place.offset;
        self.ahead = place.offset;
        self.complete = false;
        self.row = place.row;
    }

    /// The text of the last row as it stands in the file, decoded, with its line end.
    pub(crate) fn verbatim(&self) -> &[u8] {
        self.buffer.get(self.last.0..self.last.1).unwrap_or_default()
    }

    /// Reads another chunk behind what is not read yet.
    fn fill(&mut self) -> Result<()> {
        self.base = self.place().offset;
        self.buffer.drain(..self.at);
        self.at = 0;
        let chunk = files::read(&self.file, self.ahead, CHUNK)?;
        self.ahead += chunk.len() as u64;
        self.complete = chunk.is_empty();
        match &mut self.decoder {
            None => self.buffer.extend_from_slice(&chunk),
            Some(decoder) => {
                let mut text = String::new();
                text.reserve(decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(chunk.len() * 3 + 16));
                let _ = decoder.decode_to_string(&chunk, &mut text, self.complete);
                self.buffer.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }

    /// The next row; `None` at the end of the file. Without a header every number of fields is right.
    pub(crate) fn next(&mut self, header: Option<&Header>) -> Result<Option<Row<'_>>> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            if rest.is_empty() && self.complete {
                return Ok(None);
            }
            let scan = self.settings.dialect.scan(rest, self.complete, &mut self.fields);
            if scan == Scan::More && rest.len() < LONGEST {
                self.fill()?;
                continue;
            }
            // After a broken row the next line is a row again, whatever a quote in it promised. That needs
            // the end of the line.
            let line = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let right = match scan {
                Scan::Record { .. } => header.is_none_or(|header| header.columns.len() == self.fields.len()),
                _ => false,
            };
            let blank = matches!(self.fields.as_slice(), [only] if only.start == only.end && only.start == 0);
            let (next, kind) = match scan {
                Scan::Record { next, .. } if blank => (next, Verdict::Blank),
                Scan::Record { next, ascii } if right => (next, Verdict::Record { ascii }),
                Scan::Record { next, .. } => (line.unwrap_or(next).min(next), Verdict::Count),
                Scan::Broken { fault, field } => match line {
                    Some(line) => (line, Verdict::Broken { fault, field }),
                    None if self.complete || rest.len() >= LONGEST => {
                        (rest.len(), Verdict::Broken { fault, field })
                    }
                    None => {
                        self.fill()?;
                        continue;
                    }
                },
                Scan::More => (line.unwrap_or(rest.len()), Verdict::Long),
            };
            let start = self.at;
            self.last = (start, start + next);
            self.at = start + next;
            let row = self.row;
            self.row += 1;
            return Ok(Some(self.judge(kind, row, header)));
        }
    }

    fn judge(&self, kind: Verdict, row: u64, header: Option<&Header>) -> Row<'_> {
        let name =
            |column: usize| header.map_or_else(|| format!("#{}", column + 1), |header| header.name(column));
        let bad = |column: usize, id: Option<String>, what: String| {
            let error = Error::invalid(format!(
                "Row {row} of the file `{}` cannot be read: {what} The other rows are read.",
                self.file
            ))
            .with_detail("file", &self.file)
            .with_detail("row", row)
            .with_detail("column", name(column));
            Row::Bad { id, error }
        };
        let id = || self.lenient_id(header);
        match kind {
            Verdict::Blank => Row::Blank,
            Verdict::Record { ascii } => {
                let record = self.record();
                match record {
                    Ok(record) if ascii || !was_replaced(self.encoding, record.text) => Row::Good(record),
                    _ => {
                        let column = self.undecodable();
                        bad(
                            column,
                            id(),
                            format!(
                                "the column `{}` contains bytes that are not text in its encoding. Save the file as UTF-8, or set the property `csv.encoding`.",
                                name(column)
                            ),
                        )
                    }
                }
            }
            Verdict::Count => {
                let (found, wanted) = (self.fields.len(), header.map_or(0, |header| header.columns.len()));
                let column = found.min(wanted);
                let what = if found < wanted {
                    format!(
                        "it has {found} fields where the header names {wanted}; the first one missing is `{}`.",
                        name(column)
                    )
                } else {
                    format!(
                        "it has {found} fields where the header names {wanted}. Quote the field that contains a delimiter."
                    )
                };
                bad(column, id(), what)
            }
            Verdict::Broken { fault: Fault::OpenQuote, field } => bad(
                field,
                id(),
                format!("the quote that the column `{}` begins with is never closed.", name(field)),
            ),
            Verdict::Broken { fault: Fault::TextAfterQuote, field } => bad(
                field,
                id(),
                format!(
                    "in the column `{}` text follows the closing quote. A quote inside a quoted field must be doubled, and one that is opened must be closed.",
                    name(field)
                ),
            ),
            Verdict::Long => {
                let field = self.fields.len();
                bad(
                    field,
                    id(),
                    format!(
                        "it is longer than 1 MiB; the quote that the column `{}` begins with is probably never closed.",
                        name(field)
                    ),
                )
            }
        }
    }

    /// The last row as text.
    fn record(&self) -> Result<Record<'_>, std::str::Utf8Error> {
        Ok(Record {
            text: std::str::from_utf8(self.verbatim())?,
            fields: &self.fields,
            quote: char::from(self.settings.dialect.quote),
        })
    }

    /// The identifier of a row that cannot be read as a whole.
    fn lenient_id(&self, header: Option<&Header>) -> Option<String> {
        let field = self.fields.get(header?.id)?;
        let id = std::str::from_utf8(self.verbatim().get(field.start..field.end)?).ok()?;
        (!id.trim().is_empty() && !field.doubled && !was_replaced(self.encoding, id)).then(|| id.to_owned())
    }

    /// The first field that is not text.
    fn undecodable(&self) -> usize {
        let wrong = |field: &Field| match self.verbatim().get(field.start..field.end).map(std::str::from_utf8)
        {
            Some(Ok(text)) => was_replaced(self.encoding, text),
            _ => true,
        };
        self.fields.iter().position(wrong).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    Record { ascii: bool },
    Blank,
    Count,
    Broken { fault: Fault, field: usize },
    Long,
}

/// What is known of the file of a type. A missing file is an error and never a type without entities,
/// because those would then be deleted in the targets.
pub(crate) fn find_file(name: &str) -> Result<FileInfo> {
    match files::info(name)? {
        Some(info) => Ok(info),
        // The host knows whether it is missing or was never granted.
        None => match files::read(name, 0, 1) {
            Err(error) => Err(error.with_detail("file", name)),
            Ok(_) => Err(Error::unavailable(format!("The file `{name}` came and went. Run the job again."))),
        },
    }
}
