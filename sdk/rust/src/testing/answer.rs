use crate::error::{Error, Result};
use crate::http::RawResponse;

/// What the fake host answers to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(crate) response: Result<RawResponse>,
}

impl Answer {
    /// A response without body.
    pub fn status(status: u16) -> Self {
        Answer { response: Ok(RawResponse { status, headers: Vec::new(), body: Vec::new() }) }
    }

    /// A response with a body of a media type.
    pub fn body(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Answer { response: Ok(RawResponse { status, headers, body: body.into() }) }
    }

    /// A response with JSON text: a string, or a `serde_json::Value` written as one.
    pub fn json(status: u16, json: impl ToString) -> Self {
        Answer::body(status, "application/json", json.to_string())
    }

    /// No response.
    pub fn error(error: Error) -> Self {
        Answer { response: Err(error) }
    }

    /// The same response with one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(response) = &mut self.response {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}
