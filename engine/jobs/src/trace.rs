//! The trace properties of a source: which lists of entities may be downloaded, and whether their lines
//! hold what the entities consist of.

use gangway_model::{EntityState, System, Trace};
use serde_json::Value;

/// Characters of a content, unless the source lifts the limit.
const CONTENT_LIMIT: usize = 150_000;
/// What stands in place of a masked value.
const MASK: &str = "***";
/// Never in a log, whatever is asked for.
const NEVER: &str = "password";

/// The switches for contents, with the list that each belongs to. They go back to false after a job.
pub const CONTENT_SWITCHES: [(&str, EntityState); 4] = [
    ("ips.trace.created.entity.content", EntityState::Created),
    ("ips.trace.updated.entity.content", EntityState::Updated),
    ("ips.trace.skipped.entity.content", EntityState::Skipped),
    ("ips.trace.failed.entity.content", EntityState::Failed),
];
/// Attributes whose values are masked in contents, separated by commas; `*` masks all.
pub const MASKED: &str = "ips.trace.entity.content.masked";
const LISTS: [(&str, EntityState); 4] = [
    ("ips.trace.created.entity", EntityState::Created),
    ("ips.trace.updated.entity", EntityState::Updated),
    ("ips.trace.skipped.entity", EntityState::Skipped),
    ("ips.trace.deleted.entity", EntityState::Deleted),
];
const UNLIMITED: &str = "ips.trace.entity.content.unlimited";

/// A source's trace properties.
pub(crate) struct Tracing {
    pub(crate) record: Trace,
    unlimited: bool,
    /// In lower case.
    masked: Vec<String>,
}

impl Tracing {
    pub(crate) fn of(source: &System) -> Self {
        let is_on = |name: &str| {
            let value = source.properties.get(name).map(|property| property.value.trim());
            value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        let on = |switches: &[(&str, EntityState)]| {
            switches.iter().filter(|(name, _)| is_on(name)).map(|(_, state)| *state).collect()
        };
        let masked = source.properties.get(MASKED).map_or("", |property| property.value.as_str());
        let masked = masked.split(',').map(|name| name.trim().to_lowercase());
        Self {
            record: Trace { lists: on(&LISTS), contents: on(&CONTENT_SWITCHES) },
            unlimited: is_on(UNLIMITED),
            masked: masked.filter(|name| !name.is_empty()).chain([NEVER.to_owned()]).collect(),
        }
    }

    /// What a line of this state keeps of an entity.
    pub(crate) fn content(&self, state: EntityState, json: &str) -> Option<String> {
        if !self.record.contents.contains(&state) || json.is_empty() {
            return None;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(json) else {
            return Some("not shown: the content is no JSON, and its values cannot be told apart".to_owned());
        };
        self.mask(&mut value);
        let text = value.to_string();
        let cut = if self.unlimited { None } else { text.char_indices().nth(CONTENT_LIMIT) };
        Some(match cut.and_then(|(end, _)| text.get(..end)) {
            Some(start) => format!(
                "{start}… (cut after {CONTENT_LIMIT} of {} characters; {UNLIMITED} = true keeps all)",
                text.chars().count()
            ),
            None => text,
        })
    }

    fn mask(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let name = name.to_lowercase();
                    if self.masked.contains(&name) {
                        *value = Value::String(MASK.to_owned());
                    } else {
                        self.mask(value);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.mask(value)),
            Value::Null => {}
            other => {
                if self.masked.iter().any(|name| name == "*") {
                    *other = Value::String(MASK.to_owned());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gangway_model::Property;

    fn tracing(properties: &[(&str, &str)]) -> Tracing {
        let mut source = crate::policy::tests::system_called("hr");
        source.properties =
            properties.iter().map(|(name, value)| ((*name).to_owned(), Property::plain(*value))).collect();
        Tracing::of(&source)
    }

    #[test]
    fn f150_content_is_cut_after_150_000_characters_unless_unlimited() {
        let json = format!("{{\"n\":\"{}\"}}", "ä".repeat(200_000));
        let on = ("ips.trace.failed.entity.content", "true");
        let cut = tracing(&[on]).content(EntityState::Failed, &json).unwrap();
        assert_eq!(cut.chars().take_while(|c| *c != '…').count(), 150_000);
        assert!(cut.ends_with(
            "cut after 150000 of 200008 characters; ips.trace.entity.content.unlimited = true keeps all)"
        ));
        let all = tracing(&[on, (UNLIMITED, "true")]).content(EntityState::Failed, &json).unwrap();
        assert_eq!(all, json);
        assert_eq!(tracing(&[]).content(EntityState::Failed, &json), None);
        assert_eq!(tracing(&[on]).content(EntityState::Created, &json), None);
    }

    #[test]
    fn values_are_masked_by_the_name_of_their_attribute() {
        let json = r#"{"userName":"ada","password":"p","name":{"Password":["q"],"givenName":"Ada"},"emails":[{"value":"a@b"}],"active":true}"#;
        let on = ("ips.trace.created.entity.content", "TRUE");
        let show =
            |masked: &str| tracing(&[on, (MASKED, masked)]).content(EntityState::Created, json).unwrap();
        let kept = r#"{"userName":"ada","password":"***","name":{"Password":"***","givenName":"Ada"},"emails":[{"value":"a@b"}],"active":true}"#;
        assert_eq!(show(""), kept);
        assert!(show("GivenName, value").contains(r#""givenName":"***"},"emails":[{"value":"***"}]"#));
        let none = show("*");
        assert!(!none.contains("ada") && !none.contains("a@b") && !none.contains("true"), "{none}");
        let broken = tracing(&[on]).content(EntityState::Created, "{secret").unwrap();
        assert!(!broken.contains("secret"));
    }
}
