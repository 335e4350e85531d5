//! The properties of a system that steer its requests.

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
            headers: headers(system)?,
        })
    }
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
    fn defaults_and_maxima_of_the_specification() {
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
