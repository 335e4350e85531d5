use crate::output::say;
use anyhow::Context;
use gangway_schedule::time_span;
use gangway_server::{Config, Opened, Services};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The folder that holds everything the engine remembers.
    #[arg(long, env = "GANGWAY_DATA", default_value = "data")]
    data: PathBuf,
    /// Where compiled plugins are kept; a folder inside the data folder if not given. It can be
    /// deleted at any time.
    #[arg(long, env = "GANGWAY_CACHE")]
    cache: Option<PathBuf>,
    /// Where to listen. Anything but loopback exposes the API: put TLS in front of it.
    #[arg(long, env = "GANGWAY_LISTEN", default_value = "127.0.0.1:8400")]
    listen: SocketAddr,
    /// Write the API token, when one is made, to this file (readable for its owner only) and do not
    /// show it.
    #[arg(long, env = "GANGWAY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Make a new API token; the one before is void.
    #[arg(long)]
    new_token: bool,
    /// The address under which clients reach the engine, for links in SCIM answers.
    #[arg(long, env = "GANGWAY_PUBLIC_URL")]
    public_url: Option<String>,
    /// Jobs that may run at once; the number of processors if not given.
    #[arg(long)]
    jobs_at_once: Option<usize>,
    /// The shortest interval of a schedule: `1m`, `30s`; a bare number counts minutes.
    #[arg(long, env = "GANGWAY_SCHEDULE_MINIMUM", default_value = "1m")]
    schedule_minimum: String,
    /// Schedule nothing but Read jobs.
    #[arg(long, env = "GANGWAY_SCHEDULE_READS_ONLY")]
    schedule_reads_only: bool,
    /// End a job that has stored no page for so long: `1h`, `10m`.
    #[arg(long, env = "GANGWAY_JOB_IDLE_LIMIT", default_value = "1h")]
    job_idle_limit: String,
    /// End a job that takes longer in all.
    #[arg(long, env = "GANGWAY_JOB_TIME_LIMIT", default_value = "24h")]
    job_time_limit: String,
    /// Processor time that one call into a plugin may take, in seconds.
    #[arg(long, default_value_t = 10.0)]
    plugin_cpu: f64,
    /// Time that one call into a plugin may take in all, waits included, in seconds.
    #[arg(long, default_value_t = 120.0)]
    plugin_time: f64,
    /// Write `/tmp/perf-<process>.map`, with which Linux `perf` names the functions of plugins.
    #[arg(long, env = "GANGWAY_PERF_MAP")]
    perf_map: bool,
    /// What to log: `info`, `debug`, `gangway_jobs=debug,info`, …
    #[arg(long, env = "GANGWAY_LOG", default_value = "info")]
    log: String,
    /// `text` for people, `json` for machines.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    log_format: String,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        self.start_log()?;
        let limit = |seconds: f64, what: &str| {
            Duration::try_from_secs_f64(seconds)
                .with_context(|| format!("--{what} {seconds} is no time span"))
        };
        let (cpu, wall) = (limit(self.plugin_cpu, "plugin-cpu")?, limit(self.plugin_time, "plugin-time")?);
        let mut config = Config::new(&self.data);
        config.new_token = self.new_token;
        config.public_url = self.public_url.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(jobs) = self.jobs_at_once {
            config.jobs_at_once = jobs.max(1);
        }
        let span = |text: &str, what: &str| {
            let seconds = time_span(text).map_err(|why| anyhow::anyhow!("--{what}: {why}"))?;
            anyhow::Ok(Duration::from_secs(seconds))
        };
        config.schedules.minimum_seconds = span(&self.schedule_minimum, "schedule-minimum")?.as_secs();
        config.schedules.reads_only = self.schedule_reads_only;
        config.limits.idle = span(&self.job_idle_limit, "job-idle-limit")?;
        config.limits.total = span(&self.job_time_limit, "job-time-limit")?;
        let (cache, perf_map) = (self.cache, self.perf_map);
        config.host = Some(std::sync::Arc::new(move |host| {
            if let Some(cache) = &cache {
                host.cache_dir.clone_from(cache);
            }
            host.limits.cpu = cpu;
            host.limits.wall = wall;
            host.perf_map = perf_map;
        }));

        let listener = tokio::net::TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}: is another engine running there?", self.listen))?;
        let Opened { services, token } = Services::open(config).await?;
        if let Some(token) = token {
            hand_over(&token, self.token_file.as_deref())?;
        }
        if !self.listen.ip().is_loopback() {
            tracing::warn!(listen = %self.listen, "the API is reachable from other machines, without TLS of its own");
        }
        tracing::info!(listen = %listener.local_addr()?, data = %self.data.display(), "ready");
        gangway_server::serve(listener, services, asked_to_end()).await?;
        tracing::info!("ended");
        Ok(ExitCode::SUCCESS)
    }

    fn start_log(&self) -> anyhow::Result<()> {
        // The compiler of components tells at `trace` what it does with every instruction: gigabytes for one
        // plugin. Who wants that names it.
        let quiet =
            "cranelift_codegen=info,cranelift_frontend=info,regalloc2=info,wasmtime_internal_cranelift=info";
        let filter = EnvFilter::try_new(format!("{quiet},{}", self.log))
            .with_context(|| format!("--log {:?} is no filter", self.log))?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        if self.log_format == "json" {
            log.json().init();
        } else {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
        }
        Ok(())
    }
}

/// Shows the token, or writes it where it was asked to.
fn hand_over(token: &str, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = file else {
        say(&format!(
            "API token, shown once and kept nowhere:\n\n  {token}\n\nexport GANGWAY_TOKEN={token}\n"
        ));
        return Ok(());
    };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file =
        options.open(path).with_context(|| format!("cannot write the token to {}", path.display()))?;
    writeln!(file, "{token}").with_context(|| format!("cannot write the token to {}", path.display()))
}

/// Ends with SIGINT or SIGTERM.
async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
