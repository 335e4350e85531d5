//! Finding the bytes that need attention in a string, eight at a time.

/// Marks at the bytes that need attention: not zero if there are any.
pub(super) type Special = u64;

/// Marks quotes, backslashes and control characters at their high bits. Bytes above the lowest mark
/// may be marked wrongly; the lowest is always right.
#[inline]
pub(super) fn special(bytes: [u8; 8]) -> Special {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zeros = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
    let word = u64::from_le_bytes(bytes);
    let quotes = zeros(word ^ (ONES * 0x22));
    let backslashes = zeros(word ^ (ONES * 0x5C));
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    quotes | backslashes | controls
}

/// How many bytes at the start are neither a quote, a backslash nor a control character.
///
/// Not inlined: it needs many registers, and calls nothing, so it has them.
#[inline(never)]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Four words in one turn: every turn of a loop is counted in WebAssembly.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        for word in chunk.as_chunks::<8>().0 {
            let marks = special(*word);
            if marks != 0 {
                return at + (marks.trailing_zeros() / 8) as usize;
            }
            at += 8;
        }
    }
    // What is left at the end of a text.
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let marks = special(*word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_first_special_byte() {
        for special in [b'"', b'\\', 0, 0x1F, b'\n'] {
            for length in 0..40 {
                for at in 0..length {
                    let mut bytes: Vec<u8> = (0..length)
                        .map(|i| [b'!', b' ', 0xC3, 0x7F, b'[', b'#', 0x80, b']'][i % 8])
                        .collect();
                    bytes[at] = special;
                    assert_eq!(plain_prefix(&bytes), at);
                }
            }
        }
        assert_eq!(plain_prefix("ä plain text without specials".as_bytes()), 30);
        assert_eq!(plain_prefix(b""), 0);
    }
}
