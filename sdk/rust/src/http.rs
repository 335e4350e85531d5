//! HTTP requests. The host adds the system's credentials, paces the requests and repeats those that the
//! system asked to have later. Capability: `http`.
//!
//! ```
//! use gangway_sdk::http::Request;
//! use gangway_sdk::testing::{Answer, FakeHost};
//! # fn main() -> gangway_sdk::Result<()> {
//! # let host = FakeHost::install();
//! # host.answer(Answer::json(200, r#"{"Resources": []}"#));
//! let users: serde_json::Value =
//!     Request::get("https://example.com/Users").query("count", 100).send()?.accept()?.json()?;
//! # assert_eq!(users["Resources"], serde_json::json!([]));
//! # Ok(())
//! # }
//! ```

mod excerpt;
mod response;
mod status;

pub use crate::bindings::host::gangway::plugin::http::Request;
pub use excerpt::excerpt;
pub use response::Response;

use crate::error::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::fmt::Display;

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::http as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::http as host;

pub(crate) use crate::bindings::host::gangway::plugin::http::Response as RawResponse;

/// What stays as it is in a query or in one segment of a path (RFC 3986, unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a URL's path, or as a value in its query.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

impl Request {
    /// A request with the system's credentials. GET, HEAD, PUT and DELETE are marked as idempotent.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Request {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            auth: "system".to_owned(),
            timeout_ms: 0,
            idempotent: matches!(method, "GET" | "HEAD" | "PUT" | "DELETE"),
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Request::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Request::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Request::new("PUT", url)
    }

    /// A PATCH request.
    pub fn patch(url: impl Into<String>) -> Self {
        Request::new("PATCH", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Request::new("DELETE", url)
    }

    /// Adds a parameter to the URL's query.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&escape(name));
        self.url.push('=');
        self.url.push_str(&escape(&value.to_string()));
        self
    }

    /// Adds a header field. `Authorization`, `Cookie`, `Host` and the hop-by-hop fields are the host's.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends bytes of a media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", media_type)
    }

    /// Sends a value as `application/json`.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        let body = serde_json::to_vec(value)?;
        Ok(self.body("application/json", body))
    }

    /// Sends no credentials.
    #[must_use]
    pub fn without_credentials(mut self) -> Self {
        self.auth = "none".to_owned();
        self
    }

    /// Waits at most this long; the host's own limit applies where it is lower.
    #[must_use]
    pub fn timeout_ms(mut self, milliseconds: u32) -> Self {
        self.timeout_ms = milliseconds;
        self
    }

    /// Whether the host may send the request again after a lost connection: only if doing it twice does
    /// no harm.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sends the request. Any HTTP status is a response; an error means there was none.
    pub fn send(&self) -> Result<Response> {
        host::send(self).map(|raw| Response::of(self, raw))
    }
}

/// Sends many requests, as many at once as the system's limit allows; one answer for each, in order.
pub fn send_many(requests: &[Request]) -> Vec<Result<Response>> {
    if requests.is_empty() {
        return Vec::new();
    }
    let answers = host::send_many(requests);
    let answered = answers.len();
    let mut results: Vec<_> = requests
        .iter()
        .zip(answers)
        .map(|(request, raw)| raw.map(|raw| Response::of(request, raw)))
        .collect();
    let missing = requests.len().saturating_sub(answered);
    results.extend(
        (0..missing).map(|_| Err(Error::internal("The host answered fewer requests than were sent."))),
    );
    results
}
