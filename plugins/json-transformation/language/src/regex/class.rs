//! Character classes.

use super::translate::{Flags, Reader, push_escaped};

/// One escape: a character, or the inside of a class.
pub(super) enum Atom {
    Char(char),
    Set(String),
}

/// The class whose `[` was just read.
pub(super) fn bracket(reader: &mut Reader, flags: Flags, depth: usize) -> Result<String, String> {
    if depth > 32 {
        return Err("classes nested more than 32 levels deep".into());
    }
    let mut out = String::from("[");
    if reader.eat("^") {
        out.push('^');
    }
    let mut first = true;
    let mut content = false;
    loop {
        if flags.comments && reader.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            reader.next();
            continue;
        }
        let c = reader.next().ok_or("a `[` is not closed")?;
        match c {
            ']' if !first => {
                // Nothing matches an empty part of an intersection.
                if !content {
                    return Err("an empty class".into());
                }
                out.push(']');
                return Ok(out);
            }
            '[' => out.push_str(&bracket(reader, flags, depth + 1)?),
            '&' if reader.peek() == Some('&') => {
                reader.next();
                if content {
                    out.push_str("&&");
                }
                first = false;
                continue;
            }
            '\\' if reader.peek() == Some('Q') => {
                reader.next();
                while reader.peek().is_some() && !reader.eat("\\E") {
                    if let Some(c) = reader.next() {
                        range(c, c, flags, &mut out);
                    }
                }
            }
            '\\' if reader.peek() == Some('E') => {
                reader.next();
            }
            _ => {
                let atom = if c == '\\' { escape(reader, flags)? } else { Atom::Char(c) };
                match atom {
                    Atom::Set(set) => out.push_str(&format!("[{set}]")),
                    Atom::Char(low) => {
                        let high = upper_end(reader, flags)?.unwrap_or(low);
                        if high < low {
                            return Err(format!("the range `{low}-{high}` is empty"));
                        }
                        range(low, high, flags, &mut out);
                    }
                }
            }
        }
        first = false;
        content = true;
    }
}

/// The end of a range, if a hyphen and a character follow; otherwise the hyphen is a character.
fn upper_end(reader: &mut Reader, flags: Flags) -> Result<Option<char>, String> {
    if reader.peek() != Some('-') || matches!(reader.peek_at(1), None | Some(']' | '[')) {
        return Ok(None);
    }
    reader.next();
    match reader.next() {
        Some('\\') => match escape(reader, flags)? {
            Atom::Char(c) => Ok(Some(c)),
            Atom::Set(_) => Err("a range ends with a character, not with a class".into()),
        },
        other => Ok(other),
    }
}

fn range(low: char, high: char, flags: Flags, out: &mut String) {
    push_range(low, high, out);
    if !flags.ignore_case || flags.unicode_case {
        return;
    }
    // The ASCII letters of the range in their other case.
    for (first, last, shift) in [(b'a', b'z', -32i32), (b'A', b'Z', 32)] {
        let from = u32::from(low).max(u32::from(first));
        let to = u32::from(high).min(u32::from(last));
        let other = |code: u32| code.checked_add_signed(shift).and_then(char::from_u32);
        if from <= to
            && let (Some(from), Some(to)) = (other(from), other(to))
        {
            push_range(from, to, out);
        }
    }
}

fn push_range(low: char, high: char, out: &mut String) {
    push_escaped(low, out);
    if high != low {
        out.push('-');
        push_escaped(high, out);
    }
}

/// What follows a `\`, inside and outside a class alike.
pub(super) fn escape(reader: &mut Reader, flags: Flags) -> Result<Atom, String> {
    let unicode = flags.unicode_classes;
    let set = |text: &str| Ok(Atom::Set(text.to_owned()));
    let c = reader.next().ok_or("a pattern cannot end with a single backslash")?;
    match c {
        'd' => set(if unicode { r"\p{Nd}" } else { "0-9" }),
        'D' => set(if unicode { r"\P{Nd}" } else { "^0-9" }),
        'w' => set(if unicode { r"\w" } else { "A-Za-z0-9_" }),
        'W' => set(if unicode { r"\W" } else { "^A-Za-z0-9_" }),
        's' => set(if unicode { r"\s" } else { r" \t\n\x0B\x0C\r" }),
        'S' => set(if unicode { r"\S" } else { r"^ \t\n\x0B\x0C\r" }),
        'h' => set(HORIZONTAL),
        'H' => set(&format!("^{HORIZONTAL}")),
        'v' => set(VERTICAL),
        'V' => set(&format!("^{VERTICAL}")),
        'p' | 'P' => property(reader, c == 'P', flags),
        't' => Ok(Atom::Char('\t')),
        'n' => Ok(Atom::Char('\n')),
        'r' => Ok(Atom::Char('\r')),
        'f' => Ok(Atom::Char('\u{C}')),
        'a' => Ok(Atom::Char('\u{7}')),
        'e' => Ok(Atom::Char('\u{1B}')),
        'c' => {
            let c = reader.next().ok_or("`\\c` is followed by a letter")?;
            char::from_u32(u32::from(c) ^ 64)
                .map(Atom::Char)
                .ok_or_else(|| "`\\c` is followed by a letter".into())
        }
        '0' => {
            let is_octal = |c: char| ('0'..='7').contains(&c);
            let limit = if matches!(reader.peek(), Some('0'..='3')) { 3 } else { 2 };
            code(&reader.take_while(limit, is_octal), 8)
        }
        'x' if reader.eat("{") => {
            let digits = reader.take_while(8, |c| c.is_ascii_hexdigit());
            if !reader.eat("}") {
                return Err("`\\x{` is not closed".into());
            }
            code(&digits, 16)
        }
        'x' => code(&reader.take_while(2, |c| c.is_ascii_hexdigit()), 16),
        'u' => unit(reader),
        c if c.is_ascii_alphanumeric() => Err(format!("there is no escape `\\{c}`")),
        c => Ok(Atom::Char(c)),
    }
}

const HORIZONTAL: &str = r" \t\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
const VERTICAL: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";

fn code(digits: &str, radix: u32) -> Result<Atom, String> {
    let c = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    c.map(Atom::Char).ok_or_else(|| format!("`{digits}` is not the code of a character"))
}

/// A `\u` escape; two of them may form one character.
fn unit(reader: &mut Reader) -> Result<Atom, String> {
    let mut four = || {
        let digits = reader.take_while(4, |c| c.is_ascii_hexdigit());
        if digits.len() == 4 { u16::from_str_radix(&digits, 16).ok() } else { None }
    };
    let high = four().ok_or("`\\u` is followed by four hexadecimal digits")?;
    let mut units = vec![high];
    if (0xD800..0xDC00).contains(&high) && reader.eat("\\u") {
        let digits = reader.take_while(4, |c| c.is_ascii_hexdigit());
        units.extend(u16::from_str_radix(&digits, 16).ok());
    }
    match char::decode_utf16(units).next() {
        Some(Ok(c)) => Ok(Atom::Char(c)),
        _ => Err("half of a surrogate pair is not a character".into()),
    }
}

/// `\p{…}`: the POSIX names are ASCII in Java; the rest are Unicode properties.
fn property(reader: &mut Reader, negated: bool, flags: Flags) -> Result<Atom, String> {
    let name = if reader.eat("{") {
        let name = reader.take_while(64, |c| c != '}');
        if !reader.eat("}") {
            return Err("`\\p{` is not closed".into());
        }
        name
    } else {
        reader.take_while(1, |_| true)
    };
    let ascii = match name.as_str() {
        "Lower" if flags.ignore_case => "a-zA-Z",
        "Upper" if flags.ignore_case => "a-zA-Z",
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
        "Graph" => r"\x21-\x7E",
        "Print" => r"\x20-\x7E",
        "Blank" => r" \t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => r" \t\n\x0B\x0C\r",
        _ => "",
    };
    let sign = if negated { "^" } else { "" };
    if !ascii.is_empty() && !flags.unicode_classes {
        return Ok(Atom::Set(format!("{sign}{ascii}")));
    }
    let set = match name.as_str() {
        "Lower" | "javaLowerCase" => r"\p{Lowercase}".to_owned(),
        "Upper" | "javaUpperCase" => r"\p{Uppercase}".to_owned(),
        "Alpha" | "javaAlphabetic" => r"\p{Alphabetic}".to_owned(),
        "Digit" | "javaDigit" => r"\p{Nd}".to_owned(),
        "Alnum" => r"\p{Alphabetic}\p{Nd}".to_owned(),
        "Punct" => r"\p{P}".to_owned(),
        "Space" | "javaWhitespace" => r"\s".to_owned(),
        "javaLetter" => r"\p{L}".to_owned(),
        "javaLetterOrDigit" => r"\p{L}\p{Nd}".to_owned(),
        "javaTitleCase" => r"\p{Lt}".to_owned(),
        "L1" => r"\x00-\xFF".to_owned(),
        "LD" => r"\p{L}\p{Nd}".to_owned(),
        "LC" => r"\p{Lu}\p{Ll}\p{Lt}".to_owned(),
        name => {
            let name = name.strip_prefix("Is").unwrap_or(name);
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ' '));
            if name.is_empty() || !plain {
                return Err(format!("there is no character property `{name}`"));
            }
            format!(r"\p{{{name}}}")
        }
    };
    Ok(Atom::Set(format!("{sign}{set}")))
}
