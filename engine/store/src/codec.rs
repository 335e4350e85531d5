//! The binary forms of what is kept in great numbers: written out by hand, so that a record holds
//! nothing but its content and its layout is decided here, not by a library's next version.

use crate::StoreError;

/// Appends a number, seven bits a byte, lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number; small ones of either sign are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a text with its length before it.
pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a text that may be absent.
pub(crate) fn put_optional_str(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => put_varint(out, 0),
        Some(text) => {
            put_varint(out, text.len() as u64 + 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Takes a record apart; every step fails on a record that is too short.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names the record in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The error for a record that does not make sense.
    pub(crate) fn damaged(&self, why: &str) -> StoreError {
        StoreError::Damaged(format!("a {} record {why}; restore the tenant from a backup", self.what))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.damaged("is cut short")),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let taken = self.bytes(N)?;
        taken.try_into().map_err(|_| self.damaged("is cut short"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StoreError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, StoreError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("holds a number above 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StoreError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length or an index.
    pub(crate) fn size(&mut self) -> Result<usize, StoreError> {
        let value = self.varint()?;
        usize::try_from(value).map_err(|_| self.damaged("holds a length above this machine's memory"))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, StoreError> {
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("holds a text that is not UTF-8"))
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, StoreError> {
        let length = self.size()?;
        self.text(length)
    }

    pub(crate) fn optional_str(&mut self) -> Result<Option<&'a str>, StoreError> {
        match self.size()? {
            0 => Ok(None),
            length => self.text(length - 1).map(Some),
        }
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Everything that is left, as text.
    pub(crate) fn rest_str(&mut self) -> Result<&'a str, StoreError> {
        self.text(self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out, "test").varint().unwrap(), value);
        }
        for value in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(Reader::new(&out, "test").signed().unwrap(), value);
        }
    }

    #[test]
    fn a_cut_record_is_an_error_at_every_length() {
        let mut out = Vec::new();
        put_varint(&mut out, 300);
        put_str(&mut out, "ada");
        put_optional_str(&mut out, Some("x"));
        put_optional_str(&mut out, None);
        let read = |bytes: &[u8]| -> Result<(), StoreError> {
            let mut reader = Reader::new(bytes, "test");
            reader.varint()?;
            reader.str()?;
            reader.optional_str()?;
            reader.optional_str()?;
            Ok(())
        };
        assert!(read(&out).is_ok());
        for length in 0..out.len() {
            assert!(matches!(read(&out[..length]), Err(StoreError::Damaged(_))), "length {length}");
        }
    }

    #[test]
    fn an_endless_number_is_an_error() {
        assert!(Reader::new(&[0xff; 20], "test").varint().is_err());
        assert!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], "test").varint().is_err()
        );
    }
}
