use gangway_model::System;
use serde::{Deserialize, Serialize};

/// What became known of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The first entity failed, and the job goes on.
    Failing,
    /// It ended, and something had failed.
    Failed,
    /// It ended, and nothing had failed.
    Succeeded,
    /// It was stopped by hand before anything failed.
    Stopped,
}

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// The first entity failed.
    RunningWithError,
    /// The job ended with failures.
    FinishedWithError,
    /// The first job without failures after such a message.
    Success,
}

/// The properties of the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// No message while a job runs.
    pub skip_intermediate: bool,
    /// A message for each job that failed.
    pub repeat: bool,
    /// Failed jobs in a row that nobody is told about.
    pub ignored: u64,
}

impl Rules {
    /// As a source has them. A number that is none counts as 0: rather a message too many.
    pub fn of(source: &System) -> Self {
        let value = |name: &str| source.property(name).map(str::trim);
        let is_on = |name: &str| value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let ignored = value("ips.job.notification.ignored.consecutive.failures");
        Self {
            skip_intermediate: is_on("ips.job.notification.skip.intermediate.notifications"),
            repeat: is_on("ips.job.notification.repeat.on.failure"),
            ignored: ignored.and_then(|value| value.parse().ok()).unwrap_or_default(),
        }
    }
}

/// What is remembered of a source between jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Failed jobs since the last one that succeeded.
    pub failures: u64,
    /// Somebody was told about one of them.
    pub notified: bool,
}

/// Whether there is something to tell, and what is to be remembered.
pub fn decide(state: State, rules: Rules, happening: Happening) -> (State, Option<Kind>) {
    match happening {
        Happening::Failing => (state, (!rules.skip_intermediate).then_some(Kind::RunningWithError)),
        Happening::Failed => {
            let failures = state.failures.saturating_add(1);
            let tell = rules.repeat || (failures > rules.ignored && !state.notified);
            (State { failures, notified: state.notified || tell }, tell.then_some(Kind::FinishedWithError))
        }
        Happening::Succeeded => (State::default(), state.notified.then_some(Kind::Success)),
        Happening::Stopped => (state, None),
    }
}
