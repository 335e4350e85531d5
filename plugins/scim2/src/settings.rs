//! What the system's properties say.

use crate::members::Rules;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{Error, Result, log};

/// The settings of one SCIM system.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `URL`, without a slash at its end.
    pub base: String,
    /// `scim.content.type`.
    pub content_type: String,
    /// `scim.user.filter`.
    pub user_filter: Option<String>,
    /// `scim.group.filter`.
    pub group_filter: Option<String>,
    /// `scim.support.patch.operation`.
    pub patch: bool,
    /// `scim.include.if.match.wildcard.header`.
    pub if_match: bool,
    /// `scim.support.bulk.operation` and `scim.bulk.operations.max.count`.
    pub bulk: Option<usize>,
    /// `scim.page.size`.
    pub page_size: u32,
    /// `scim.paging`.
    pub paging: Paging,
    /// `scim.api.csrf.protection` and `scim.csrf.token.path`: where the token for changes is fetched.
    pub csrf_path: Option<String>,
    /// `scim.user.roles.overwrite`: an update replaces the roles of a user, and does not only add to them.
    pub roles_overwrite: bool,
    /// How large groups are written.
    pub members: Rules,
    /// `scim.delta.entity.types`.
    pub delta_types: Vec<String>,
}

/// How lists are paged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paging {
    /// By cursor where the server says that it can, otherwise by index.
    Auto,
    /// By `startIndex` and `count`.
    Index,
    /// By `cursor` and `count`.
    Cursor,
}

/// A resource type of SCIM, for an entity type of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resource {
    /// The engine's name.
    pub entity_type: &'static str,
    /// The end point.
    pub endpoint: &'static str,
    /// The name of the schema.
    pub name: &'static str,
}

impl Resource {
    /// The resource type of an entity type.
    pub fn of(entity_type: &str) -> Result<Self> {
        match entity_type {
            "user" => Ok(Self { entity_type: "user", endpoint: "Users", name: "User" }),
            "group" => Ok(Self { entity_type: "group", endpoint: "Groups", name: "Group" }),
            other => Err(Error::unsupported(format!(
                "The connector `scim2` has users and groups, no entities of the type {other:?}. Take the type \
                 out of the transformation."
            ))
            .with_detail("entityType", other)),
        }
    }
}

impl Settings {
    /// Reads the properties.
    pub fn read(properties: &Properties) -> Result<Self> {
        let base = properties.required("URL")?.trim_end_matches('/').to_owned();
        let lower = base.to_ascii_lowercase();
        if !(lower.starts_with("http://") || lower.starts_with("https://")) || base.contains(['?', '#']) {
            return Err(wrong(
                "URL",
                &base,
                "an address such as https://example.com/scim/v2, with the path of the SCIM service and without \
                 a query",
            ));
        }
        let bulk = flag(properties, ".support.bulk.operation")?.then(|| bulk_count(properties));
        let paging = match properties.choice("scim.paging", "auto", &["auto", "index", "cursor"])? {
            "index" => Paging::Index,
            "cursor" => Paging::Cursor,
            _ => Paging::Auto,
        };
        let page_size = properties.number("scim.page.size", 100, 1..=10_000)?;
        Ok(Self {
            base,
            content_type: match properties.prefixed(".content.type") {
                Some((_, given)) => given.to_owned(),
                None => "application/scim+json".to_owned(),
            },
            user_filter: filter(properties, ".user.filter"),
            group_filter: filter(properties, ".group.filter"),
            patch: flag(properties, ".support.patch.operation")?,
            if_match: flag(properties, ".include.if.match.wildcard.header")?,
            bulk,
            page_size: u32::try_from(page_size).unwrap_or(100),
            paging,
            csrf_path: csrf_path(properties),
            roles_overwrite: match properties.prefixed(".user.roles.overwrite") {
                Some((name, _)) => properties.flag(name, true)?,
                None => true,
            },
            members: Rules::read(properties)?,
            delta_types: match properties.list("scim.delta.entity.types").as_slice() {
                [] => vec!["user".to_owned(), "group".to_owned()],
                given => given.iter().map(|name| (*name).to_owned()).collect(),
            },
        })
    }

    /// The read filter of an entity type.
    pub fn filter(&self, resource: Resource) -> Option<&str> {
        if resource.entity_type == "group" {
            self.group_filter.as_deref()
        } else {
            self.user_filter.as_deref()
        }
    }
}

fn filter(properties: &Properties, ending: &str) -> Option<String> {
    properties.prefixed(ending).map(|(_, filter)| filter.to_owned())
}

/// A switch that is off unless a property, specific or generic, says otherwise.
fn flag(properties: &Properties, ending: &str) -> Result<bool> {
    match properties.prefixed(ending) {
        Some((name, _)) => properties.flag(name, false),
        None => Ok(false),
    }
}

fn csrf_path(properties: &Properties) -> Option<String> {
    let (_, protection) = properties.prefixed(".api.csrf.protection")?;
    let path = properties.prefixed(".csrf.token.path").map_or("ServiceProviderConfig", |(_, path)| path);
    let is_on = ["enabled", "true"].iter().any(|word| protection.eq_ignore_ascii_case(word));
    is_on.then(|| path.trim_start_matches('/').to_owned())
}

/// A number out of its range counts as 20, as it always did in provisioning products of this kind.
fn bulk_count(properties: &Properties) -> usize {
    let Some((name, text)) = properties.prefixed(".bulk.operations.max.count") else { return 20 };
    match text.parse() {
        Ok(count @ 1..=100) => count,
        _ => {
            log::warn(format_args!(
                "the property `{name}` is {text:?}, not a number from 1 to 100: 20 is used"
            ));
            20
        }
    }
}
