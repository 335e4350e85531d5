//! The suite. A check is a row: its name, what the interface promises, whom it concerns, how it is done.

mod bad_questions;
mod cancellation;
mod faulty;
pub(crate) mod manifest;
mod reading;
mod transforming;
mod writing;

use crate::bench::Bench;
use crate::report::{Line, Verdict};
use futures_util::future::BoxFuture;
use gangway_model::PluginError;
use std::fmt::{Debug, Display};
use std::time::Duration;

/// Longer than the host lets a call be stopped, shorter than anybody wants to wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom a check concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concerns {
    /// Sources, for each entity type.
    Source,
    /// Targets, for each entity type.
    Target,
    /// Targets, for each entity type that the configuration has a sample of.
    Writing,
    /// Sources that use HTTP.
    HttpSource,
    /// Targets that use HTTP, where there is a sample.
    HttpTarget,
    /// Transformations, as a whole.
    Transformation,
}

/// Why a check did not pass.
pub(crate) enum Stop {
    Failed(String),
    NotApplicable(String),
    Skipped(String),
}

type Done<'b> = BoxFuture<'b, Result<(), Stop>>;

/// One row of the suite.
pub(crate) struct Check {
    name: &'static str,
    rule: &'static str,
    concerns: Concerns,
    run: for<'b> fn(&'b Bench<'b>, &'b str) -> Done<'b>,
}

/// A row; the function takes the bench and the entity type.
macro_rules! check {
    ($concerns:ident, $name:literal, $function:path, $rule:literal) => {
        $crate::checks::Check {
            name: $name,
            rule: $rule,
            concerns: $crate::checks::Concerns::$concerns,
            run: |bench, entity_type| Box::pin($function(bench, entity_type)),
        }
    };
}
pub(crate) use check;

/// The suite, in the order it is run.
pub(crate) const ALL: &[&[Check]] = &[
    reading::CHECKS,
    writing::CHECKS,
    bad_questions::CHECKS,
    faulty::CHECKS,
    cancellation::CHECKS,
    transforming::CHECKS,
];

impl Check {
    /// What it is run for: entity types, or once.
    pub(crate) fn subjects(&self, bench: &Bench<'_>) -> Vec<String> {
        let types = &bench.manifest.entity_types;
        let once = self.concerns == Concerns::Transformation || self.out_of_place(bench).is_some();
        if once || types.is_empty() {
            return vec![String::new()];
        }
        types.clone()
    }

    /// Runs it and cleans up after it.
    pub(crate) async fn run(&self, bench: &Bench<'_>, entity_type: &str) -> Line {
        let name = if entity_type.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}[{entity_type}]", self.name)
        };
        let verdict = match (self.out_of_place(bench), bench.config.skipped(&name)) {
            (Some(why), _) => Verdict::NotApplicable(why),
            (None, Some(why)) => Verdict::Skipped(why.to_owned()),
            (None, None) => self.carry_out(bench, entity_type).await,
        };
        Line { name, verdict }
    }

    fn out_of_place(&self, bench: &Bench<'_>) -> Option<String> {
        let roles = bench.roles;
        let (has, role) = match self.concerns {
            Concerns::Source | Concerns::HttpSource => (roles.source, "source"),
            Concerns::Target | Concerns::Writing | Concerns::HttpTarget => (roles.target, "target"),
            Concerns::Transformation => (roles.transformation, "transformation"),
        };
        if !has {
            return Some(format!("the plugin is no {role}"));
        }
        let http = matches!(self.concerns, Concerns::HttpSource | Concerns::HttpTarget);
        if http && !bench.uses("http") {
            return Some("the plugin does not use http".to_owned());
        }
        None
    }

    async fn carry_out(&self, bench: &Bench<'_>, entity_type: &str) -> Verdict {
        let writes = matches!(self.concerns, Concerns::Writing | Concerns::HttpTarget);
        if writes && bench.sample(entity_type).is_none_or(|sample| sample.create.is_none()) {
            return Verdict::Skipped(format!("the configuration has no samples.{entity_type}.create"));
        }
        let (before, _) = bench.crashes();
        let ended = tokio::time::timeout(PATIENCE, (self.run)(bench, entity_type)).await;
        let (after, crash) = bench.crashes();
        bench.clean_up().await;
        let failed = |found: String| Verdict::Failed { rule: self.rule, found };
        if after > before {
            return failed(format!("the plugin crashed: {crash}"));
        }
        match ended {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(Stop::Failed(found))) => failed(found),
            Ok(Err(Stop::NotApplicable(why))) => Verdict::NotApplicable(why),
            Ok(Err(Stop::Skipped(why))) => Verdict::Skipped(why),
            Err(_) => failed(format!("it has not ended after {} s", PATIENCE.as_secs())),
        }
    }
}

/// Fails unless it holds.
fn demand(holds: bool, found: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Failed(found())) }
}

/// Fails unless both are equal.
fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<(), Stop> {
    demand(found == expected, || format!("{what}: {found:?} where {expected:?} was expected"))
}

/// Fails unless the error has one of the codes.
fn refused<T>(what: &str, answer: Result<T, PluginError>, codes: &[&str]) -> Result<PluginError, Stop> {
    match answer {
        Ok(_) => Err(Stop::Failed(format!("{what}: it succeeded where an error was expected"))),
        Err(error) if codes.is_empty() || codes.contains(&error.code.as_str()) => Ok(error),
        Err(error) => Err(Stop::Failed(format!("{what}: {error}; expected the code {}", codes.join(" or ")))),
    }
}

/// What a call should have given.
trait Expect<T> {
    fn expect_of(self, what: &str) -> Result<T, Stop>;
}

impl<T, E: Display> Expect<T> for Result<T, E> {
    fn expect_of(self, what: &str) -> Result<T, Stop> {
        self.map_err(|error| Stop::Failed(format!("{what}: {error}")))
    }
}
