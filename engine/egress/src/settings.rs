//! The properties of a system that steer its requests.

use crate::matrix::Connector;
use crate::pacing::RateLimit;
use gangway_model::{PluginError, System, code};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use std::time::Duration;

/// `ips.http.header.<name>` adds a header.
const HEADER_PREFIX: &str = "ips.http.header.";

/// A header that the system's configuration adds to requests to its own server.
#[derive(Clone, Debug)]
pub(crate) struct AddedHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    /// Stays away from requests that were asked to carry no credentials.
    pub(crate) credential: bool,
}

/// Read once per configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_interval: Duration,
    /// Set if only what the reference product repeats is repeated.
    pub(crate) parity: Option<Connector>,
    /// Requests in a stretch of time.
    pub(crate) rate: Option<RateLimit>,
    pub(crate) headers: Vec<AddedHeader>,
}

impl Settings {
    pub(crate) fn of(system: &System) -> Result<Self, PluginError> {
        let number = |key, default, min, max| number(system, key, default, min, max);
        let concurrency = number("http.concurrency", 8, 1, 64)?;
        let retries = number("ips.failed.request.retry.attempts", 2, 0, 3)?;
        Ok(Self {
            concurrency: usize::try_from(concurrency).unwrap_or(8),
            timeout: Duration::from_secs(number("http.timeout", 60, 1, 300)?),
            retries: u32::try_from(retries).unwrap_or(2),
            retry_interval: Duration::from_secs(number(
                "ips.failed.request.retry.attempts.interval",
                30,
                0,
                60,
            )?),
            parity: parity(system)?,
            rate: rate(system)?,
            headers: headers(system)?,
        })
    }
}

/// What SAP Jam bears.
const JAM: RateLimit = RateLimit { count: 200, per: Duration::from_secs(60) };

fn wrong(system: &System, key: &str, what: &str) -> PluginError {
    PluginError::new(code::CONFIGURATION, format!("system \"{}\": the property {key} {what}", system.name))
        .with("property", key)
}

fn parity(system: &System) -> Result<Option<Connector>, PluginError> {
    let key = "ips.failed.request.retry.mode";
    match system.property(key).map(str::trim) {
        None | Some("" | "better") => Ok(None),
        Some("parity") => Ok(Some(Connector::of(system))),
        Some(other) => Err(wrong(system, key, &format!("is {other:?}; it must be better or parity"))),
    }
}

/// `http.rate.limit`: `200/min`, `5/s`, `13000/h`. SAP Jam has one in any case.
fn rate(system: &System) -> Result<Option<RateLimit>, PluginError> {
    let key = "http.rate.limit";
    let text = system.property(key).map(str::trim).filter(|text| !text.is_empty());
    let parse = |text: &str| {
        let (count, per) = text.split_once('/')?;
        let seconds = match per.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return None,
        };
        let count = count.trim().parse::<usize>().ok().filter(|count| (1..=100_000).contains(count))?;
        Some(RateLimit { count, per: Duration::from_secs(seconds) })
    };
    let hint = "must be a number of requests and a time, from 1 to 100000: 200/min, 5/s, 13000/h";
    let given = text.map(|text| parse(text).ok_or_else(|| wrong(system, key, hint))).transpose()?;
    if Connector::of(system) != Connector::Jam {
        return Ok(given);
    }
    // A stricter one stands, if it is so in every stretch of a minute.
    Ok(Some(given.filter(|given| given.per >= JAM.per && given.count <= JAM.count).unwrap_or(JAM)))
}

/// A whole number; a value outside the range is brought into it, as administrators expect of a
/// documented maximum, but a word is an error.
fn number(system: &System, key: &str, default: u64, min: u64, max: u64) -> Result<u64, PluginError> {
    let Some(text) = system.property(key).map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    let value: u64 = text.parse().map_err(|_| {
        PluginError::new(
            code::CONFIGURATION,
            format!(
                "system \"{}\": the property {key} is {text:?}; it must be a whole number from {min} to {max}",
                system.name
            ),
        )
        .with("property", key)
    })?;
    Ok(value.clamp(min, max))
}

fn headers(system: &System) -> Result<Vec<AddedHeader>, PluginError> {
    let mut headers = Vec::new();
    for (key, property) in &system.properties {
        let Some(name) = key.strip_prefix(HEADER_PREFIX) else { continue };
        let wrong = |text: &str| {
            PluginError::new(
                code::CONFIGURATION,
                format!("system \"{}\": the property {key} {text}", system.name),
            )
            .with("property", key.as_str())
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("names no HTTP header"))?;
        if is_of_connection(&name) {
            return Err(wrong("names a header that only the engine may set; remove the property"));
        }
        let mut value = HeaderValue::from_str(property.value.trim())
            .map_err(|_| wrong("has a value that no HTTP header can carry (a line break, for one)"))?;
        let credential = property.secret || name == AUTHORIZATION || name == COOKIE;
        value.set_sensitive(credential);
        headers.push(AddedHeader { name, value, credential });
    }
    Ok(headers)
}

/// Headers that belong to the connection or to the framing of the message, never to its sender.
pub(crate) fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "trailers"
            | "transfer-encoding"
            | "upgrade"
            | "host"
            | "content-length"
            | "http2-settings"
            | "expect"
    ) || name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::system;

    #[test]
    fn rate_limits_are_read() {
        let rate = |text: &str| Settings::of(&system(&[("http.rate.limit", text)])).map(|s| s.rate);
        let limit = |count, seconds| Some(RateLimit { count, per: Duration::from_secs(seconds) });
        assert_eq!(rate("200/min").unwrap(), limit(200, 60));
        assert_eq!(rate(" 5 / s ").unwrap(), limit(5, 1));
        assert_eq!(rate("13000/h").unwrap(), limit(13_000, 3600));
        assert_eq!(rate("").unwrap(), None);
        for wrong in ["200", "0/s", "many/min", "5/day", "200000/s"] {
            assert!(rate(wrong).unwrap_err().message.contains("http.rate.limit"), "{wrong}");
        }
        let jam = |text: &str| {
            let properties = [("http.rate.limit", text), ("ips.system.type", "Jam")];
            Settings::of(&system(&properties)).unwrap().rate
        };
        assert_eq!(jam(""), limit(200, 60));
        assert_eq!(jam("50/min"), limit(50, 60));
        assert_eq!(jam("100/s"), limit(200, 60));
    }

    #[test]
    fn f135_defaults_and_maxima_of_attempts_and_interval() {
        let defaults = Settings::of(&system(&[])).unwrap();
        assert_eq!((defaults.retries, defaults.retry_interval.as_secs()), (2, 30));
        assert_eq!((defaults.concurrency, defaults.timeout.as_secs()), (8, 60));
        let high = Settings::of(&system(&[
            ("ips.failed.request.retry.attempts", "9"),
            ("ips.failed.request.retry.attempts.interval", "600"),
            ("http.concurrency", "1000"),
            ("http.timeout", "9999"),
        ]))
        .unwrap();
        assert_eq!((high.retries, high.retry_interval.as_secs()), (3, 60));
        assert_eq!((high.concurrency, high.timeout.as_secs()), (64, 300));
        let zero = Settings::of(&system(&[("http.concurrency", "0"), ("http.timeout", "0")])).unwrap();
        assert_eq!((zero.concurrency, zero.timeout.as_secs()), (1, 1));
    }

    #[test]
    fn a_word_for_a_number_names_the_property() {
        let error = Settings::of(&system(&[("http.concurrency", "many")])).unwrap_err();
        assert_eq!(error.code, code::CONFIGURATION);
        assert!(error.message.contains("http.concurrency") && error.message.contains("\"many\""), "{error}");
    }

    #[test]
    fn header_properties_are_checked() {
        let good = Settings::of(&system(&[("ips.http.header.X-Location", "north")])).unwrap();
        assert_eq!(good.headers[0].name, "x-location");
        assert!(!good.headers[0].credential);
        let auth = Settings::of(&system(&[("ips.http.header.Authorization", "Basic x")])).unwrap();
        assert!(auth.headers[0].credential && !format!("{auth:?}").contains("Basic x"));
        for (key, value) in [
            ("ips.http.header.Host", "x"),
            ("ips.http.header.Transfer-Encoding", "chunked"),
            ("ips.http.header.Proxy-Authorization", "x"),
            ("ips.http.header.X-A", "a\r\nX-B: b"),
            ("ips.http.header.", "x"),
        ] {
            let error = Settings::of(&system(&[(key, value)])).unwrap_err();
            assert_eq!(error.code, code::CONFIGURATION, "{key}");
            assert!(error.message.contains(key), "{error}");
        }
    }
}
