//! Names the entity of a target that stands in the way of a create, and whose it is.

use crate::apply::LaneApply;
use crate::attribute;
use crate::correlate::{Refused, holders};
use crate::error::Stop;
use crate::item::{Step, Why};
use gangway_model::SystemId;
use serde_json::Value;

/// Refused creates of one page that are looked into: each takes requests of its own.
const LOOKED_INTO: usize = 20;

/// Attributes that systems usually keep unique.
const USUAL: [&str; 5] = ["userName", "emails[0].value", "externalId", "displayName", "uid"];

impl LaneApply<'_> {
    /// Adds to the errors what is in the way, where the target can be made to tell.
    pub(crate) async fn blockers(&self, refused: Vec<Refused>) -> Result<Vec<Refused>, Stop> {
        let mut out = Vec::with_capacity(refused.len());
        for (place, (item, error)) in refused.into_iter().enumerate() {
            let conflict = item.step == Step::Find(Why::Conflict);
            let blocker = match conflict && place < LOOKED_INTO {
                true => self.blocker(&item.content).await?,
                false => None,
            };
            let error = match blocker {
                Some((id, by, owner)) => {
                    let error = error.with("blockedBy", id).with("sharedAttribute", by);
                    match owner {
                        Some((source, owner)) => error
                            .with("relatedTo", format!("source entity {owner:?}{}", self.of_other(&source))),
                        None => error.with("relatedTo", "no source entity"),
                    }
                }
                None => error,
            };
            out.push((item, error));
        }
        Ok(out)
    }

    /// The entity that has one of the usual unique attributes of this content: its identifier, the
    /// attribute, and the source entity that it belongs to.
    async fn blocker(
        &self,
        content: &str,
    ) -> Result<Option<(String, &'static str, Option<(SystemId, String)>)>, Stop> {
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        for name in USUAL {
            let Some(value) = attribute::text(&content, name) else { continue };
            let wanted = vec![(name.to_owned(), value)];
            let found = self.open.target.find(self.entity_type.as_str(), wanted, 2).await;
            let Some(entity) = found.ok().and_then(|found| found.into_iter().next()) else { continue };
            let owner =
                holders(self.run, self.lane, &self.key, vec![entity.id.clone()]).await?.pop().flatten();
            return Ok(Some((entity.id, name, owner)));
        }
        Ok(None)
    }

    /// Says of which source an entity is, if it is not the one of this job.
    pub(crate) fn of_other(&self, source: &SystemId) -> String {
        if *source == self.run.source.id { String::new() } else { format!(" of source {source}") }
    }
}
