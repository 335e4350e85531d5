use crate::process::Process;
use crate::{free_port, root};
use anyhow::bail;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A running scim2-server (in memory, base path `/v2`).
#[derive(Debug)]
pub struct ScimServer {
    _process: Process,
    port: u16,
    token: String,
}

impl ScimServer {
    /// Starts an empty server with a bearer token.
    pub fn start(token: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = program("scim2-server")?;
        command.args(["--hostname", "127.0.0.1", "--port", &port.to_string(), "--bearer-token", token]);
        Self::serve(command, port, token)
    }

    /// The same application under gunicorn with eight threads, which takes load.
    pub fn start_for_load(token: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = program("gunicorn")?;
        let application = format!("scim_app:build('{token}')");
        command
            .args([
                "--no-control-socket",
                "-w",
                "1",
                "--threads",
                "8",
                "-k",
                "gthread",
                "-b",
                &format!("127.0.0.1:{port}"),
            ])
            .arg("--chdir")
            .arg(root().join("tests/kit"))
            .arg(application);
        Self::serve(command, port, token)
    }

    fn serve(mut command: Command, port: u16, token: &str) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start("scim2-server", &mut command)?;
        process.wait_for(port, Duration::from_secs(30))?;
        Ok(Self { _process: process, port, token: token.to_owned() })
    }

    /// `http://127.0.0.1:PORT/v2`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v2", self.port)
    }

    /// The bearer token it wants.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Changes something behind everybody's back; `path` is below the service, such as `Users/7`.
    pub async fn change(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut request = http.request(method, format!("{}/{path}", self.url())).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let response = request.send().await?;
        let (status, bytes) = (response.status(), response.bytes().await?);
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// All resources of an endpoint (`Users`, `Groups`), page by page.
    pub async fn all(&self, endpoint: &str) -> anyhow::Result<Vec<Value>> {
        all_resources(&self.url(), &self.token, endpoint).await
    }
}

/// A program of the test environment.
pub(crate) fn program(name: &str) -> anyhow::Result<Command> {
    let program = root().join("target/test-venv/bin").join(name);
    if !program.is_file() {
        bail!("{name} is not installed: run tests/setup/servers.sh (`make test` does)");
    }
    Ok(Command::new(program))
}

/// All resources of a SCIM endpoint, page by page.
pub(crate) async fn all_resources(base: &str, token: &str, endpoint: &str) -> anyhow::Result<Vec<Value>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut all = Vec::new();
    loop {
        let url = format!("{base}/{endpoint}?startIndex={}&count=100", all.len() + 1);
        let response = http.get(&url).bearer_auth(token).send().await?;
        let status = response.status();
        let page: Value = serde_json::from_slice(&response.bytes().await?)?;
        if !status.is_success() {
            bail!("GET {url}: {status}: {page}");
        }
        let resources = page.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
        let total = page.get("totalResults").and_then(Value::as_u64).unwrap_or(0);
        let none = resources.is_empty();
        all.extend(resources);
        if none || all.len() as u64 >= total {
            return Ok(all);
        }
    }
}
