//! Which mappings of a system's documents decide what an entity is called in its relations.
//!
//! After a change of them no entity is known any more: the next job would take all of them for new, and
//! everything it manages for gone.

use crate::problem::Problem;
use crate::services::Services;
use gangway_model::{RelationKey, Role, System, TransformationRef};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const VARIABLES: [&str; 2] = ["entityIdSourceSystem", "entityIdTargetSystem"];

/// The mappings in question, by entity type; none if the document is not of that kind.
fn mappings(reference: Option<&TransformationRef>) -> Option<BTreeMap<String, Vec<Value>>> {
    let document: Value = serde_json::from_str(&reference?.document).ok()?;
    let types = document.as_object()?.iter().map(|(name, entity)| {
        let mappings = entity.get("mappings").and_then(Value::as_array).into_iter().flatten();
        let names = |mapping: &&Value| {
            let variable = mapping.get("targetVariable").and_then(Value::as_str);
            variable.is_some_and(|variable| VARIABLES.contains(&variable))
        };
        (name.clone(), mappings.filter(names).cloned().collect::<Vec<_>>())
    });
    Some(types.collect())
}

/// The entity types whose identifiers another version of the system would make in another way.
fn changed_types(old: &System, new: &System) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    for (before, after) in [(&old.read, &new.read), (&old.write, &new.write)] {
        let (Some(before), Some(after)) = (mappings(before.as_ref()), mappings(after.as_ref())) else {
            continue;
        };
        changed.extend(
            before
                .iter()
                .filter(|(name, mappings)| after.get(*name).is_some_and(|after| after != *mappings))
                .map(|(name, _)| name.clone()),
        );
    }
    changed
}

/// Refuses a change of the mappings while there are relations that it would orphan.
pub(crate) async fn guard(
    services: &Services,
    old: &System,
    new: &System,
    accepted: bool,
) -> Result<(), Problem> {
    let types = changed_types(old, new);
    if types.is_empty() || accepted {
        return Ok(());
    }
    let (system, asked) = (old.clone(), types.clone());
    let relations = services
        .of_tenant(&old.tenant, move |store| {
            let pairs: Vec<_> = match system.role {
                Role::Source => store
                    .systems()?
                    .into_iter()
                    .filter(|target| target.sources.contains(&system.id))
                    .map(|target| (system.id.clone(), target.id))
                    .collect(),
                _ => system.sources.iter().map(|source| (source.clone(), system.id.clone())).collect(),
            };
            let mut relations = 0;
            for (source, target) in pairs {
                for entity_type in &asked {
                    relations += store.count_relations(&RelationKey {
                        source: source.clone(),
                        target: target.clone(),
                        entity_type: entity_type.as_str().into(),
                    })?;
                }
            }
            Ok(relations)
        })
        .await?;
    if relations == 0 {
        return Ok(());
    }
    let types: Vec<String> = types.into_iter().collect();
    Err(Problem::conflict(format!(
        "the mapping of {} or {} changes for {}, and {relations} relations were made by the one in use: the next job would create or update every entity under its new identifier and delete it under the old one",
        VARIABLES[0],
        VARIABLES[1],
        types.join(", ")
    ))
    .action("forget the relations first (gangway relation forget TARGET --source SOURCE --type TYPE --all): the next job finds the entities again by their unique attributes and flags them as existing before. To go on without that, repeat the request with ?idMapping=accept")
    .tenant(old.tenant.as_str())
    .system(old.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(document: &str) -> Option<TransformationRef> {
        Some(TransformationRef { plugin: "json-transformation".into(), document: document.to_owned() })
    }

    #[test]
    fn only_mappings_of_the_two_variables_count() {
        let one = mappings(
            reference(
                r#"{"user":{"mappings":[{"sourcePath":"$.id","targetVariable":"entityIdSourceSystem"},{"sourcePath":"$.a","targetPath":"$.a"}]}}"#,
            )
            .as_ref(),
        );
        let same = mappings(
            reference(r#"{ "user": { "mappings": [ {"targetVariable":"entityIdSourceSystem", "sourcePath":"$.id"} ] } }"#)
                .as_ref(),
        );
        let other = mappings(
            reference(
                r#"{"user":{"mappings":[{"sourcePath":"$.mail","targetVariable":"entityIdSourceSystem"}]}}"#,
            )
            .as_ref(),
        );
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_eq!(mappings(reference("not json").as_ref()), None);
    }
}
