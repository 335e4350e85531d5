//! Condition functions.

use super::Call;
use crate::path::{Found, Path, Scope};
use crate::value::Value;

/// The extension schema that group applications are told by.
const GROUP_EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

impl Call {
    pub(super) fn holds<'a>(&self, current: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
        match self {
            Call::ValidEmail(path) => match path.read(current, scope) {
                Found::Missing => false,
                Found::One(value) => match &*value {
                    Value::Array(items) => !items.is_empty() && items.iter().all(is_email),
                    value => is_email(value),
                },
                Found::List(hits) => !hits.is_empty() && hits.iter().all(|hit| is_email(hit)),
            },
            Call::ApplicationSpecificGroup(property) => {
                let id = group_attribute(scope, "applicationId");
                match (property, id) {
                    (Some(property), Some(id)) => id.to_text() == property.as_str(),
                    _ => false,
                }
            }
            Call::RegularGroup => {
                let both = ["applicationId", "supportedOperations"]
                    .iter()
                    .all(|name| group_attribute(scope, name).is_some());
                !both
            }
            Call::OptionalPrefix(path, prefix) => match (text(path, current, scope), prefix) {
                (Some(text), Some(prefix)) => text.starts_with(prefix.as_str()),
                _ => true,
            },
            Call::MandatoryPrefix(path, prefix) => match (text(path, current, scope), prefix) {
                (Some(text), Some(prefix)) => text.starts_with(prefix.as_str()),
                _ => false,
            },
        }
    }
}

fn group_attribute<'r, 'a>(scope: Scope<'r, 'a>, name: &str) -> Option<&'r Value<'a>> {
    scope.input.get(GROUP_EXTENSION)?.get(name).filter(|value| !value.is_null())
}

/// The text of what a path finds; of a list, the first element's.
fn text<'a>(path: &Path, current: &Value<'a>, scope: Scope<'_, 'a>) -> Option<String> {
    let value = path.read(current, scope).first()?;
    if value.is_null() { None } else { Some(value.to_text().into_owned()) }
}

/// The documented pattern, read by hand: a local part of dot-separated atoms, and a domain of at
/// least two labels of which only the inner ones may end in a hyphen.
fn is_email(value: &Value<'_>) -> bool {
    let Some((local, domain)) = value.as_str().and_then(|text| text.split_once('@')) else { return false };
    let atom = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&‘'*+/=?^_`{|}~-".contains(c))
    };
    let Some((labels, last)) = domain.rsplit_once('.') else { return false };
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let label = |text: &str| {
        alphanumeric(text.chars().next()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    local.split('.').all(atom)
        && labels.split('.').all(label)
        && label(last)
        && alphanumeric(last.chars().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        let valid = |text: &str| is_email(&Value::String(text.into()));
        for text in ["a@x.com", "a.b+c@x-y.co.uk", "o'neil@x.io", "a@b-.c", "a@1.2", "‘a@x.y"] {
            assert!(valid(text), "{text}");
        }
        for text in [
            "",
            "a",
            "@x.com",
            "a@x",
            "a..b@x.com",
            "a@-x.com",
            "a@x.com-",
            "a@x..com",
            "a@b@c.d",
            "a b@x.com",
            "é@x.com",
            "a@x.com\n",
            "a@.com",
            "a@x.",
        ] {
            assert!(!valid(text), "{text}");
        }
        assert!(!is_email(&Value::Number("1".into())));
    }
}
