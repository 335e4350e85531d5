//! Date patterns in the letters of Java's `DateTimeFormatter`, with English texts.

use time::PrimitiveDateTime;

use super::date::moment_at;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A time as it is written on a clock, and how far that clock is from UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub local: PrimitiveDateTime,
    pub offset_seconds: i32,
}

/// A parsed date pattern.
#[derive(Debug)]
pub struct DateFormat {
    pub(super) source: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Field(char, usize),
}

impl DateFormat {
    /// Parses a pattern.
    pub fn parse(pattern: &str) -> Result<DateFormat, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut text = String::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' if chars.peek() == Some(&'\'') => {
                    chars.next();
                    text.push('\'');
                }
                '\'' => loop {
                    match chars.next() {
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            text.push('\'');
                        }
                        Some('\'') => break,
                        Some(c) => text.push(c),
                        None => {
                            return Err(format!(
                                "the date format `{pattern}` has a quote that is not closed"
                            ));
                        }
                    }
                },
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.peek() == Some(&c) {
                        chars.next();
                        count += 1;
                    }
                    if !"GyuMLdDQqEaHkKhmsSAnXxZzOV".contains(c) || count > 19 {
                        return Err(format!(
                            "the date format `{pattern}` has the letters `{}`, which mean nothing; texts stand in single quotes",
                            c.to_string().repeat(count)
                        ));
                    }
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Field(c, count));
                }
                // Optional sections are written always.
                '[' | ']' => {}
                c => text.push(c),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(DateFormat { source: pattern.to_owned(), parts })
    }

    /// A time given in milliseconds since 1970, in UTC.
    pub fn write_milliseconds(&self, milliseconds: i64) -> Option<String> {
        moment_at(milliseconds).map(|moment| self.write(&moment))
    }

    pub(super) fn write(&self, moment: &Moment) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(letter, count) => field(moment, *letter, *count, &mut out),
            }
        }
        out
    }
}

fn number(value: i64, width: usize, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let digits = value.unsigned_abs().to_string();
    (digits.len()..width).for_each(|_| out.push('0'));
    out.push_str(&digits);
}

/// Three letters, the whole word or (for five) the first letter.
fn word(words: &[&str], at: i64, count: usize, out: &mut String) {
    let word = usize::try_from(at).ok().and_then(|at| words.get(at)).copied().unwrap_or_default();
    let length = match count {
        5 => 1,
        4 => word.len(),
        _ => 3,
    };
    out.push_str(word.get(..length).unwrap_or(word));
}

fn field(moment: &Moment, letter: char, count: usize, out: &mut String) {
    let time = moment.local;
    let hour = i64::from(time.hour());
    let month = i64::from(u8::from(time.month()));
    let quarter = (month - 1) / 3 + 1;
    let nanosecond = i64::from(time.nanosecond());
    let of_day = (hour * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    match letter {
        'G' => out.push_str(match (time.year() > 0, count) {
            (true, 4) => "Anno Domini",
            (false, 4) => "Before Christ",
            (true, _) => "AD",
            (false, _) => "BC",
        }),
        'y' | 'u' => {
            let year = i64::from(time.year());
            let year = if letter == 'y' && year <= 0 { 1 - year } else { year };
            number(if count == 2 { year.rem_euclid(100) } else { year }, count, out);
        }
        'M' | 'L' if count >= 3 => word(&MONTHS, month - 1, count, out),
        'M' | 'L' => number(month, count, out),
        'd' => number(i64::from(time.day()), count, out),
        'D' => number(i64::from(time.ordinal()), count, out),
        'Q' | 'q' if count >= 3 => {
            out.push('Q');
            number(quarter, 1, out);
        }
        'Q' | 'q' => number(quarter, count, out),
        'E' => word(&DAYS, i64::from(time.weekday().number_days_from_monday()), count, out),
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'H' => number(hour, count, out),
        'k' => number(if hour == 0 { 24 } else { hour }, count, out),
        'K' => number(hour % 12, count, out),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }, count, out),
        'm' => number(i64::from(time.minute()), count, out),
        's' => number(i64::from(time.second()), count, out),
        'S' => {
            let digits = format!("{nanosecond:09}");
            out.push_str(digits.get(..count.min(9)).unwrap_or(&digits));
            (9..count).for_each(|_| out.push('0'));
        }
        'A' => number(of_day * 1000 + nanosecond / 1_000_000, count, out),
        'n' => number(nanosecond, count, out),
        _ => zone(moment.offset_seconds, letter, count, out),
    }
}

fn zone(offset: i32, letter: char, count: usize, out: &mut String) {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
    let text = match (letter, count) {
        ('X', _) if offset == 0 => "Z".to_owned(),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('X' | 'x', 1 | 2) => format!("{sign}{hours:02}{minutes:02}"),
        ('X' | 'x', 4) if seconds != 0 => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        ('X' | 'x', 4) => format!("{sign}{hours:02}{minutes:02}"),
        ('X' | 'x', _) => format!("{sign}{hours:02}:{minutes:02}"),
        ('Z', 5) if offset == 0 => "Z".to_owned(),
        ('Z', 5) => format!("{sign}{hours:02}:{minutes:02}"),
        ('Z', 4) if offset == 0 => "GMT".to_owned(),
        ('Z', 4) | ('O', 4) if offset != 0 => format!("GMT{sign}{hours:02}:{minutes:02}"),
        ('Z', _) => format!("{sign}{hours:02}{minutes:02}"),
        ('O', _) if offset == 0 => "GMT".to_owned(),
        (letter, _) => {
            let name = if letter == 'O' { "GMT" } else { "UTC" };
            match (offset, minutes) {
                (0, _) => name.to_owned(),
                (_, 0) => format!("{name}{sign}{hours}"),
                _ => format!("{name}{sign}{hours}:{minutes:02}"),
            }
        }
    };
    out.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_letter() {
        let date = time::Date::from_calendar_date(2024, time::Month::February, 5).unwrap();
        let local = date.with_hms_milli(15, 4, 9, 120).unwrap();
        let moment = Moment { local, offset_seconds: 3600 };
        for (pattern, expected) in [
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-02-05T15:04:09.120+01:00"),
            ("uu yy M d H m s S", "24 24 2 5 15 4 9 1"),
            ("EEE, dd MMM yyyy EEEE MMMM", "Mon, 05 Feb 2024 Monday February"),
            ("h:mm a K k D Q G", "3:04 PM 3 15 36 1 AD"),
            ("X x Z z O ZZZZZ OOOO", "+01 +01 +0100 UTC+1 GMT+1 +01:00 GMT+01:00"),
            ("o''clock", ""),
            ("'o''clock'", "o'clock"),
        ] {
            match DateFormat::parse(pattern) {
                Ok(format) => assert_eq!(format.write(&moment), expected, "{pattern}"),
                Err(_) => assert!(expected.is_empty(), "{pattern}"),
            }
        }
        assert_eq!(DateFormat::parse("X").unwrap().write(&Moment { offset_seconds: 0, ..moment }), "Z");
        assert!(DateFormat::parse("yyyy'T").is_err());
        assert!(DateFormat::parse("Date(ms)").is_err());
    }
}
