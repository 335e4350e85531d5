//! The encodings of files. Everything behind this room is UTF-8; what stays of a file's own encoding is
//! how many bytes of it a text came from, because a cursor is a place in the file.

use gangway_sdk::{Error, Result};

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes are taken as they are; each record is checked by itself.
    Utf8,
    /// One byte for each character.
    Single(&'static encoding_rs::Encoding),
    /// Two bytes, or four.
    Utf16(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// The encoding that the property `csv.encoding` names.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let unknown = || {
            gangway_sdk::system::wrong(
                "csv.encoding",
                name,
                "`utf-8`, `utf-16`, or an encoding with one byte per character, such as `windows-1252`",
            )
        };
        let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).ok_or_else(unknown)?;
        if encoding == encoding_rs::UTF_8 {
            Ok(Encoding::Utf8)
        } else if encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE {
            Ok(Encoding::Utf16(encoding))
        } else if encoding.is_single_byte() && encoding != encoding_rs::X_USER_DEFINED {
            Ok(Encoding::Single(encoding))
        } else {
            Err(unknown())
        }
    }

    /// What a byte order mark at the start of a file says, and its length. It beats the property, because
    /// it is part of the very file.
    pub(crate) fn marked(start: &[u8]) -> Option<(Self, usize)> {
        let (encoding, length) = encoding_rs::Encoding::for_bom(start)?;
        let encoding =
            if encoding == encoding_rs::UTF_8 { Encoding::Utf8 } else { Encoding::Utf16(encoding) };
        Some((encoding, length))
    }

    /// A decoder, where the bytes are not taken as they are.
    pub(crate) fn decoder(self) -> Option<encoding_rs::Decoder> {
        match self {
            Encoding::Utf8 => None,
            Encoding::Single(encoding) | Encoding::Utf16(encoding) => {
                Some(encoding.new_decoder_without_bom_handling())
            }
        }
    }

    /// How many bytes of the file a decoded text came from. A character that could not be decoded counts
    /// as one unit, which is what the decoder took for it.
    pub(crate) fn length(self, text: &[u8]) -> u64 {
        let starts =
            |from: u8| text.iter().filter(|byte| **byte & 0xc0 != 0x80 && **byte >= from).count() as u64;
        match self {
            Encoding::Utf8 => text.len() as u64,
            Encoding::Single(_) => starts(0),
            Encoding::Utf16(_) => 2 * (starts(0) + starts(0xf0)),
        }
    }

    /// Text in the file's encoding.
    pub(crate) fn encode(self, text: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>> {
        match self {
            Encoding::Utf8 => Ok(text.into()),
            Encoding::Single(encoding) => {
                let text =
                    std::str::from_utf8(text).map_err(|_| Error::internal("A decoded text is not UTF-8."))?;
                let (bytes, _, unmappable) = encoding.encode(text);
                if unmappable {
                    return Err(Error::invalid(format!(
                        "The text {:?} contains a character that the encoding {} does not have.",
                        text.trim_end(),
                        encoding.name()
                    )));
                }
                Ok(bytes)
            }
            Encoding::Utf16(_) => Err(Error::unsupported(
                "A UTF-16 file can be read, but not written. Use a file in UTF-8 as the target.",
            )),
        }
    }
}

/// Whether the decoder put a replacement where it could not decode.
pub(crate) fn was_replaced(encoding: Encoding, text: &str) -> bool {
    encoding != Encoding::Utf8 && text.contains('\u{fffd}')
}
