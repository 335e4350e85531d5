use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The engine's HTTP API, for one tenant.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    tenant: String,
    /// Whether the user wants to see what the engine answered rather than a table.
    pub(crate) json: bool,
}

impl Client {
    pub(crate) fn new(url: &str, token: &str, tenant: &str, json: bool) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().context("cannot set up the HTTP client")?;
        Ok(Self {
            http,
            base: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            tenant: tenant.to_owned(),
            json,
        })
    }

    /// A path below the tenant, such as `systems/hr`.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("/api/v1/tenants/{}/{below}", segment(&self.tenant))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        // Who starts a job stands in its log.
        let user = std::env::var("USER").ok().filter(|user| !user.is_empty() && user.is_ascii());
        let request = match user {
            Some(user) => request.header("gangway-user", user),
            None => request,
        };
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(self.request(method, path).json(body)).await
    }

    /// An answer that is no JSON.
    pub(crate) async fn download(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Vec<u8>> {
        let response = self.checked(self.request(method, path).json(body)).await?;
        Ok(response.bytes().await.context("the engine's answer broke off")?.to_vec())
    }

    pub(crate) async fn upload<T: DeserializeOwned>(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<T> {
        let request = self.request(Method::PUT, path).header("content-type", "application/wasm").body(bytes);
        self.answer(request).await
    }

    /// Sends a CSV table.
    pub(crate) async fn send_table<T: DeserializeOwned>(
        &self,
        path: &str,
        table: Vec<u8>,
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::POST, path).header("content-type", "text/csv").body(table)).await
    }

    /// An answer of any length.
    pub(crate) async fn stream(&self, path: &str) -> anyhow::Result<Response> {
        self.checked(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let response = self.checked(self.request(Method::DELETE, path)).await?;
        drop(response);
        Ok(())
    }

    /// An archive, written to a file piece by piece.
    pub(crate) async fn save(&self, path: &str, file: &std::path::Path) -> anyhow::Result<()> {
        use std::io::Write as _;
        let mut response = self.checked(self.request(Method::GET, path)).await?;
        let mut out =
            std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        while let Some(chunk) = response.chunk().await.context("the engine's answer broke off")? {
            out.write_all(&chunk).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// A stream of server-sent events.
    pub(crate) async fn events(&self, path: &str) -> anyhow::Result<Response> {
        self.checked(self.request(Method::GET, path).header("accept", "text/event-stream")).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.checked(request).await?;
        let bytes = response.bytes().await.context("the engine's answer broke off")?;
        let bytes = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
        serde_json::from_slice(bytes).context("the engine's answer is not what this program expects")
    }

    async fn checked(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request
            .send()
            .await
            .with_context(|| format!("no engine answers at {}: start it with `gangway serve`", self.base))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.text().await.unwrap_or_default();
        let problem: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut message = match (text("title"), text("detail")) {
            ("", "") => format!("the engine answered {status}"),
            (title, "") => title.to_owned(),
            ("", detail) => detail.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        };
        for problem in problem.get("problems").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
            message.push_str(&format!("\n  {} {}: {}", text("severity"), text("pointer"), text("message")));
        }
        if !text("action").is_empty() {
            message.push_str(&format!("\n  what to do: {}", text("action")));
        }
        bail!(message)
    }
}

/// A name as one segment of a URL path.
pub(crate) fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_with_spaces_and_slashes_stays_one_segment() {
        assert_eq!(segment("HR files/é"), "HR%20files%2F%C3%A9");
    }
}
