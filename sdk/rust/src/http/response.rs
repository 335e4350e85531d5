use super::excerpt::excerpt;
use super::{RawResponse, Request};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// What a system answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header fields, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The method of the request.
    pub method: String,
    /// The URL of the request without its query, which may carry personal data.
    pub url: String,
}

impl Response {
    pub(super) fn of(request: &Request, raw: RawResponse) -> Self {
        let url = request.url.split(['?', '#']).next().unwrap_or_default().to_owned();
        Response {
            status: raw.status,
            headers: raw.headers,
            body: raw.body,
            method: request.method.clone(),
            url,
        }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header field, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The response if its status is 2xx, otherwise the [error](Self::error) that it stands for.
    pub fn accept(self) -> Result<Self> {
        if self.is_success() { Ok(self) } else { Err(self.error()) }
    }

    /// The body as JSON. A body that is none is the error `protocol`, which quotes its start.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_json(&error))
    }

    /// The start of the body, for a message to a person. Values that look like secrets are left out.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }

    fn not_json(&self, error: &serde_json::Error) -> Error {
        let media_type = self.header("content-type").unwrap_or("no media type");
        let what = match error.classify() {
            serde_json::error::Category::Data => format!("JSON of another shape than expected ({error})"),
            _ if self.body.is_empty() => "an empty body where JSON was expected".to_owned(),
            _ => format!("something that is not JSON ({media_type})"),
        };
        let excerpt = self.excerpt();
        let quote = if excerpt.is_empty() { String::new() } else { format!(" It begins with: {excerpt}") };
        Error::protocol(format!(
            "The system answered {} {} with {what}. Check that the system's URL leads to its API and not to a login page or a proxy.{quote}",
            self.method, self.url
        ))
        .with_detail("status", self.status)
        .with_detail("url", &self.url)
        .with_detail("contentType", media_type)
        .with_detail("body", excerpt)
    }
}
