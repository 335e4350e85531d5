use crate::process::Process;
use crate::{Api, Method, free_port, gangway};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How to start an engine.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Further arguments of `gangway serve`.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// A folder that outlives the value; none for a temporary one.
    pub data: Option<PathBuf>,
    /// Compile every plugin anew instead of taking what an earlier engine compiled.
    pub cold: bool,
}

/// A running `gangway serve`.
#[derive(Debug)]
pub struct Engine {
    process: Option<Process>,
    options: EngineOptions,
    folder: TempDir,
    port: u16,
    token: String,
}

impl Engine {
    /// Starts an engine on an empty data folder.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(EngineOptions::default()).await
    }

    /// Starts an engine.
    pub async fn start_with(options: EngineOptions) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut engine = Self { process: None, options, folder, port: free_port()?, token: String::new() };
        engine.restart().await?;
        engine.token = std::fs::read_to_string(engine.token_file())
            .context("the engine wrote no token file at its first start")?
            .trim()
            .to_owned();
        Ok(engine)
    }

    /// Starts the program again on the same data and port.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut command = Command::new(gangway()?);
        command
            .arg("serve")
            .arg("--data")
            .arg(self.data())
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--token-file")
            .arg(self.token_file())
            .args(&self.options.arguments)
            .args(self.cache())
            .envs(self.options.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = Process::start("gangway serve", &mut command)?;
        let waited = process.wait_for(self.port, Duration::from_secs(60));
        waited.with_context(|| format!("the engine's log:\n{}", self.log()))?;
        self.process = Some(process);
        // It listens before it is ready; the answer comes when it is.
        let api = Api::new(&self.url(), "", "")?;
        let ready = api.call(Method::GET, "/healthz", None);
        let answered = tokio::time::timeout(Duration::from_secs(60), ready).await;
        answered
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("the engine does not get ready; its log:\n{}", self.log()))?;
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// The operating system's number of the process.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The API token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its API, for a tenant.
    pub fn api(&self, tenant: &str) -> anyhow::Result<Api> {
        Api::new(&self.url(), &self.token, tenant)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.options.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All it has written to standard output and standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Runs another command of the program against this engine.
    pub fn cli(&self, tenant: &str, arguments: &[&str]) -> anyhow::Result<std::process::Output> {
        let mut command = Command::new(gangway()?);
        command
            .args(arguments)
            .env("GANGWAY_URL", self.url())
            .env("GANGWAY_TOKEN", &self.token)
            .env("GANGWAY_TENANT", tenant)
            .stdin(Stdio::null());
        command.output().context("cannot run the gangway program")
    }

    /// Compiled code is the same for every engine of the build.
    fn cache(&self) -> Vec<std::ffi::OsString> {
        if self.options.cold {
            return Vec::new();
        }
        vec!["--cache".into(), crate::root().join("target/plugin-cache").into()]
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("engine.log")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
