//! What a status means, the same for every connector.

use super::Response;
use crate::error::{Error, code};
use serde_json::Value;
use std::time::SystemTime;

impl Response {
    /// The error that a status other than 2xx stands for, with `status`, `url` (without query) and the
    /// start of the body as facts.
    pub fn error(&self) -> Error {
        let (code, meaning) = meaning(self.status);
        let said = self.said().map(|said| format!(" It says: {said}")).unwrap_or_default();
        let message = format!(
            "The system answered {} {} with the status {}.{said}",
            self.method, self.url, self.status
        );
        let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
        let mut error = Error::new(code, format!("{message}{stop} {meaning}"))
            .with_detail("status", self.status)
            .with_detail("method", &self.method)
            .with_detail("url", &self.url);
        let excerpt = self.excerpt();
        if !excerpt.is_empty() {
            error = error.with_detail("body", excerpt);
        }
        error.retry_after_ms = self.retry_after_ms();
        error
    }

    /// How long the system asks to be left alone: `Retry-After` in seconds, or as a date, which is
    /// compared with the answer's own `Date` so that no clock of ours has a say.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse::<f64>() {
            // Some systems send fractions; none means a negative pause or one of years.
            return (0.0..=86_400.0 * 366.0).contains(&seconds).then_some((seconds * 1000.0).ceil() as u64);
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let now: SystemTime = httpdate::parse_http_date(self.header("date")?.trim()).ok()?;
        let pause = until.duration_since(now).unwrap_or_default();
        u64::try_from(pause.as_millis()).ok()
    }

    /// The system's own words, where its error body has the usual shape of one.
    fn said(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let places = [
            "/detail",
            "/error/message",
            "/error_description",
            "/message",
            "/errorMessage",
            "/title",
            "/error",
        ];
        let said = places.iter().find_map(|place| body.pointer(place)?.as_str())?;
        let said = super::excerpt(said.as_bytes());
        (!said.is_empty()).then_some(said)
    }
}

/// The error code of a status, and what to do about it.
fn meaning(status: u16) -> (&'static str, &'static str) {
    match status {
        300..=399 => (
            code::PROTOCOL,
            "It redirects to another place; set the system's URL to where its API really is.",
        ),
        401 => (code::UNAUTHORIZED, "Check the system's credentials."),
        403 => (code::FORBIDDEN, "Give the system's technical user the missing authorization."),
        404 | 410 => (code::NOT_FOUND, "What the request names does not exist there."),
        408 => (code::TIMEOUT, "It gave up waiting for the request."),
        409 => (code::CONFLICT, "An entity with the same unique attribute exists there already."),
        413 => (code::TOO_LARGE, "Send less in one request: a smaller page, bulk or group."),
        429 => (code::RATE_LIMITED, "Too many requests: the engine slows down and tries again."),
        501 => (code::UNSUPPORTED, "It does not offer this function."),
        500..=599 => {
            (code::UNAVAILABLE, "The fault is on the system's side; the engine may try again later.")
        }
        _ => (code::INVALID, "It refuses the request's content; check the transformation."),
    }
}
