//! Equality of short texts, eight bytes at a time.

/// Equality of two names. In WebAssembly a comparison of a length not known beforehand goes byte by
/// byte, and each turn of a loop is counted: names of up to sixteen bytes are compared in two words.
#[inline(always)]
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a.len() == b.len() && same_bytes(a.as_bytes(), b.as_bytes())
}

/// Of the same length. Not inlined: most texts differ in their lengths, and the loops that ask stay small
/// enough to run in registers.
#[inline(never)]
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    ends(a) == ends(b) && (a.len() <= 16 || same_long(a, b))
}

/// The first and the last eight bytes of a text; of a shorter one all bytes. Two texts of the same length, of
/// at most sixteen bytes, are the same if these are.
#[inline(always)]
pub(crate) fn ends(bytes: &[u8]) -> (u64, u64) {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (short(bytes), 0),
    }
}

/// Up to seven bytes.
#[inline(always)]
fn short(bytes: &[u8]) -> u64 {
    let word = |bytes: [u8; 4]| u64::from(u32::from_le_bytes(bytes));
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>(), bytes) {
        (Some(first), Some(last), _) => word(*first) << 32 | word(*last),
        // The first, the last and the one in the middle are all there are of one, two or three.
        (_, _, [first, .., last]) => {
            word([*first, *last, bytes.get(bytes.len() / 2).copied().unwrap_or(0), 0])
        }
        (_, _, [only]) => word([*only, 0, 0, 0]),
        _ => 0,
    }
}

/// More than sixteen bytes, of which the last are known to be the same: four words in one turn.
#[inline(never)]
pub(crate) fn same_long(a: &[u8], b: &[u8]) -> bool {
    let words = |chunk: &[u8; 32]| -> [u64; 4] {
        let (words, _) = chunk.as_chunks::<8>();
        std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
    };
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let rest = (a_rest.as_chunks::<8>().0, b_rest.as_chunks::<8>().0);
    a.iter().zip(b).all(|(a, b)| {
        let ([a, b, c, d], [e, f, g, h]) = (words(a), words(b));
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) == 0
    }) && rest.0.iter().zip(rest.1).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_if_every_byte_is() {
        let bytes: String = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(3);
        for length in 0..bytes.len() {
            let text = &bytes[..length];
            assert!(same_text(text, &String::from(text)), "{length}");
            assert!(!same_text(text, &bytes[..=length]), "{length}");
            for at in 0..length {
                let mut other = text.to_owned();
                other.replace_range(at..=at, "-");
                assert!(!same_text(text, &other), "{at} of {length}");
            }
        }
    }
}
