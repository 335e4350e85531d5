//! Java pattern syntax → the engine's syntax.
//!
//! What differs: `\d \w \s \b` and the POSIX names are ASCII in Java; `.` and `$` know five line
//! terminators; case is ignored for ASCII letters only unless the flag `u` is set; `\Q…\E`, octal,
//! control and `\u` escapes, `\h \v \R \Z`, and a hyphen in a class have no or another meaning in
//! the engine.

use super::class;

/// The line terminators of Java.
const TERMINATORS: &str = r"\n\r\x{85}\x{2028}\x{2029}";
const WORD: &str = "[A-Za-z0-9_]";

/// The flags in force at a place of the pattern.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub ignore_case: bool,
    pub unicode_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub comments: bool,
    pub unix_lines: bool,
    pub unicode_classes: bool,
}

impl Flags {
    fn set(&mut self, letter: char, on: bool) -> Result<(), String> {
        match letter {
            'i' => self.ignore_case = on,
            'u' => self.unicode_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.comments = on,
            'd' => self.unix_lines = on,
            'U' => {
                self.unicode_classes = on;
                self.unicode_case = on;
            }
            other => return Err(format!("there is no flag `{other}`; there are i, m, s, x, d, u, U")),
        }
        Ok(())
    }
}

/// Characters of a pattern with a position.
pub(super) struct Reader {
    chars: Vec<char>,
    pos: usize,
}

impl Reader {
    pub fn new(text: &str) -> Self {
        Reader { chars: text.chars().collect(), pos: 0 }
    }

    pub fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.pos + ahead).copied()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.pos += 1;
        Some(next)
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(ahead, c)| self.peek_at(ahead) == Some(c));
        if found {
            self.pos += text.chars().count();
        }
        found
    }

    /// Takes the characters for which the test holds.
    pub fn take_while(&mut self, limit: usize, test: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| test(*c) && taken.chars().count() < limit) {
            taken.push(c);
            self.pos += 1;
        }
        taken
    }
}

/// Translates a pattern with its flags.
pub(super) fn translate(pattern: &str, flags: &str) -> Result<String, String> {
    let mut current = Flags::default();
    for letter in flags.chars() {
        current.set(letter, true)?;
    }
    let mut reader = Reader::new(pattern);
    let mut stack: Vec<Flags> = Vec::new();
    let mut out = String::with_capacity(pattern.len() + 16);
    while let Some(c) = reader.next() {
        match c {
            '\\' => escape(&mut reader, current, &mut out)?,
            '[' => {
                let set = class::bracket(&mut reader, current, 0)?;
                push_cased(&set, current, &mut out);
            }
            '(' => {
                stack.push(current);
                group(&mut reader, &mut current, &mut stack, &mut out)?;
            }
            ')' => {
                current = stack.pop().ok_or("a `)` without `(`")?;
                out.push(')');
            }
            '.' => out.push_str(match (current.dot_all, current.unix_lines) {
                (true, _) => "(?s:.)",
                (false, true) => r"[^\n]",
                (false, false) => r"[^\n\r\x{85}\x{2028}\x{2029}]",
            }),
            '$' => dollar(current, &mut out),
            '^' if current.multi_line && current.unix_lines => out.push_str(r"(?:\A|(?<=\n)(?!\z))"),
            '^' if current.multi_line => {
                out.push_str(&format!(r"(?:\A|(?<=[{TERMINATORS}])(?<!\r(?=\n))(?!\z))"));
            }
            '^' => out.push_str(r"\A"),
            '#' if current.comments => {
                reader.take_while(usize::MAX, |c| c != '\n');
            }
            c if current.comments && c.is_ascii_whitespace() => {}
            '|' | '*' | '+' | '?' => out.push(c),
            '{' => repetition(&mut reader, &mut out)?,
            c => literal(c, current, &mut out),
        }
    }
    if stack.is_empty() { Ok(out) } else { Err("a `(` is not closed".into()) }
}

/// `{n}`, `{n,}` or `{n,m}`; anything else is an error in Java, and a literal in the engine.
fn repetition(reader: &mut Reader, out: &mut String) -> Result<(), String> {
    let body = reader.take_while(24, |c| c.is_ascii_digit() || c == ',');
    let parts: Vec<&str> = body.split(',').collect();
    let sound = matches!(parts.as_slice(), [n] if !n.is_empty())
        || matches!(parts.as_slice(), [n, _] if !n.is_empty());
    if !sound || !reader.eat("}") {
        return Err("after `{` a number of repetitions is expected; a brace itself is written `\\{`".into());
    }
    out.push('{');
    out.push_str(&body);
    out.push('}');
    Ok(())
}

fn dollar(flags: Flags, out: &mut String) {
    let terminator = if flags.unix_lines { r"\n".to_owned() } else { format!(r"(?:\r\n|[{TERMINATORS}])") };
    if flags.multi_line {
        let single = if flags.unix_lines { r"\n" } else { TERMINATORS };
        let inside = if flags.unix_lines { "" } else { r"(?<!\r(?=\n))" };
        out.push_str(&format!(r"(?:(?=[{single}]){inside}|\z)"));
    } else {
        let inside = if flags.unix_lines { "" } else { r"(?<!\r(?=\n))" };
        out.push_str(&format!(r"(?:\z|(?={terminator}\z){inside})"));
    }
}

/// A literal character, in both cases if case is ignored.
pub(super) fn literal(c: char, flags: Flags, out: &mut String) {
    if flags.ignore_case && c.is_ascii_alphabetic() && !flags.unicode_case {
        out.push('[');
        out.push(c.to_ascii_lowercase());
        out.push(c.to_ascii_uppercase());
        out.push(']');
    } else if flags.ignore_case && flags.unicode_case {
        out.push_str("(?i:");
        push_escaped(c, out);
        out.push(')');
    } else {
        push_escaped(c, out);
    }
}

fn push_cased(set: &str, flags: Flags, out: &mut String) {
    if flags.ignore_case && flags.unicode_case {
        out.push_str("(?i:");
        out.push_str(set);
        out.push(')');
    } else {
        out.push_str(set);
    }
}

/// A character that stands for itself, inside and outside a class.
pub(super) fn push_escaped(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else if c.is_ascii_punctuation() {
        out.push('\\');
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

/// What follows a `(`.
fn group(
    reader: &mut Reader,
    current: &mut Flags,
    stack: &mut Vec<Flags>,
    out: &mut String,
) -> Result<(), String> {
    if stack.len() > 100 {
        return Err("groups nested more than 100 levels deep".into());
    }
    if !reader.eat("?") {
        out.push('(');
        return Ok(());
    }
    for opening in [":", "=", "!", ">", "<=", "<!"] {
        if reader.eat(opening) {
            out.push_str("(?");
            out.push_str(opening);
            return Ok(());
        }
    }
    if reader.eat("<") {
        let name = reader.take_while(64, |c| c.is_ascii_alphanumeric());
        if name.is_empty() || !reader.eat(">") {
            return Err("the name of a group consists of letters and digits, as in `(?<name>…)`".into());
        }
        out.push_str(&format!("(?<{name}>"));
        return Ok(());
    }
    let mut on = true;
    loop {
        match reader.next() {
            Some('-') => on = false,
            Some(')') => {
                // The flags hold to the end of the enclosing group; what was opened is closed here.
                stack.pop();
                return Ok(());
            }
            Some(':') => {
                out.push_str("(?:");
                return Ok(());
            }
            Some(letter) => current.set(letter, on)?,
            None => return Err("a `(?` is not closed".into()),
        }
    }
}

/// What follows a `\` outside a class.
fn escape(reader: &mut Reader, flags: Flags, out: &mut String) -> Result<(), String> {
    let Some(c) = reader.peek() else { return Err("a pattern cannot end with a single backslash".into()) };
    match c {
        'Q' => {
            reader.next();
            while reader.peek().is_some() && !reader.eat("\\E") {
                if let Some(c) = reader.next() {
                    literal(c, flags, out);
                }
            }
        }
        'E' => {
            reader.next();
        }
        'b' | 'B' => {
            reader.next();
            let (inner, outer) = if c == 'b' { ("!", "!") } else { ("=", "!") };
            let word = if flags.unicode_classes { r"\w" } else { WORD };
            // A boundary has a word character on exactly one side.
            out.push_str(&if c == 'b' {
                format!("(?:(?<={word})(?{inner}{word})|(?<{outer}{word})(?={word}))")
            } else {
                format!("(?:(?<={word})(?{inner}{word})|(?<{outer}{word})(?!{word}))")
            });
        }
        'A' | 'z' | 'G' => {
            reader.next();
            out.push('\\');
            out.push(c);
        }
        'Z' => {
            reader.next();
            dollar(Flags { multi_line: false, ..flags }, out);
        }
        'R' => {
            reader.next();
            out.push_str(r"(?:\r\n|[\n\x0B\x0C\r\x{85}\x{2028}\x{2029}])");
        }
        'k' => {
            reader.next();
            let name = if reader.eat("<") {
                reader.take_while(64, |c| c.is_ascii_alphanumeric())
            } else {
                String::new()
            };
            if name.is_empty() || !reader.eat(">") {
                return Err("a named back-reference is written `\\k<name>`".into());
            }
            out.push_str(&cased(&format!("\\k<{name}>"), flags));
        }
        '1'..='9' => {
            reader.next();
            out.push_str(&cased(&format!("(?:\\{c})"), flags));
        }
        _ => match class::escape(reader, flags)? {
            class::Atom::Char(c) => literal(c, flags, out),
            class::Atom::Set(set) => push_cased(&format!("[{set}]"), flags, out),
        },
    }
    Ok(())
}

fn cased(reference: &str, flags: Flags) -> String {
    if flags.ignore_case { format!("(?i:{reference})") } else { reference.to_owned() }
}
