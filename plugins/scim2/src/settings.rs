//! What the system's properties say.

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
        let bulk = properties.flag("scim.support.bulk.operation", false)?.then(|| bulk_count(properties));
        let paging = match properties.choice("scim.paging", "auto", &["auto", "index", "cursor"])? {
            "index" => Paging::Index,
            "cursor" => Paging::Cursor,
            _ => Paging::Auto,
        };
        let page_size = properties.number("scim.page.size", 100, 1..=10_000)?;
        Ok(Self {
            base,
            content_type: properties.get_or("scim.content.type", "application/scim+json").to_owned(),
            user_filter: properties.get("scim.user.filter").map(str::to_owned),
            group_filter: properties.get("scim.group.filter").map(str::to_owned),
            patch: properties.flag("scim.support.patch.operation", false)?,
            if_match: properties.flag("scim.include.if.match.wildcard.header", false)?,
            bulk,
            page_size: u32::try_from(page_size).unwrap_or(100),
            paging,
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

/// A number out of its range counts as 20, as it always did in provisioning products of this kind.
fn bulk_count(properties: &Properties) -> usize {
    const NAME: &str = "scim.bulk.operations.max.count";
    let Some(text) = properties.get(NAME) else { return 20 };
    match text.parse() {
        Ok(count @ 1..=100) => count,
        _ => {
            log::warn(format_args!(
                "the property `{NAME}` is {text:?}, not a number from 1 to 100: 20 is used"
            ));
            20
        }
    }
}
