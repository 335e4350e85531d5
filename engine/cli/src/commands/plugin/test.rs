use crate::clock::SystemClock;
use crate::output::say;
use anyhow::Context;
use gangway_conformance::{Config, Options};
use gangway_model::ports::Clock;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Test {
    /// The component (`.wasm`).
    #[arg(required_unless_present = "template")]
    file: Option<PathBuf>,
    /// The system to test against: properties, grants and sample entities (JSON).
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print a configuration to start from.
    #[arg(long)]
    template: bool,
}

impl Test {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(file) = self.file.filter(|_| !self.template) else {
            say(gangway_conformance::template().trim_end());
            return Ok(ExitCode::SUCCESS);
        };
        let wasm = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Config::parse(&text).with_context(|| path.display().to_string())?
            }
            None => Config::default(),
        };
        let clock = Arc::new(SystemClock);
        let folder = self.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let options = Options {
            folder: std::path::absolute(folder.join(".")).context("there is no current folder")?,
            environment: Box::new(|name| std::env::var(name).ok()),
            run: format!("{:x}", clock.now_ms()),
            clock,
        };
        let report =
            gangway_conformance::run(wasm, &config, options, &mut |line| say(&line.to_string())).await?;
        say(&report.to_string());
        Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
