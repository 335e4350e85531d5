//! Dates: reading in one format, adding, writing in another.

use std::borrow::Cow;

use time::{Date, Duration, Month, PrimitiveDateTime, UtcDateTime};

use super::Env;
use super::date_format::{DateFormat, Moment};
use super::params::{Number, Params, Settings};
use crate::value::Value;

/// The pattern that stands for milliseconds since 1970.
const EPOCH: &str = "Date(milliseconds)";

pub(super) struct ManipulateDate {
    source: Input,
    target: DateFormat,
    steps: Vec<(Unit, Number)>,
}

enum Input {
    Epoch,
    Format(DateFormat),
}

#[derive(Clone, Copy)]
enum Unit {
    Years,
    Months,
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl ManipulateDate {
    pub fn compile(params: &mut Params<'_, '_>, settings: &Settings) -> Option<Self> {
        let written = params.plain("sourceDateFormat");
        let epoch = written.as_deref().is_some_and(|text| text.trim() == EPOCH);
        let source = if epoch {
            Some(Input::Epoch)
        } else {
            params.date_format("sourceDateFormat", &settings.date_format).map(Input::Format)
        };
        let default = match written.as_deref() {
            Some(text) if !epoch => text,
            _ => settings.date_format.as_str(),
        };
        let target = params.date_format("targetDateFormat", default);
        let units = [
            (Unit::Years, "years"),
            (Unit::Months, "months"),
            (Unit::Days, "days"),
            (Unit::Hours, "hours"),
            (Unit::Minutes, "minutes"),
            (Unit::Seconds, "seconds"),
        ];
        let steps = units.into_iter().filter_map(|(unit, name)| Some((unit, params.number(name)?))).collect();
        Some(ManipulateDate { source: source?, target: target?, steps })
    }

    pub fn apply<'a>(&self, value: &Value<'a>, env: &Env<'_, '_, 'a>) -> Result<Value<'a>, String> {
        let text = value.to_text();
        let mut moment = match &self.source {
            Input::Epoch => epoch(&text)?,
            Input::Format(format) => format.read(&text)?,
        };
        for (unit, number) in &self.steps {
            let count = number.get(env)?;
            moment.local = add(moment.local, *unit, count)
                .ok_or_else(|| format!("`{text}` plus {count} is not a date any more"))?;
        }
        Ok(Value::String(Cow::Owned(self.target.write(&moment))))
    }
}

fn add(time: PrimitiveDateTime, unit: Unit, count: i64) -> Option<PrimitiveDateTime> {
    let seconds = match unit {
        Unit::Years => return add_months(time, count.checked_mul(12)?),
        Unit::Months => return add_months(time, count),
        Unit::Days => 86_400,
        Unit::Hours => 3_600,
        Unit::Minutes => 60,
        Unit::Seconds => 1,
    };
    time.checked_add(Duration::seconds(count.checked_mul(seconds)?))
}

/// The same day of another month, or its last.
fn add_months(time: PrimitiveDateTime, count: i64) -> Option<PrimitiveDateTime> {
    let date = time.date();
    let months = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
    let months = months.checked_add(count)?;
    let year = i32::try_from(months.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, date.day().min(month.length(year))).ok()?;
    Some(PrimitiveDateTime::new(date, time.time()))
}

/// A number of milliseconds, `Date(ms)` or `/Date(ms±hhmm)/`. The offset does not move the time.
fn epoch(text: &str) -> Result<Moment, String> {
    let wrong =
        || format!("`{text}` is not a number of milliseconds, Date(milliseconds) or /Date(milliseconds)/");
    let body = text.trim().trim_matches('/');
    let body = body.strip_prefix("Date(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(body).trim();
    let sign = body.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let (number, offset) = body.split_at(sign.unwrap_or(body.len()));
    let mut offset_seconds = 0;
    if !offset.is_empty() {
        let digits =
            offset.get(1..).filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()));
        let digits: i32 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        offset_seconds =
            (digits / 100 * 60 + digits % 100) * 60 * if offset.starts_with('-') { -1 } else { 1 };
    }
    let whole = number.split('.').next().unwrap_or_default();
    let milliseconds = whole.parse::<i64>().map_err(|_| wrong())?;
    Ok(Moment { offset_seconds, ..moment_at(milliseconds).ok_or_else(wrong)? })
}

/// A time in milliseconds since 1970, in UTC.
pub(super) fn moment_at(milliseconds: i64) -> Option<Moment> {
    let time = UtcDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    Some(Moment { local: PrimitiveDateTime::new(time.date(), time.time()), offset_seconds: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs() {
        let written = |text: &str| {
            epoch(text).map(|moment| DateFormat::parse("yyyy-MM-dd HH:mm:ss.SSS XXX").unwrap().write(&moment))
        };
        assert_eq!(written("Date(1519809649123)").as_deref(), Ok("2018-02-28 09:20:49.123 Z"));
        assert_eq!(written("/Date(1519809649123-0240)/").as_deref(), Ok("2018-02-28 09:20:49.123 -02:40"));
        assert_eq!(written("-1").as_deref(), Ok("1969-12-31 23:59:59.999 Z"));
        assert!(epoch("soon").is_err());
        assert!(epoch("99999999999999999999").is_err());
        assert!(epoch("9223372036854775807").is_err());
    }

    #[test]
    fn months_end_where_the_month_ends() {
        let start = DateFormat::parse("yyyy-MM-dd").unwrap().read("2024-01-31").unwrap().local;
        let after = |unit, count| {
            let local = add(start, unit, count)?;
            Some(DateFormat::parse("yyyy-MM-dd").unwrap().write(&Moment { local, offset_seconds: 0 }))
        };
        assert_eq!(after(Unit::Months, 1).as_deref(), Some("2024-02-29"));
        assert_eq!(after(Unit::Months, -2).as_deref(), Some("2023-11-30"));
        assert_eq!(after(Unit::Months, 11).as_deref(), Some("2024-12-31"));
        assert_eq!(after(Unit::Years, 1).as_deref(), Some("2025-01-31"));
        assert_eq!(after(Unit::Days, 30).as_deref(), Some("2024-03-01"));
        for unit in [Unit::Years, Unit::Months, Unit::Days, Unit::Seconds] {
            assert_eq!(after(unit, 1_000_000_000_000), None);
            assert_eq!(after(unit, i64::MIN), None);
        }
    }
}
