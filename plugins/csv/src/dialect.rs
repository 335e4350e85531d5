//! How a record is cut into fields: RFC 4180 with any delimiter and quote.
//!
//! The scanner is our own because a reader that must name a broken row and go on after it needs to know
//! what the lenient parsers of the libraries hide: that a quote was never closed, or that text follows a
//! closed one. It also says of each field whether it can be copied into JSON as it is.

/// A field within its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Where its content starts, behind the opening quote if there is one.
    pub(crate) start: usize,
    /// Where its content ends.
    pub(crate) end: usize,
    /// Nothing in it needs escaping in JSON.
    pub(crate) plain: bool,
    /// It contains doubled quotes.
    pub(crate) doubled: bool,
}

/// What stands at a place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// A record, whose fields are now in the list. The next one starts at `next`.
    Record { next: usize, ascii: bool },
    /// The record goes on behind the end of the text.
    More,
    /// The field with this number, counted from zero, is broken.
    Broken { fault: Fault, field: usize },
}

/// Why a field is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A quote was opened and never closed.
    OpenQuote,
    /// Between a closing quote and the next delimiter stands something.
    TextAfterQuote,
}

/// Delimiter and quote.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    class: [u8; 256],
}

/// Ends a field outside quotes.
const STOP: u8 = 1;
/// Needs escaping in JSON.
const ESCAPE: u8 = 2;
/// Not ASCII.
const WIDE: u8 = 4;
/// The quote.
const QUOTE: u8 = 8;

impl Dialect {
    pub(crate) fn new(delimiter: u8, quote: u8) -> Self {
        let mut class = [0; 256];
        for (byte, class) in (0_u8..=255).zip(class.iter_mut()) {
            let mut set = |bit: u8, when: bool| *class |= if when { bit } else { 0 };
            set(STOP, byte == delimiter || byte == b'\n' || byte == b'\r');
            set(ESCAPE, byte < 0x20 || byte == b'"' || byte == b'\\');
            set(WIDE, byte >= 0x80);
            set(QUOTE, byte == quote);
        }
        Dialect { delimiter, quote, class }
    }

    fn class(&self, byte: u8) -> u8 {
        self.class.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Cuts the record at the start of `text` into fields. `complete` says that the file ends with it.
    pub(crate) fn scan(&self, text: &[u8], complete: bool, fields: &mut Vec<Field>) -> Scan {
        fields.clear();
        let mut all = 0;
        let mut at = 0;
        loop {
            let mut seen = 0;
            let (start, end, doubled);
            if text.get(at) == Some(&self.quote) {
                start = at + 1;
                match self.quoted(text, start, complete, &mut seen) {
                    Quoted::Closed { end: close, doubled: twice } => {
                        (end, doubled) = (close, twice);
                        at = close + 1;
                    }
                    Quoted::More => return Scan::More,
                    Quoted::Open => return Scan::Broken { fault: Fault::OpenQuote, field: fields.len() },
                }
                if text.get(at).is_some_and(|byte| self.class(*byte) & STOP == 0) {
                    return Scan::Broken { fault: Fault::TextAfterQuote, field: fields.len() };
                }
            } else {
                (start, doubled) = (at, false);
                for &byte in text.get(at..).unwrap_or_default() {
                    let class = self.class(byte);
                    if class & STOP != 0 {
                        break;
                    }
                    seen |= class;
                    at += 1;
                }
                end = at;
            }
            all |= seen;
            fields.push(Field { start, end, plain: seen & ESCAPE == 0 && !doubled, doubled });
            match text.get(at) {
                Some(&byte) if byte == self.delimiter => at += 1,
                Some(b'\r') if text.get(at + 1) == Some(&b'\n') => {
                    return Scan::Record { next: at + 2, ascii: all & WIDE == 0 };
                }
                Some(b'\r') if at + 1 == text.len() && !complete => return Scan::More,
                Some(_) => return Scan::Record { next: at + 1, ascii: all & WIDE == 0 },
                None if complete => return Scan::Record { next: at, ascii: all & WIDE == 0 },
                None => return Scan::More,
            }
        }
    }

    /// Finds the end of a quoted field whose content starts at `start`.
    fn quoted(&self, text: &[u8], start: usize, complete: bool, seen: &mut u8) -> Quoted {
        let mut doubled = false;
        let mut at = start;
        loop {
            for &byte in text.get(at..).unwrap_or_default() {
                let class = self.class(byte);
                if class & QUOTE != 0 {
                    break;
                }
                *seen |= class;
                at += 1;
            }
            match (text.get(at), text.get(at + 1)) {
                (None, _) if complete => return Quoted::Open,
                (None, _) => return Quoted::More,
                (Some(_), Some(next)) if *next == self.quote => {
                    doubled = true;
                    at += 2;
                }
                (Some(_), None) if !complete => return Quoted::More,
                (Some(_), _) => return Quoted::Closed { end: at, doubled },
            }
        }
    }
}

enum Quoted {
    Closed { end: usize, doubled: bool },
    More,
    Open,
}
