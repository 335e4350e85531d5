//! Reading dates by pattern.

use time::{Date, Month, PrimitiveDateTime, Time};

use super::date_format::{DAYS, DateFormat, MONTHS, Moment, Part};

/// What the fields of a text said.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanosecond: Option<i64>,
    offset: i32,
}

impl DateFormat {
    /// Reads a date. What the pattern does not contain is 1970-01-01, midnight, UTC.
    pub(super) fn read(&self, text: &str) -> Result<Moment, String> {
        let wrong = || format!("`{text}` is not a date of the form `{}`", self.source);
        let mut rest = text;
        let mut fields = Fields::default();
        for (at, part) in self.parts.iter().enumerate() {
            rest = match part {
                Part::Text(literal) => rest.strip_prefix(literal.as_str()),
                Part::Field(letter, count) => {
                    let following = self.parts.get(at + 1..).unwrap_or_default();
                    fields.read(*letter, *count, reserved(following), rest)
                }
            }
            .ok_or_else(wrong)?;
        }
        if !rest.is_empty() {
            return Err(wrong());
        }
        fields.moment().ok_or_else(wrong)
    }
}

fn is_number(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' | 'Q' | 'q' => count < 3,
        other => "yudDHkKhmsSAn".contains(other),
    }
}

/// How many digits the number fields that follow directly take.
fn reserved(parts: &[Part]) -> usize {
    let adjacent = parts.iter().map_while(|part| match part {
        Part::Field(letter, count) if is_number(*letter, *count) => Some(*count),
        _ => None,
    });
    adjacent.sum()
}

impl Fields {
    /// Takes one field from the front of the text.
    fn read<'t>(&mut self, letter: char, count: usize, reserved: usize, text: &'t str) -> Option<&'t str> {
        if is_number(letter, count) {
            let negative = matches!(letter, 'y' | 'u') && text.starts_with('-');
            let digits_text = text.get(usize::from(negative)..)?;
            let available = digits_text.bytes().take_while(u8::is_ascii_digit).count();
            let fixed = matches!(letter, 'S')
                || (count == 2 && letter != 'S')
                || (count > 1 && !matches!(letter, 'y' | 'u'));
            let length = if fixed { count } else { available.saturating_sub(reserved).min(18) };
            if length == 0 || available < length || (!fixed && length < count) {
                return None;
            }
            let digits = digits_text.get(..length)?;
            let mut value: i64 = digits.parse().ok()?;
            if negative {
                value = -value;
            }
            self.number(letter, count, value, length)?;
            return digits_text.get(length..);
        }
        match letter {
            'M' | 'L' => {
                let (at, rest) = one_of(&MONTHS, count, text)?;
                self.month = Some(at + 1);
                Some(rest)
            }
            'E' => one_of(&DAYS, count, text).map(|(_, rest)| rest),
            'a' => {
                let half = text.get(..2)?;
                self.afternoon = Some(half.eq_ignore_ascii_case("pm"));
                if half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm") {
                    text.get(2..)
                } else {
                    None
                }
            }
            'G' => {
                let words = [("AD", false), ("BC", true), ("Anno Domini", false), ("Before Christ", true)];
                let (word, before) = words.iter().find(|(word, _)| text.starts_with(word))?;
                self.before_christ = *before;
                text.strip_prefix(word)
            }
            'Q' | 'q' => text.strip_prefix('Q')?.strip_prefix(['1', '2', '3', '4']),
            _ => {
                let (offset, rest) = zone(text)?;
                self.offset = offset;
                Some(rest)
            }
        }
    }

    fn number(&mut self, letter: char, count: usize, value: i64, length: usize) -> Option<()> {
        let within = |low: i64, high: i64| if (low..=high).contains(&value) { Some(value) } else { None };
        match letter {
            'y' | 'u' => self.year = Some(if count == 2 { 2000 + value } else { value }),
            'M' | 'L' => self.month = Some(within(1, 12)?),
            'd' => self.day = Some(within(1, 31)?),
            'D' => self.day_of_year = Some(within(1, 366)?),
            'H' => self.hour = Some(within(0, 23)?),
            'k' => self.hour = Some(within(1, 24)? % 24),
            'K' => self.half_hour = Some(within(0, 11)?),
            'h' => self.half_hour = Some(within(1, 12)? % 12),
            'm' => self.minute = Some(within(0, 59)?),
            's' => self.second = Some(within(0, 59)?),
            'S' => {
                let scale = u32::try_from(9usize.checked_sub(length)?).ok()?;
                self.nanosecond = Some(value.checked_mul(10i64.checked_pow(scale)?)?);
            }
            'n' => self.nanosecond = Some(within(0, 999_999_999)?),
            'A' => {
                let of_day = within(0, 86_399_999)?;
                self.hour = Some(of_day / 3_600_000);
                self.minute = Some(of_day / 60_000 % 60);
                self.second = Some(of_day / 1000 % 60);
                self.nanosecond = Some(of_day % 1000 * 1_000_000);
            }
            _ => {}
        }
        Some(())
    }

    fn moment(self) -> Option<Moment> {
        let mut year = self.year.unwrap_or(1970);
        if self.before_christ {
            year = 1 - year;
        }
        let year = i32::try_from(year).ok()?;
        let small = |value: Option<i64>, default| u8::try_from(value.unwrap_or(default)).ok();
        let month = Month::try_from(small(self.month, 1)?).ok()?;
        let date = match self.day_of_year {
            Some(day) if self.day.is_none() && self.month.is_none() => {
                Date::from_ordinal_date(year, u16::try_from(day).ok()?)
            }
            // A day beyond the end of its month is the last one.
            _ => Date::from_calendar_date(year, month, small(self.day, 1)?.min(month.length(year))),
        };
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        let nanosecond = u32::try_from(self.nanosecond.unwrap_or(0)).ok()?;
        let (hour, minute, second) = (small(Some(hour), 0)?, small(self.minute, 0)?, small(self.second, 0)?);
        let time = Time::from_hms_nano(hour, minute, second, nanosecond).ok()?;
        Some(Moment { local: PrimitiveDateTime::new(date.ok()?, time), offset_seconds: self.offset })
    }
}

/// Which of the words the text starts with, in full or by three letters.
fn one_of<'t>(words: &[&str], count: usize, text: &'t str) -> Option<(i64, &'t str)> {
    let matches = |word: &str| {
        let wanted = if count == 4 { word } else { word.get(..3)? };
        text.get(..wanted.len()).filter(|start| start.eq_ignore_ascii_case(wanted))?;
        text.get(wanted.len()..)
    };
    words.iter().zip(0..).find_map(|(word, at)| matches(word).map(|rest| (at, rest)))
}

/// `Z`, `UTC`, `GMT`, `±hh`, `±hhmm`, `±hh:mm`, also behind `UTC` or `GMT`.
fn zone(text: &str) -> Option<(i32, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let named = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT"));
    let body = named.unwrap_or(text);
    let sign = match body.bytes().next() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return named.map(|rest| (0, rest)),
    };
    let mut rest = body.get(1..)?;
    let mut parts = [0i32; 3];
    for (at, part) in parts.iter_mut().enumerate() {
        let digits_text = if at > 0 { rest.strip_prefix(':').unwrap_or(rest) } else { rest };
        let available = digits_text.bytes().take_while(u8::is_ascii_digit).count();
        let length = if at == 0 && named.is_some() && available == 1 { 1 } else { 2 };
        match digits_text.get(..length).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())) {
            Some(digits) => {
                *part = digits.parse().ok()?;
                rest = digits_text.get(length..)?;
            }
            None if at > 0 => break,
            None => return None,
        }
    }
    let [hours, minutes, seconds] = parts;
    if hours > 18 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some((sign * ((hours * 60 + minutes) * 60 + seconds), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<String> {
        let moment = DateFormat::parse(pattern).unwrap().read(text).ok()?;
        let written = DateFormat::parse("yyyy-MM-dd'T'HH:mm:ss.SS").unwrap().write(&moment);
        Some(format!("{} {}", written.trim_end_matches(".00"), moment.offset_seconds))
    }

    #[test]
    fn reads_what_the_pattern_says() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-05 15:04:09.120", "2024-02-05T15:04:09.12 0"),
            ("yyyyMMdd", "20240205", "2024-02-05T00:00:00 0"),
            ("yyyyMMddHHmmss", "20240205010203", "2024-02-05T01:02:03 0"),
            ("d.M.yy", "5.2.24", "2024-02-05T00:00:00 0"),
            ("dd MMM yyyy", "05 Feb 2024", "2024-02-05T00:00:00 0"),
            ("EEEE, d MMMM yyyy", "Monday, 5 February 2024", "2024-02-05T00:00:00 0"),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-05T01:02:03+05:30", "2024-02-05T01:02:03 19800"),
            ("yyyy-MM-dd'T'HH:mm:ss'Z'", "2024-02-05T01:02:03Z", "2024-02-05T01:02:03 0"),
            ("hh:mm a", "03:04 pm", "1970-01-01T15:04:00 0"),
            ("hh:mm a", "12:04 AM", "1970-01-01T00:04:00 0"),
            ("yyyy-MM-dd", "2023-02-31", "2023-02-28T00:00:00 0"),
            ("yyyy-D", "2024-60", "2024-02-29T00:00:00 0"),
            ("yyyy-MM-dd z", "2024-02-05 UTC+1", "2024-02-05T00:00:00 3600"),
        ] {
            assert_eq!(read(pattern, text).as_deref(), Some(expected), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("yyyy-MM-dd", "soon"),
            ("yyyy-MM-dd", "2024-13-01"),
            ("yyyy-MM-dd", "2024-1-01"),
            ("yyyy-MM-dd", "2024-01-01x"),
            ("yyyy-MM-dd", ""),
            ("HH", "24"),
            ("yyyy-D", "2023-366"),
            ("dd MMM yyyy", "05 Foo 2024"),
            ("X", "+99"),
            ("yyyy", "99999999"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }
}
