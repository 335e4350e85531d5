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
/// least two labels of which only the inner ones may end in a hyphen. Byte by byte, in one pass.
fn is_email(value: &Value<'_>) -> bool {
    let Value::String(text) = value else { return false };
    let mut rest = text.as_bytes();
    // Whether a dot, or the end, would leave nothing before it.
    let mut empty = true;
    loop {
        rest = match rest {
            [b'@', domain @ ..] => return !empty && is_domain(domain),
            [b'.', tail @ ..] if !empty => {
                empty = true;
                tail
            }
            [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9', tail @ ..] => {
                empty = false;
                tail
            }
            // The last is `‘`.
            [
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'/' | b'=' | b'?' | b'^' | b'_'
                | b'`' | b'{' | b'|' | b'}' | b'~' | b'-',
                tail @ ..,
            ]
            | [0xE2, 0x80, 0x98, tail @ ..] => {
                empty = false;
                tail
            }
            _ => return false,
        };
    }
}

fn is_domain(domain: &[u8]) -> bool {
    let (mut dots, mut before) = (0, b'.');
    for byte in domain {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            b'-' if before != b'.' => {}
            b'.' if before != b'.' => dots += 1,
            _ => return false,
        }
        before = *byte;
    }
    dots > 0 && before.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        let valid = |text: &str| is_email(&Value::String(text.into()));
        for text in [
            "a@x.com",
            "a.b+c@x-y.co.uk",
            "o'neil@x.io",
            "a@b-.c",
            "a@1.2",
            "‘a@x.y",
            "a!#$%&'*+/=?^_`{|}~-9@x.y",
        ] {
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
            ".a@x.com",
            "a.@x.com",
            "’a@x.com",
            "a@x.com.",
            "a@",
            "a@x.",
        ] {
            assert!(!valid(text), "{text}");
        }
        assert!(!is_email(&Value::Number("1".into())));
    }
}
