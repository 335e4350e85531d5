use anyhow::{Context, bail};
use gangway_model::Job;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The engine's HTTP API as a program sees it, for one tenant.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
    tenant: String,
}

impl Api {
    /// Speaks to the engine at `url`.
    pub fn new(url: &str, token: &str, tenant: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            base: url.to_owned(),
            token: token.to_owned(),
            tenant: tenant.to_owned(),
        })
    }

    /// Sends a request below the host; the answer's status and body, JSON or text.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok((status, value))
    }

    /// A file below the host: status, headers as text, and bytes.
    pub async fn download(&self, path: &str) -> anyhow::Result<(StatusCode, String, Vec<u8>)> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.send().await?;
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        Ok((status, headers, response.bytes().await?.to_vec()))
    }

    /// As [`Self::call`], below the tenant; anything but a success is an error.
    pub async fn ok(&self, method: Method, below: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let path = self.path(below);
        let (status, value) = self.call(method.clone(), &path, body).await?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {value}");
        }
        Ok(value)
    }

    /// A path below the tenant.
    pub fn path(&self, below: &str) -> String {
        format!("/api/v1/tenants/{}/{below}", self.tenant)
    }

    /// Makes the tenant.
    pub async fn make_tenant(&self) -> anyhow::Result<()> {
        let (status, answer) =
            self.call(Method::POST, "/api/v1/tenants", Some(json!({ "name": self.tenant }))).await?;
        if !status.is_success() {
            bail!("cannot make tenant {}: {status}: {answer}", self.tenant);
        }
        Ok(())
    }

    /// Uploads a component; the status and the report or problem.
    pub async fn upload(&self, plugin: &str, wasm: Vec<u8>) -> anyhow::Result<(StatusCode, Value)> {
        let response = self
            .http
            .put(format!("{}{}", self.base, self.path(&format!("plugins/{plugin}"))))
            .bearer_auth(&self.token)
            .header("content-type", "application/wasm")
            .body(wasm)
            .send()
            .await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Loads some of the project's components under their own names.
    pub async fn load(&self, plugins: &[&str]) -> anyhow::Result<()> {
        for plugin in plugins {
            let wasm = crate::component(plugin)?;
            let (status, answer) = self.upload(plugin, wasm).await?;
            if !status.is_success() {
                bail!("plugin {plugin} was refused: {status}: {answer}");
            }
        }
        Ok(())
    }

    /// Makes a system; its id.
    pub async fn make_system(&self, system: Value) -> anyhow::Result<String> {
        let made = self.ok(Method::POST, "systems", Some(system)).await?;
        let id = made.get("id").and_then(Value::as_str).context("a system without an id")?;
        Ok(id.to_owned())
    }

    /// Starts a job of a source (name or id).
    pub async fn start(&self, source: &str, kind: &str) -> anyhow::Result<Job> {
        let source = source.replace(' ', "%20");
        let job =
            self.ok(Method::POST, &format!("systems/{source}/jobs"), Some(json!({ "type": kind }))).await?;
        Ok(serde_json::from_value(job)?)
    }

    /// A job as it stands.
    pub async fn job(&self, id: &str) -> anyhow::Result<Job> {
        Ok(serde_json::from_value(self.ok(Method::GET, &format!("jobs/{id}"), None).await?)?)
    }

    /// Waits until a job has ended.
    pub async fn wait(&self, id: &str, limit: Duration) -> anyhow::Result<Job> {
        let start = Instant::now();
        loop {
            let job = self.job(id).await?;
            if job.status.is_final() {
                return Ok(job);
            }
            if start.elapsed() > limit {
                bail!("job {id} has not ended after {limit:?}: {job:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs a Read job to its end.
    pub async fn run(&self, source: &str) -> anyhow::Result<Job> {
        let job = self.start(source, "READ").await?;
        self.wait(job.id.as_str(), Duration::from_secs(300)).await
    }

    /// Lines of a job's entity log.
    pub async fn events(&self, job: &str, state: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.ok(Method::GET, &format!("jobs/{job}/log?state={state}&limit=1000"), None).await?;
        Ok(answer.get("events").and_then(Value::as_array).cloned().unwrap_or_default())
    }
}
