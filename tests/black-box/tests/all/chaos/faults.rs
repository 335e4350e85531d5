//! What goes wrong in a round.

use super::random::Random;
use gangway_kit::Answer;
use serde_json::{Value, json};
use std::time::Duration;

/// What happens to the source's pages, in the words of the `chaos` component.
pub(super) fn of_source(random: &mut Random) -> Value {
    let mut faults = Vec::new();
    while random.happens(400) && faults.len() < 3 {
        let mut fault = match random.below(8) {
            0 => json!({ "do": "error", "code": "timeout" }),
            1 => json!({ "do": "error", "code": "unavailable" }),
            2 => json!({ "do": "error", "code": "rate-limited", "retryAfterMs": 10 }),
            3 => json!({ "do": "error", "code": "unavailable", "after": true }),
            4 => json!({ "do": "short-page" }),
            5 => json!({ "do": "empty-page" }),
            6 => json!({ "do": "duplicate-entity" }),
            _ => json!({ "do": "trap" }),
        };
        fault["on"] = json!("read-page");
        fault["nth"] = json!(1 + random.below(9));
        faults.push(fault);
    }
    Value::Array(faults)
}

/// What happens to the requests to the target.
#[derive(Clone, Debug)]
pub(super) struct OfTarget {
    seed: u64,
    /// Requests in a thousand to which something happens.
    per_mille: u64,
    /// From this request on the target is away for so many requests.
    outage: Option<(u64, u64)>,
    /// At this request the target's own process is killed and started again.
    pub(super) restart_at: Option<u64>,
    /// At this request the engine is killed.
    pub(super) kill_at: Option<u64>,
}

impl OfTarget {
    pub(super) fn new(random: &mut Random) -> Self {
        let often = [0, 15, 40, 120][random.below(4) as usize];
        let mut sometimes = |per_mille, range: u64| random.happens(per_mille).then(|| random.below(range));
        let outage = sometimes(200, 80).map(|from| (from, 40));
        let restart_at = sometimes(200, 80);
        let kill_at = sometimes(350, 100);
        Self { seed: random.next(), per_mille: often, outage, restart_at, kill_at }
    }

    pub(super) fn none() -> Self {
        Self { seed: 0, per_mille: 0, outage: None, restart_at: None, kill_at: None }
    }

    /// What the relay does with the request of this number.
    pub(super) fn answer(&self, number: u64) -> Answer {
        if self.outage.is_some_and(|(from, length)| (from..from + length).contains(&number)) {
            return Answer::Drop;
        }
        let mut random = Random::new(self.seed, number);
        if !random.happens(self.per_mille) {
            return Answer::Pass;
        }
        let instead = |status, headers: &[(&str, &str)], body: &str| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Answer::Instead(status, headers.collect(), body.to_owned())
        };
        match random.below(9) {
            0 => instead(429, &[("retry-after", "0")], ""),
            1 => instead(503, &[], "<html>busy</html>"),
            2 => instead(500, &[], ""),
            3 => instead(502, &[("content-type", "text/html")], "<html>bad gateway</html>"),
            4 => instead(400, &[], "{\"detail\":\"not this one\"}"),
            5 => Answer::Drop,
            6 => Answer::Late(Duration::from_millis(40)),
            _ => Answer::LoseAnswer,
        }
    }
}
