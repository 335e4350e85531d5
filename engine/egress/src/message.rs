use crate::settings::is_of_connection;
use bytes::Bytes;
use gangway_model::{PluginError, code};
use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

/// A request as a plugin gives it (`http` in `wit/since_v0.1/host.wit`).
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Without those that are the host's.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
    /// `system` or `none`.
    pub auth: String,
    /// For one attempt; 0 for the system's own limit.
    pub timeout_ms: u32,
    /// Whether the request may be repeated after a lost connection.
    pub idempotent: bool,
}

/// Any answer, whatever its status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// In the order received, without `Set-Cookie`.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A request that has passed the rules on its form.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) with_credentials: bool,
    pub(crate) timeout: Duration,
    pub(crate) idempotent: bool,
}

impl Prepared {
    /// Checks method, URL and headers. `limit` is the system's timeout.
    pub(crate) fn of(request: HttpRequest, limit: Duration, max_body: usize) -> Result<Self, PluginError> {
        let invalid = |text: String| PluginError::new(code::INVALID, text);
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT && *method != Method::TRACE)
            .ok_or_else(|| invalid(format!("{:?} is no method that a plugin may use", request.method)))?;
        let mut url = Url::parse(&request.url)
            .map_err(|error| invalid(format!("{:?} is no absolute URL ({error})", cut(&request.url))))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "a URL with user or password is refused: ask for the system's credentials with auth \"system\""
                    .to_owned(),
            ));
        }
        url.set_fragment(None);
        let with_credentials = match request.auth.as_str() {
            "system" => true,
            "none" => false,
            other => return Err(invalid(format!("auth is {other:?}; it must be \"system\" or \"none\""))),
        };
        if request.body.len() > max_body {
            return Err(PluginError::new(
                code::TOO_LARGE,
                format!("the request body has {} bytes; at most {max_body} are sent", request.body.len()),
            ));
        }
        let headers = headers(&request.headers, request.body.len())?;
        let timeout = match request.timeout_ms {
            0 => limit,
            ms => Duration::from_millis(u64::from(ms)).min(limit),
        };
        Ok(Self {
            method,
            url,
            headers,
            body: Bytes::from(request.body),
            with_credentials,
            timeout,
            idempotent: request.idempotent,
        })
    }
}

fn headers(given: &[(String, String)], body: usize) -> Result<HeaderMap, PluginError> {
    let mut headers = HeaderMap::with_capacity(given.len() + 4);
    for (name, value) in given {
        let invalid =
            |text: &str| PluginError::new(code::INVALID, format!("the header {:?} {text}", cut(name)));
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("is no HTTP header name"))?;
        if parsed == reqwest::header::CONTENT_LENGTH && value.trim() == body.to_string() {
            continue;
        }
        if parsed == AUTHORIZATION || parsed == COOKIE {
            return Err(PluginError::new(
                code::DENIED,
                format!(
                    "a plugin may not give the header {parsed}: ask for the system's credentials with auth \"system\""
                ),
            ));
        }
        if is_of_connection(&parsed) || parsed == ACCEPT_ENCODING {
            return Err(PluginError::new(
                code::DENIED,
                format!("a plugin may not give the header {parsed}: it is the engine's own"),
            ));
        }
        let value =
            HeaderValue::from_str(value).map_err(|_| invalid("has a value that HTTP cannot carry"))?;
        headers.append(parsed, value);
    }
    Ok(headers)
}

/// What a message quotes of a plugin's text.
fn cut(text: &str) -> &str {
    let end = text.char_indices().map(|(at, _)| at).nth(200).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(change: impl FnOnce(&mut HttpRequest)) -> Result<Prepared, PluginError> {
        let mut request = HttpRequest {
            method: "POST".into(),
            url: "https://a.example/Users".into(),
            auth: "none".into(),
            body: b"body".to_vec(),
            ..HttpRequest::default()
        };
        change(&mut request);
        Prepared::of(request, Duration::from_secs(60), 100)
    }

    fn refused(change: impl FnOnce(&mut HttpRequest)) -> String {
        prepare(change).err().map(|error| error.code).unwrap_or_default()
    }

    #[test]
    fn headers_of_the_host_are_refused() {
        for name in ["Authorization", "authorization", "Cookie", "Host", "HOST", "Proxy-Authorization"] {
            let code = refused(|r| r.headers.push((name.into(), "x".into())));
            assert_eq!(code, code::DENIED, "{name}");
        }
        for name in ["Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"] {
            let code = refused(|r| r.headers.push((name.into(), "x".into())));
            assert_eq!(code, code::DENIED, "{name}");
        }
        for name in ["Proxy-Connection", "Expect", "Accept-Encoding", "HTTP2-Settings"] {
            let code = refused(|r| r.headers.push((name.into(), "x".into())));
            assert_eq!(code, code::DENIED, "{name}");
        }
        assert_eq!(refused(|r| r.headers.push(("X-A".into(), "a\r\nX-B: b".into()))), code::INVALID);
        assert_eq!(refused(|r| r.headers.push(("X A".into(), "a".into()))), code::INVALID);
        assert_eq!(refused(|r| r.headers.push(("If-Match".into(), "*".into()))), "");
    }

    #[test]
    fn a_content_length_must_be_true() {
        assert_eq!(refused(|r| r.headers.push(("Content-Length".into(), "4".into()))), "");
        assert_eq!(refused(|r| r.headers.push(("Content-Length".into(), "5".into()))), code::DENIED);
    }

    #[test]
    fn the_form_is_checked() {
        assert_eq!(refused(|r| r.method = "CONNECT".into()), code::INVALID);
        assert_eq!(refused(|r| r.method = "GET /x HTTP/1.1\r\n".into()), code::INVALID);
        assert_eq!(refused(|r| r.url = "/Users".into()), code::INVALID);
        assert_eq!(refused(|r| r.url = "https://u:p@a.example/".into()), code::INVALID);
        assert_eq!(refused(|r| r.auth = "basic".into()), code::INVALID);
        assert_eq!(refused(|r| r.body = vec![0; 101]), code::TOO_LARGE);
    }

    #[test]
    fn the_lower_timeout_counts() {
        let timeout = |ms| prepare(|r| r.timeout_ms = ms).unwrap().timeout.as_millis();
        assert_eq!([timeout(0), timeout(1500), timeout(90_000)], [60_000, 1500, 60_000]);
    }
}
