//! The conformance kit: one suite that every plugin passes, whoever wrote it.
//!
//! It loads a component into a host of its own, opens it against the system that a configuration file
//! describes, and asks of it what `wit/since_v0.1` promises. No engine runs. What a check demands stands
//! in its rule, which is shown when it fails; `docs/conformance.md` lists them.

#![forbid(unsafe_code)]

mod bench;
mod checks;
mod config;
mod faults;
mod place;
mod report;

pub use config::{Config, ConfigError, template};
pub use report::{Line, Report, Verdict};

use gangway_model::ports::Clock;
use std::path::PathBuf;
use std::sync::Arc;

/// The value of a variable of the environment.
pub type Environment = Box<dyn Fn(&str) -> Option<String>>;

/// What a run needs from outside.
pub struct Options {
    /// The folder that relative paths of the configuration count from.
    pub folder: PathBuf,
    /// The environment, which holds what does not belong into a file.
    pub environment: Environment,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Stands for `{{run}}`: another one for each run, so that what a broken-off run left behind is
    /// in nobody's way.
    pub run: String,
}

/// Runs the suite against a component; each result is told as soon as it is there. The error says that
/// there is nothing to test.
pub async fn run(
    wasm: Vec<u8>,
    config: &Config,
    options: Options,
    tell: &mut dyn FnMut(&Line),
) -> Result<Report, ConfigError> {
    let mut report = Report::default();
    let mut add = |report: &mut Report, line: Line| {
        tell(&line);
        report.lines.push(line);
    };
    let inspection = match gangway_host::Host::inspect(&wasm) {
        Ok(inspection) => inspection,
        Err(error) => {
            add(&mut report, Line::failed("component", checks::manifest::READABLE, error.to_string()));
            return Ok(report);
        }
    };
    for line in checks::manifest::run(&inspection) {
        add(&mut report, config.unless_skipped(line));
    }
    if !inspection.refusals.is_empty() {
        return Ok(report);
    }
    let bench = match bench::Bench::open(wasm, &inspection, config, options).await? {
        Ok(bench) => bench,
        Err(error) => {
            add(&mut report, Line::failed("load", checks::manifest::LOADS, error.to_string()));
            return Ok(report);
        }
    };
    add(&mut report, Line { name: "load".into(), verdict: Verdict::Passed });
    for check in checks::ALL.iter().copied().flatten() {
        for subject in check.subjects(&bench) {
            let line = check.run(&bench, &subject).await;
            add(&mut report, line);
        }
    }
    Ok(report)
}
