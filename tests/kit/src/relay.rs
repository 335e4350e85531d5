use crate::scim::all_resources;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use reqwest::Method;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A request as the relay saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: Bytes,
    /// What the server behind it answered, or the rule made up; 0 if the connection was dropped.
    pub status: u16,
}

impl Request {
    /// Whether it asks for a change.
    pub fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}

/// What the relay does instead of passing a request on.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Pass it on.
    Pass,
    /// Answer this: status, headers, body. The server behind never sees the request.
    Instead(u16, Vec<(String, String)>, String),
    /// Pass it on, then drop the connection before the answer: the effect happened, the caller
    /// does not know.
    LoseAnswer,
    /// Drop the connection at once.
    Drop,
    /// Pass it on after a while.
    Late(Duration),
}

/// Decides by method, path and the number of the request (from 0).
pub type Rule = Arc<dyn Fn(&str, &str, usize) -> Answer + Send + Sync>;

/// Stands in front of a real server, records every request, and shows the faults that no real
/// server can be made to show on command.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    target: String,
    state: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    http: reqwest::Client,
    target: String,
    requests: Mutex<Vec<Request>>,
    rule: Mutex<Rule>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Relay {
    /// Starts a relay to `target` (`http://host:port`, without a path).
    pub async fn start(target: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let state = Arc::new(Shared {
            http: reqwest::Client::builder().no_proxy().build()?,
            target: target.to_owned(),
            requests: Mutex::default(),
            rule: Mutex::new(Arc::new(|_, _, _| Answer::Pass)),
        });
        let router = Router::new().fallback(handle).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, target: target.to_owned(), state, task })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the rule for the requests to come.
    pub fn set_rule(&self, rule: impl Fn(&str, &str, usize) -> Answer + Send + Sync + 'static) {
        *self.state.rule.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// Everything seen so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests so far asked for a change.
    pub fn writes(&self) -> usize {
        self.state
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|r| r.is_write())
            .count()
    }

    /// Forgets what was seen.
    pub fn clear(&self) {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// All resources of a SCIM endpoint, asked behind the relay's back. `base` is the path of the
    /// service.
    pub async fn scim_resources(
        &self,
        base: &str,
        token: &str,
        endpoint: &str,
    ) -> anyhow::Result<Vec<Value>> {
        all_resources(&format!("{}{base}", self.target), token, endpoint).await
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A body that breaks off: the server drops the connection in the middle of the answer.
fn broken() -> Response {
    let stream = Body::from_stream(BreakOff);
    let mut response = Response::new(stream);
    response.headers_mut().insert("content-length", axum::http::HeaderValue::from_static("1000"));
    response
}

/// A stream whose first element is an error.
struct BreakOff;

impl futures_core::Stream for BreakOff {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("dropped on purpose"))))
    }
}

async fn handle(State(state): State<Arc<Shared>>, request: HttpRequest) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string);
    let body = to_bytes(body, 64 << 20).await.unwrap_or_default();
    let method = head.method.to_string();
    let (number, rule) = {
        let mut requests = state.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(Request { method: method.clone(), path: path.clone(), body: body.clone(), status: 0 });
        (requests.len() - 1, state.rule.lock().unwrap_or_else(PoisonError::into_inner).clone())
    };
    let note = |status: u16| {
        let mut requests = state.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = requests.get_mut(number) {
            request.status = status;
        }
    };
    let answer = rule(&method, &path, number);
    match &answer {
        Answer::Drop => return broken(),
        Answer::Instead(status, headers, text) => {
            note(*status);
            let mut response = Response::builder().status(*status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            return response.body(Body::from(text.clone())).unwrap_or_else(|_| broken());
        }
        Answer::Late(wait) => tokio::time::sleep(*wait).await,
        Answer::Pass | Answer::LoseAnswer => {}
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    let mut forward = state.http.request(method, format!("{}{path}", state.target)).body(body);
    for (name, value) in &head.headers {
        if !matches!(name.as_str(), "host" | "content-length" | "connection" | "transfer-encoding") {
            forward = forward.header(name, value);
        }
    }
    let Ok(response) = forward.send().await else { return broken() };
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(bytes) = response.bytes().await else { return broken() };
    if matches!(answer, Answer::LoseAnswer) {
        return broken();
    }
    note(status.as_u16());
    let mut out = Response::builder().status(status);
    for (name, value) in &headers {
        if !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding") {
            out = out.header(name, value);
        }
    }
    out.body(Body::from(bytes)).unwrap_or_else(|_| broken())
}
