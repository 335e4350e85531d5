//! The identifier that a target gives a new user, written back to the source.
//!
//! A directory generates the global identifier of a person (`userUuid`); the system that people come from is told in
//! the same job, so that it knows them by it, too. This is the one write that a source ever gets.

use crate::apply::LaneApply;
use crate::decide::UNKNOWN;
use crate::item::Item;
use gangway_model::ports::Target;
use gangway_model::{Operation, OperationKind, Outcome, PluginError, System, code};
use serde_json::{Value, json};
use std::sync::Arc;

/// The attribute of the source that takes the identifier. Without it nothing is written back.
const PROPERTY: &str = "ips.user.uuid.write.back";
/// Where a target shows it.
const POINTER: &str = "/urn:ietf:params:scim:schemas:extension:sap:2.0:User/userUuid";
/// What a user is told apart by whose write went well and whose identifier could not be written back.
const STATUS: &str = "432";

/// How identifiers are written back.
pub(crate) struct WriteBack {
    /// The source, to be written.
    pub(crate) source: Arc<dyn Target>,
    pub(crate) attribute: String,
}

/// The attribute that takes identifiers, if the source's properties name one.
pub(crate) fn attribute(source: &System) -> Option<&str> {
    source.property(PROPERTY).map(str::trim).filter(|name| !name.is_empty())
}

/// Whether the identifier of a user may be new to the source: it was created or found, or the last write of it did
/// not end well.
pub(crate) fn concerns(item: &Item) -> bool {
    let unknown = |item: &Item| {
        item.work.relation.as_ref().is_none_or(|r| r.fingerprint == UNKNOWN && r.payload == UNKNOWN)
    };
    item.remade || unknown(item)
}

impl LaneApply<'_> {
    /// Writes back the identifiers of the users that this page wrote. A user for whom that fails is in the target
    /// all the same, counts as failed, and is written again by the next job.
    pub(crate) async fn write_back(&mut self) {
        let Some(back) = &self.run.write_back else { return };
        let written = std::mem::take(&mut self.identified);
        if written.is_empty() || self.entity_type.as_str() != "user" {
            return;
        }
        let ids = written.iter().map(|(_, target_id)| target_id.clone()).collect();
        let found = self.open.target.read_entities(self.entity_type.as_str(), ids).await;
        let mut operations = Vec::new();
        let mut users = Vec::new();
        for ((source_id, target_id), entity) in written.into_iter().zip(found) {
            match entity {
                // A target that gives none has nothing to tell.
                Ok(entity) => {
                    let Some(uuid) = uuid(&entity.json) else { continue };
                    operations.push(patch(&source_id, &back.attribute, &uuid));
                    users.push((source_id, target_id));
                }
                Err(error) => self.not_written_back(&source_id, &target_id, error),
            }
        }
        if operations.is_empty() {
            return;
        }
        let outcomes = match back.source.write(operations).await {
            Ok(outcomes) => outcomes,
            Err(error) => users.iter().map(|_| Outcome::failed(error.clone())).collect(),
        };
        for ((source_id, target_id), outcome) in users.into_iter().zip(outcomes) {
            if let Some(error) = outcome.error {
                self.not_written_back(&source_id, &target_id, error);
            }
        }
    }

    fn not_written_back(&mut self, source_id: &str, target_id: &str, error: PluginError) {
        for relation in self.result.relations.iter_mut().filter(|r| r.source_id == source_id) {
            // So that the next job tries again.
            relation.fingerprint = UNKNOWN;
            relation.payload = UNKNOWN;
        }
        if error.code == code::CANCELLED {
            self.result.interrupted = true;
            return;
        }
        let message = format!(
            "the user was written, but its userUuid could not be written back to the source: {}",
            error.message
        );
        let error = PluginError {
            message,
            details: [("status".to_owned(), STATUS.to_owned())]
                .into_iter()
                .chain(error.details.into_iter().map(|(name, value)| match name.as_str() {
                    "status" => ("sourceStatus".to_owned(), value),
                    _ => (name, value),
                }))
                .collect(),
            ..error
        };
        self.failed_afterwards(source_id, target_id, error);
    }
}

fn uuid(json: &str) -> Option<String> {
    let entity: Value = serde_json::from_str(json).ok()?;
    entity.pointer(POINTER)?.as_str().map(str::to_owned)
}

fn patch(source_id: &str, attribute: &str, uuid: &str) -> Operation {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": attribute, "value": uuid }],
    });
    Operation {
        kind: OperationKind::Patch,
        entity_type: "user".to_owned(),
        id: Some(source_id.to_owned()),
        version: None,
        json: body.to_string(),
        members: None,
    }
}
