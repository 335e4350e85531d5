//! When what goes wrong.

use crate::act::Act;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{Error, Result, state};
use serde::Deserialize;

/// A call that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Call {
    /// The first call of an instance.
    Open,
    ReadPage,
    ReadEntities,
    Find,
    /// A batch of operations.
    Write,
    /// One operation of a batch.
    Operation,
}

/// A fault. Without `nth`, `from` and `every` it happens on each call.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fault {
    on: Call,
    /// Only for this type; other calls are not counted.
    entity_type: Option<String>,
    /// Only on the call with this number, counted from one.
    nth: Option<u64>,
    /// On the call with this number and all later ones.
    from: Option<u64>,
    /// On each call whose number it divides.
    every: Option<u64>,
    #[serde(flatten)]
    act: Act,
}

impl Fault {
    fn matches(&self, call: Call, entity_type: Option<&str>) -> bool {
        self.on == call && self.entity_type.as_deref().is_none_or(|wanted| Some(wanted) == entity_type)
    }

    fn fires(&self, count: u64) -> bool {
        self.nth.is_none_or(|nth| nth == count)
            && self.from.is_none_or(|from| count >= from)
            && self.every.is_none_or(|every| every > 0 && count.is_multiple_of(every))
    }
}

/// All faults, each with the number of calls it has seen.
#[derive(Debug)]
pub(crate) struct Schedule {
    faults: Vec<(Fault, u64)>,
    /// The counters outlive the instance, so that what is to happen once does not happen again after it.
    kept: bool,
}

impl Schedule {
    pub(crate) fn new(properties: &Properties) -> Result<Self> {
        let text = properties.get_or("chaos.faults", "[]");
        let faults: Vec<Fault> = serde_json::from_str(text).map_err(|error| {
            Error::configuration(format!("The property `chaos.faults` is no JSON array of faults: {error}."))
                .with_detail("property", "chaos.faults")
        })?;
        let kept = match properties.get_or("chaos.count", "instance") {
            "instance" => false,
            "system" => true,
            other => return Err(wrong("chaos.count", other, "`instance` or `system`")),
        };
        Ok(Schedule { faults: faults.into_iter().map(|fault| (fault, 0)).collect(), kept })
    }

    /// Counts a call; what is to go wrong in it.
    pub(crate) fn firing(&mut self, call: Call, entity_type: Option<&str>) -> Result<Vec<Act>> {
        let mut acts = Vec::new();
        for (number, (fault, count)) in self.faults.iter_mut().enumerate() {
            if !fault.matches(call, entity_type) {
                continue;
            }
            if self.kept {
                let key = format!("fault/{number}");
                *count = state::get_json(&key)?.unwrap_or(0);
                // Kept before the fault happens: after a trap nothing can be kept.
                state::set_json(&key, &(*count + 1))?;
            }
            *count += 1;
            if fault.fires(*count) {
                acts.push(fault.act.clone());
            }
        }
        Ok(acts)
    }
}
