use super::*;

fn zone(name: &str) -> TimeZone {
    time_zone(name).unwrap()
}

fn at(text: &str) -> u64 {
    u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
}

fn utc(ms: u64) -> String {
    Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap().to_string()
}

fn every(span: &str, since: &str) -> Schedule {
    let period = PeriodBody { every: Some(span.to_owned()), ..PeriodBody::default() }.check(1).unwrap();
    Schedule { period, active: true, since_ms: at(since) }
}

fn weekly(days: &[&str], time: &str) -> Schedule {
    let body = PeriodBody {
        every: None,
        weekdays: Some(days.iter().map(|day| (*day).to_owned()).collect()),
        time: Some(time.to_owned()),
    };
    Schedule { period: body.check(60).unwrap(), active: true, since_ms: 0 }
}

fn points(schedule: &Schedule, after: &str, zone_name: &str, count: usize) -> Vec<String> {
    schedule.upcoming(at(after), &zone(zone_name), count).into_iter().map(utc).collect()
}

#[test]
fn f021_an_interval_is_at_least_the_configured_minimum() {
    let check = |span: &str, minimum| {
        PeriodBody { every: Some(span.to_owned()), ..PeriodBody::default() }.check(minimum)
    };
    assert_eq!(check("1", 60), Ok(Period::Every { seconds: 60 }), "a bare number counts minutes");
    assert_eq!(check("1h 30m", 60), Ok(Period::Every { seconds: 5400 }));
    assert_eq!(check("30", 1800), Ok(Period::Every { seconds: 1800 }));
    let refused = check("29m", 1800).unwrap_err();
    assert_eq!(refused[0].0, "/every");
    assert!(refused[0].1.contains("29m") && refused[0].1.contains("30m"), "{refused:?}");
    for wrong in ["0", "", "-5m", "soon", "500d"] {
        assert!(check(wrong, 60).is_err(), "{wrong}");
    }
    assert!(check("29m", 60).unwrap().warning().unwrap().contains("30 minutes"));
    assert_eq!(check("30m", 60).unwrap().warning(), None);
}

#[test]
fn f022_weekdays_want_a_day_and_a_time() {
    let check = |days: &[&str], time: &str| {
        let weekdays = Some(days.iter().map(|day| (*day).to_owned()).collect());
        PeriodBody { every: None, weekdays, time: Some(time.to_owned()) }.check(60)
    };
    let period = check(&["Wednesday", "mon", "monday"], "02:30").unwrap();
    let body = period.body();
    assert_eq!(body.weekdays.unwrap(), ["monday", "wednesday"]);
    assert_eq!(body.time.unwrap(), "02:30:00");
    assert_eq!(check(&[], "02:30").unwrap_err()[0].0, "/weekdays");
    assert_eq!(check(&["monday"], " ").unwrap_err()[0].0, "/time");
    assert_eq!(check(&["someday"], "25:00").unwrap_err().len(), 2, "everything at once");
    let both = PeriodBody { every: Some("30".into()), weekdays: Some(vec!["monday".into()]), time: None };
    assert!(both.check(60).unwrap_err()[0].1.contains("not both"));
}

#[test]
fn an_interval_is_a_fixed_grid() {
    let schedule = every("40m", "2026-01-01T00:05:00Z");
    let expected = ["2026-01-01T00:45:00Z", "2026-01-01T01:25:00Z", "2026-01-01T02:05:00Z"];
    assert_eq!(points(&schedule, "2026-01-01T00:05:00Z", "UTC", 3), expected);
    assert_eq!(points(&schedule, "2026-01-01T00:44:59.999Z", "UTC", 1), expected[..1]);
    assert_eq!(points(&schedule, "2026-01-01T00:45:00Z", "UTC", 1), expected[1..2]);
    assert_eq!(points(&schedule, "2025-12-31T00:00:00Z", "UTC", 1), expected[..1], "before it began");
}

#[test]
fn f023_weekdays_follow_the_clocks_of_the_time_zone() {
    let schedule = weekly(&["saturday", "sunday"], "02:30");
    // 2026-03-29 at 2 the clocks go to 3: 02:30 comes an hour later. Then the offset has changed.
    assert_eq!(
        points(&schedule, "2026-03-28T00:00:00Z", "Europe/Berlin", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-04-04T00:30:00Z"]
    );
    // 2026-10-25 at 3 they go back to 2: 02:30 comes twice, and counts the first time.
    assert_eq!(
        points(&schedule, "2026-10-24T12:00:00Z", "Europe/Berlin", 2),
        ["2026-10-25T00:30:00Z", "2026-10-31T01:30:00Z"]
    );
    let night = weekly(&["monday"], "23:30");
    assert_eq!(
        points(&night, "2026-01-05T00:00:00Z", "America/New_York", 1),
        ["2026-01-06T04:30:00Z"],
        "Monday there, Tuesday in UTC"
    );
    assert_eq!(points(&night, "2026-01-05T23:30:00Z", "UTC", 1), ["2026-01-12T23:30:00Z"]);
    assert!(time_zone("Europe/Nowhere").unwrap_err().contains("Europe/Berlin"));
}

#[test]
fn missed_points_are_not_made_up_for() {
    let utc = zone("UTC");
    let schedule = every("10m", "2026-01-01T00:00:00Z");
    let due = |from: &str, now: &str| schedule.due(at(from), at(now), &utc);
    let ten = Some(at("2026-01-01T00:10:00Z"));
    assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:09:59Z"), None);
    assert_eq!(due("2026-01-01T00:09:59Z", "2026-01-01T00:10:00Z"), ten);
    assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:10:30Z"), ten, "late, but not too late");
    assert_eq!(due("2026-01-01T00:10:00Z", "2026-01-01T00:10:30Z"), None, "once");
    assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T03:05:00Z"), None, "the machine slept");
    assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T03:00:01Z"), Some(at("2026-01-01T03:00:00Z")));
    let short = every("5s", "2026-01-01T00:00:00Z");
    assert_eq!(
        short.due(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:23Z"), &utc),
        Some(at("2026-01-01T00:00:20Z")),
        "of several the last"
    );
    let off = Schedule { active: false, ..every("10m", "2026-01-01T00:00:00Z") };
    assert_eq!(off.due(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:10:00Z"), &utc), None);
}
