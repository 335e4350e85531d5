mod changes;
mod deltas;
mod documents;
mod messages;
mod names;
mod openldap;
mod scripted;
mod server;
mod settings;

use crate::settings::Settings;
use gangway_sdk::Operation;
use gangway_sdk::system::Properties;

const PEOPLE: &str = "ou=people,dc=example,dc=com";
const GROUPS: &str = "ou=groups,dc=example,dc=com";

fn settings(more: &[(&str, &str)]) -> Settings {
    let mut pairs =
        vec![("ldap.url", "ldap://localhost"), ("ldap.user.path", PEOPLE), ("ldap.group.path", GROUPS)];
    pairs.extend_from_slice(more);
    Settings::read(&pairs.into_iter().collect::<Properties>()).unwrap()
}

fn operation(kind: &str, entity_type: &str, id: Option<&str>, json: impl ToString) -> Operation {
    Operation {
        kind: kind.into(),
        entity_type: entity_type.into(),
        id: id.map(Into::into),
        version: None,
        json: json.to_string(),
        members: None,
    }
}
