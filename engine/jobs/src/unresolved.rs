//! Members that a group does not get in a target, because the engine has not provisioned them there.

use crate::decide::binding;
use crate::error::Stop;
use crate::journal::Journal;
use crate::run::{Lane, Run};
use gangway_model::{EntityEvent, EntityType};
use serde::Deserialize;
use std::borrow::Cow;

/// Lines for one group: who is missing shows with the first of them.
const LINES: usize = 100;

#[derive(Deserialize)]
struct Common<'a> {
    #[serde(default, borrow)]
    members: Option<Vec<Member<'a>>>,
}

#[derive(Deserialize)]
struct Member<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// The members of a group, by their identifiers in the source, that are users or may be; those that are
/// groups come later and are completed at the end of the type.
fn users(common: &str) -> Vec<String> {
    let members = serde_json::from_str::<Common<'_>>(common).ok().and_then(|common| common.members);
    let is_user =
        |member: &Member<'_>| !member.kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("group"));
    members.into_iter().flatten().filter(is_user).map(|member| member.value.into_owned()).collect()
}

/// A line for each user that is missing in the target and so in the group, given the groups (source
/// identifier and common JSON) whose references were not all resolved.
pub(crate) async fn lines(
    run: &Run,
    lane: &Lane,
    groups: &[(&str, &str)],
    time_ms: u64,
) -> Result<Vec<EntityEvent>, Stop> {
    let user = EntityType::new("user");
    let group = EntityType::new("group");
    let mut lines = Vec::new();
    for (group_id, common) in groups {
        let ids = users(common);
        if ids.is_empty() {
            continue;
        }
        let (users, nested) = (run.key(lane, &user), run.key(lane, &group));
        let (ids, missing) = run
            .blocking(move |store| {
                let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
                let of_users = store.relations(&users, &asked)?;
                let of_groups = store.relations(&nested, &asked)?;
                let missing: Vec<bool> = of_users
                    .iter()
                    .zip(&of_groups)
                    .map(|(user, group)| {
                        binding(user.as_ref()).is_none() && binding(group.as_ref()).is_none()
                    })
                    .collect();
                Ok((ids, missing))
            })
            .await?;
        let journal = Journal { entity_type: &user, system: &lane.system.id, time_ms };
        let missing: Vec<&String> =
            ids.iter().zip(missing).filter(|(_, gone)| *gone).map(|(id, _)| id).collect();
        for id in missing.iter().take(LINES) {
            lines.push(journal.skipped(
                Some(id),
                None,
                format!("not made a member of group {group_id:?}: the engine has not provisioned it in this target; it failed, was skipped or was not read"),
            ));
        }
        if missing.len() > LINES {
            let more = missing.len() - LINES;
            lines.push(journal.skipped(
                None,
                None,
                format!("{more} more members of group {group_id:?} are not provisioned in this target"),
            ));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_groups_come_later() {
        let common =
            r#"{"members":[{"value":"u1"},{"value":"g1","type":"Group"},{"value":"u2","type":"User"}]}"#;
        assert_eq!(users(common), ["u1", "u2"]);
        assert!(users("{}").is_empty() && users(r#"{"members":["x"]}"#).is_empty());
    }
}
