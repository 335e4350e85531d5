//! Comparing numbers by their decimal text, exactly and in bounded time.

use std::cmp::Ordering;

/// The integer type of indices and increments.
pub type Integer = i64;

/// Whether a text has the form of a number (`1`, `-1.5`, `1e3`; a sign `+` and leading zeros too).
pub fn is_number(text: &str) -> bool {
    Decimal::of(text).is_some()
}

/// Compares two numbers given as text; `None` if one is none.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Some(a.cmp(&b));
    }
    let (a, b) = (Decimal::of(a)?, Decimal::of(b)?);
    Some(match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.compare_magnitude(&b),
        (true, true) => b.compare_magnitude(&a),
    })
}

/// An integer of the text, with an optional sign.
pub fn to_integer(text: &str) -> Option<Integer> {
    text.trim().parse::<Integer>().ok()
}

/// The common case: a plain integer of up to 18 digits.
fn small(text: &str) -> Option<i64> {
    if text.len() > 18 || text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

/// A number as `0.DIGITS × 10^exponent`, without leading or trailing zeros in DIGITS; zero has none.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => {
                let exponent = rest.get(at + 1..)?;
                let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                // An exponent that overflows is clamped: such numbers are beyond comparison anyway.
                let clamped = if exponent.starts_with('-') { -1_000_000_000_000 } else { 1_000_000_000_000 };
                (
                    rest.get(..at)?,
                    exponent.parse::<i64>().unwrap_or(clamped).clamp(-1_000_000_000_000, 1_000_000_000_000),
                )
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
            || (mantissa.contains('.') && fraction.is_empty())
        {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|b| **b == b'0').count();
        let trailing = all.iter().rev().take_while(|b| **b == b'0').count();
        let digits = all.get(leading..all.len().saturating_sub(trailing)).unwrap_or_default().to_vec();
        let length = i64::try_from(whole.len()).ok()?;
        let exponent = exponent + length - i64::try_from(leading).ok()?;
        Some(if digits.is_empty() {
            Decimal { negative: false, digits, exponent: 0 }
        } else {
            Decimal { negative, digits, exponent }
        })
    }

    fn compare_magnitude(&self, other: &Decimal) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_exactly() {
        for (a, b, order) in [
            ("1", "1.0", Ordering::Equal),
            ("10", "9", Ordering::Greater),
            ("-1", "1", Ordering::Less),
            ("-2", "-1", Ordering::Less),
            ("1e3", "1000", Ordering::Equal),
            ("0.001", "1e-3", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            ("12345678901234567890123", "12345678901234567890124", Ordering::Less),
            ("1e999999999999999999999", "1", Ordering::Greater),
            ("0.1", "0.09", Ordering::Greater),
        ] {
            assert_eq!(compare(a, b), Some(order), "{a} {b}");
        }
        for text in ["", "x", "1x", ".", "1.", "e5", "1e", "--1", "0x10", "NaN"] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}
