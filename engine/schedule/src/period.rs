use crate::{show_span, time_span};
use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Serialize};

/// Below this an interval is accepted with a warning.
const SHORT_SECONDS: u64 = 30 * 60;
/// Above this it is a typing error.
const LONGEST_SECONDS: u64 = 366 * 24 * 3600;

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    pub(crate) fn is(self, weekday: Weekday) -> bool {
        self as i8 == weekday.to_monday_zero_offset()
    }

    fn parse(text: &str) -> Option<Self> {
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let text = text.trim().to_lowercase();
        let position = names.iter().position(|name| {
            *name == text || (text.len() >= 2 && name.get(..text.len().min(3)) == Some(text.as_str()))
        })?;
        let days = [
            Self::Monday,
            Self::Tuesday,
            Self::Wednesday,
            Self::Thursday,
            Self::Friday,
            Self::Saturday,
            Self::Sunday,
        ];
        days.get(position).copied()
    }
}

/// Which points a schedule has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Period {
    /// One every so many seconds.
    Every {
        /// At least one.
        seconds: u64,
    },
    /// One on each of these days, in the tenant's time zone.
    Weekly {
        /// Not empty, sorted.
        days: Vec<Day>,
        /// Local time.
        time: Time,
    },
}

/// A period as it is sent: either `every`, or `weekdays` and `time`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodBody {
    /// `30m`, `2h`; a bare number counts minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// `monday`, `tue`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<String>>,
    /// `02:30`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl PeriodBody {
    /// The period, or everything that is wrong with it: where, and what.
    pub fn check(&self, minimum_seconds: u64) -> Result<Period, Vec<(&'static str, String)>> {
        match (&self.every, &self.weekdays, &self.time) {
            (Some(every), None, None) => {
                let seconds = time_span(every).map_err(|why| vec![("/every", why)])?;
                if seconds < minimum_seconds {
                    let least = show_span(minimum_seconds);
                    return Err(vec![(
                        "/every",
                        format!(
                            "an interval of {} is shorter than the least that this engine allows, {least}",
                            show_span(seconds)
                        ),
                    )]);
                }
                if seconds > LONGEST_SECONDS {
                    return Err(vec![("/every", "an interval is at most 366 days".to_owned())]);
                }
                Ok(Period::Every { seconds })
            }
            (Some(_), _, _) => Err(vec![(
                "/every",
                "a schedule has an interval (every), or days and a time (weekdays, time); not both"
                    .to_owned(),
            )]),
            (None, days, time) => {
                weekly(days.as_deref().unwrap_or_default(), time.as_deref().unwrap_or_default())
            }
        }
    }
}

fn weekly(days: &[String], time: &str) -> Result<Period, Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for day in days {
        match Day::parse(day) {
            Some(day) => known.push(day),
            None => wrong.push(("/weekdays", format!("{day:?} is no day of the week: monday … sunday"))),
        }
    }
    if days.is_empty() {
        wrong.push(("/weekdays", "there is no day: give at least one, or an interval (every)".to_owned()));
    }
    let parsed = match time.trim() {
        "" => Err("there is no time: give one such as 02:30".to_owned()),
        time => time.parse::<Time>().map_err(|_| format!("{time:?} is no time of day such as 02:30")),
    };
    known.sort();
    known.dedup();
    match parsed {
        Ok(time) if wrong.is_empty() => Ok(Period::Weekly { days: known, time }),
        Ok(_) => Err(wrong),
        Err(why) => {
            wrong.push(("/time", why));
            Err(wrong)
        }
    }
}

impl Period {
    /// As it is sent.
    pub fn body(&self) -> PeriodBody {
        match self {
            Self::Every { seconds } => {
                PeriodBody { every: Some(show_span(*seconds)), ..PeriodBody::default() }
            }
            Self::Weekly { days, time } => PeriodBody {
                every: None,
                weekdays: Some(days.iter().map(|day| format!("{day:?}").to_lowercase()).collect()),
                time: Some(time.to_string()),
            },
        }
    }

    /// What is allowed and doubtful.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Every { seconds } if *seconds < SHORT_SECONDS => Some(format!(
                "an interval of {} is below the recommended 30 minutes: a job that takes longer skips points",
                show_span(*seconds)
            )),
            _ => None,
        }
    }
}
