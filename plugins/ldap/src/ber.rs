//! BER, as much of it as LDAP allows (RFC 4511 section 5.1): tags of one byte, definite lengths.
//!
//! Hand-written because a reader that borrows, does not recurse and refuses everything else is
//! shorter than the glue to a general ASN.1 library. `rasn-ldap` was looked at: its sets lose the order
//! of an attribute's values, and its closed list of result codes makes an error of every vendor's own.

/// Universal tags.
pub const BOOLEAN: u8 = 0x01;
/// An integer.
pub const INTEGER: u8 = 0x02;
/// Bytes, or text.
pub const OCTET_STRING: u8 = 0x04;
/// One of a list of numbers.
pub const ENUMERATED: u8 = 0x0a;
/// A sequence.
pub const SEQUENCE: u8 = 0x30;
/// A set.
pub const SET: u8 = 0x31;

/// The bytes are no BER that LDAP allows, or not the element that must stand there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

/// Reads one element after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over the content of a constructed element, or over whole messages.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element: tag and content.
    pub fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (tag, header, length) = header(self.rest)?.ok_or(Malformed("an element is cut off"))?;
        let content = self.rest.get(header..).unwrap_or_default();
        if content.len() < length {
            return Err(Malformed("an element is longer than what holds it"));
        }
        let (content, rest) = content.split_at(length);
        self.rest = rest;
        Ok((tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed("an element is of another type than the protocol says")),
        }
    }

    /// The content of the next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(tag) { self.element(tag).map(Some) } else { Ok(None) }
    }

    /// A constructed element.
    pub fn inside(&mut self, tag: u8) -> Result<Reader<'a>, Malformed> {
        self.element(tag).map(Reader::new)
    }

    /// A whole number.
    pub fn integer(&mut self, tag: u8) -> Result<i64, Malformed> {
        let content = self.element(tag)?;
        let (first, rest) = content.split_first().ok_or(Malformed("a number has no bytes"))?;
        if rest.len() > 7 {
            return Err(Malformed("a number is too large"));
        }
        // The first byte carries the sign.
        let first = i64::from(i8::from_be_bytes([*first]));
        Ok(rest.iter().fold(first, |value, byte| (value << 8) | i64::from(*byte)))
    }

    /// Text.
    pub fn text(&mut self, tag: u8) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.element(tag)?).map_err(|_| Malformed("a text is not UTF-8"))
    }
}

/// Tag, length of the header and length of the content of the element that the bytes begin with;
/// nothing if the header is not complete yet.
pub fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let (Some(tag), Some(first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Malformed("a tag has more than one byte"));
    }
    if *first < 0x80 {
        return Ok(Some((*tag, 2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 {
        return Err(Malformed("a length is indefinite"));
    }
    if count > 4 {
        return Err(Malformed("a length is too large"));
    }
    let Some(digits) = bytes.get(2..2 + count) else { return Ok(None) };
    let length = digits.iter().fold(0_u64, |length, byte| (length << 8) | u64::from(*byte));
    let length = usize::try_from(length).map_err(|_| Malformed("a length is too large"))?;
    Ok(Some((*tag, 2 + count, length)))
}

/// Writes elements.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// An element with this content.
    pub fn element(&mut self, tag: u8, content: &[u8]) {
        self.head(tag, content.len());
        self.bytes.extend_from_slice(content);
    }

    /// The beginning of an element whose content is written by someone else.
    pub fn head(&mut self, tag: u8, length: usize) {
        self.bytes.push(tag);
        match u8::try_from(length) {
            Ok(short @ 0..0x80) => self.bytes.push(short),
            _ => {
                let digits = length.to_be_bytes();
                let zeros = digits.iter().take_while(|digit| **digit == 0).count();
                let digits = digits.get(zeros..).unwrap_or_default();
                self.bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
                self.bytes.extend_from_slice(digits);
            }
        }
    }

    /// Elements that are written already.
    pub fn raw(&mut self, elements: &[u8]) {
        self.bytes.extend_from_slice(elements);
    }

    /// A whole number.
    pub fn integer(&mut self, tag: u8, value: i64) {
        let digits = value.to_be_bytes();
        // A leading byte is left out while the next one still tells the sign.
        let needless = digits
            .windows(2)
            .take_while(|pair| {
                matches!(pair, [0, next] if *next < 0x80) || matches!(pair, [0xff, next] if *next >= 0x80)
            })
            .count();
        self.element(tag, digits.get(needless..).unwrap_or_default());
    }

    /// Yes or no.
    pub fn boolean(&mut self, tag: u8, value: bool) {
        self.element(tag, &[if value { 0xff } else { 0 }]);
    }

    /// A constructed element.
    pub fn constructed(&mut self, tag: u8, fill: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        fill(&mut inner);
        self.element(tag, &inner.bytes);
    }
}
