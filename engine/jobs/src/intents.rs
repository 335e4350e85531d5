//! What is written down before a create goes out.

use crate::correlate::unique;
use crate::decide::Verb;
use crate::prepare::LanePlan;
use crate::run::Lane;
use crate::{attribute, policy};
use gangway_model::{EntityType, Intent};
use serde_json::Value;

/// The intents that must be durable before a page is applied.
pub(crate) fn intents(lane: &Lane, entity_type: &EntityType, plan: &LanePlan, since_ms: u64) -> Vec<Intent> {
    let creates = plan.work.iter().filter(|work| work.verb == Verb::Create);
    creates.map(|work| intent(lane, entity_type, &work.source_id, &work.content, since_ms)).collect()
}

/// An intent to create this content.
pub(crate) fn intent(
    lane: &Lane,
    entity_type: &EntityType,
    source_id: &str,
    content: &str,
    since_ms: u64,
) -> Intent {
    let unique = match entity_type.as_str() {
        // What finds a group may hang on what it has.
        "group" => serde_json::from_str(content).ok().and_then(|value| unique(lane, entity_type, &value)),
        name => attribute::texts(content, &policy::unique_attributes(&lane.system, name, &Value::Null)),
    };
    Intent { source_id: source_id.to_owned(), since_ms, unique: unique.unwrap_or_default() }
}
