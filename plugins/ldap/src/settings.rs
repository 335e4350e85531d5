//! What the system's properties say.

use crate::dn::{self, Dn};
use crate::filter::{Filter, is_description};
use gangway_sdk::connection::Address;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{Error, Result};

/// Attributes that hold bytes, not text, in every directory that has them. In lower case.
const BINARY: [&str; 16] = [
    "audio",
    "cacertificate",
    "certificaterevocationlist",
    "jpegphoto",
    "logonhours",
    "msexchmailboxguid",
    "ms-ds-consistencyguid",
    "objectguid",
    "objectsid",
    "photo",
    "sidhistory",
    "thumbnaillogo",
    "thumbnailphoto",
    "usercertificate",
    "userpkcs12",
    "usersmimecertificate",
];

/// What is asked for beside the attributes of the administrator: what an entity's version and time of
/// creation come from, in OpenLDAP and its like and in Active Directory.
const OPERATIONAL: [&str; 7] = [
    "entryUUID",
    "entryCSN",
    "createTimestamp",
    "modifyTimestamp",
    "objectGUID",
    "whenCreated",
    "uSNChanged",
];

/// The settings of one LDAP system.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server is.
    pub address: Address,
    /// `ldap.starttls`.
    pub start_tls: bool,
    /// `ldap.user`, or `User`.
    pub user: Option<String>,
    /// The secret property that holds the password.
    pub password: Option<&'static str>,
    /// `ldap.page.size`.
    pub page_size: u32,
    /// `ldap.attribute.dn`, where it is set: the name as the server spells it.
    pub dn_attribute: Option<String>,
    /// Attributes that hold bytes, in lower case.
    pub binary: Vec<String>,
    /// `ldap.delta.change.log`: where the overlay `accesslog` of OpenLDAP writes.
    pub change_log: Option<String>,
    /// `ldap.group.empty.member`, in normal form.
    pub empty_member: String,
    /// `ad.group.flatten`.
    flatten: bool,
    /// `ad.group.flatten.page.size`.
    pub flatten_page_size: u32,
    user_tree: Option<Tree>,
    group_tree: Option<Tree>,
}

/// Where and how the entries of one type are found.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The engine's name of the type.
    pub entity_type: &'static str,
    /// The entry above.
    pub base: String,
    /// The object class.
    pub class: String,
    /// The attribute that names a new entry.
    pub id_attribute: String,
    /// Object class and the administrator's filter.
    pub filter: Filter,
    /// What a read asks for.
    pub attributes: Vec<String>,
    /// The administrator's list has Active Directory's change number in it, or leaves nothing out.
    pub reads_change_number: bool,
    /// The administrator set a filter beside the object class.
    pub is_filtered: bool,
}

impl Settings {
    /// Reads the properties.
    pub fn read(properties: &Properties) -> Result<Self> {
        let (url_name, url) = match properties.get("ldap.url") {
            Some(url) => ("ldap.url", url),
            None => ("URL", properties.required("URL")?),
        };
        let timeout = properties.number("com.sun.jndi.ldap.connect.timeout", 0, 0..=600_000)?;
        let address = address(url_name, url, u32::try_from(timeout).unwrap_or(0))?;
        let start_tls = properties.flag("ldap.starttls", false)?;
        if start_tls && address.tls {
            return Err(wrong(
                "ldap.starttls",
                "true",
                &format!("false, because `{url_name}` begins with ldaps:// and so is protected already"),
            ));
        }
        let user = properties.get("ldap.user").or_else(|| properties.get("User")).map(str::to_owned);
        let password = ["ldap.password", "Password"].into_iter().find(|name| properties.has(name));
        if user.is_some() && password.is_none() {
            // A bind with a name and no password succeeds as nobody (RFC 4513 section 5.1.2).
            return Err(Error::configuration(
                "The property `ldap.user` is set but `ldap.password` is not. Set the password, or remove the user to \
                 bind anonymously.",
            )
            .with_detail("property", "ldap.password"));
        }
        let binary = BINARY.iter().map(|name| (*name).to_owned());
        let more = properties.list("ldap.attributes.binary").into_iter().map(str::to_ascii_lowercase);
        Ok(Self {
            address,
            start_tls,
            user,
            password,
            page_size: u32::try_from(properties.number("ldap.page.size", 100, 1..=10_000)?).unwrap_or(100),
            dn_attribute: properties.get("ldap.attribute.dn").map(str::to_owned),
            binary: binary.chain(more).collect(),
            change_log: properties.get("ldap.delta.change.log").map(str::to_owned),
            empty_member: dn::normal(
                properties.get_or("ldap.group.empty.member", "cn=empty-membership-placeholder"),
            ),
            flatten: properties.flag("ad.group.flatten", false)?,
            flatten_page_size: u32::try_from(properties.number(
                "ad.group.flatten.page.size",
                1_000,
                100..=1_000,
            )?)
            .unwrap_or(1_000),
            user_tree: tree(properties, "user", "inetOrgPerson", "uid")?,
            group_tree: tree(properties, "group", "groupOfNames", "cn")?,
        })
    }

    /// The tree of an entity type.
    pub fn tree(&self, entity_type: &str) -> Result<&Tree> {
        let tree = match entity_type {
            "user" => self.user_tree.as_ref(),
            "group" => self.group_tree.as_ref(),
            other => {
                return Err(Error::unsupported(format!(
                    "The connector `ldap` has users and groups, no entities of the type {other:?}. Take the type \
                     out of the transformation."
                ))
                .with_detail("entityType", other));
            }
        };
        tree.ok_or_else(|| {
            let property = format!("ldap.{entity_type}.path");
            Error::configuration(format!(
                "The property `{property}` is not set. Set it to the name of the entry above the {entity_type}s, such \
                 as ou={entity_type}s,dc=example,dc=com, or set \"ignore\": true for \"{entity_type}\" in the \
                 transformation."
            ))
            .with_detail("property", property)
        })
    }

    /// Whether entries of a type get the users of the groups among their members.
    pub fn flattens(&self, tree: &Tree) -> bool {
        self.flatten && tree.entity_type == "group"
    }

    /// Whether the attribute holds bytes.
    pub fn is_binary(&self, attribute: &str) -> bool {
        let lower = attribute.to_ascii_lowercase();
        let mut parts = lower.split(';');
        let name = parts.next().unwrap_or_default();
        parts.any(|option| option == "binary") || self.binary.iter().any(|binary| binary == name)
    }

    /// Whether the attribute is what this connector calls an entry's name.
    pub fn is_dn(&self, attribute: &str) -> bool {
        ["dn", "distinguishedName", "entryDN"].iter().any(|name| attribute.eq_ignore_ascii_case(name))
            || self.dn_attribute.as_deref().is_some_and(|name| attribute.eq_ignore_ascii_case(name))
    }
}

/// The settings of one entity type; none if the type has no place in the tree.
fn tree(
    properties: &Properties,
    entity_type: &'static str,
    class: &str,
    id_attribute: &str,
) -> Result<Option<Tree>> {
    let property = |name: &str| format!("ldap.{entity_type}.{name}");
    let path = property("path");
    let Some(base) = properties.get(&path) else { return Ok(None) };
    if Dn::parse(base).is_none() {
        return Err(wrong(&path, base, "a distinguished name such as ou=people,dc=example,dc=com"));
    }
    let class = properties.get_or(&property("object.class"), class).to_owned();
    let id_name = format!("ldap.attribute.{entity_type}.id");
    let id_attribute = match properties.get(&id_name) {
        // The name as a whole is no attribute that could name a new entry.
        Some(name) if ["dn", "distinguishedName"].iter().any(|dn| name.eq_ignore_ascii_case(dn)) => "cn",
        Some(name) if !is_description(name) => return Err(wrong(&id_name, name, "the name of an attribute")),
        Some(name) => name,
        None => id_attribute,
    };
    let mut filters = vec![Filter::equal("objectClass", &class)];
    let filter_name = property("filter");
    if let Some(text) = properties.get(&filter_name) {
        filters.push(Filter::parse(text).map_err(|why| {
            wrong(&filter_name, text, &format!("an LDAP filter such as (departmentNumber=42); {why}"))
        })?);
    }
    let names = properties.list(&property("attributes"));
    let reads_change_number =
        names.is_empty() || names.iter().any(|name| *name == "*" || name.eq_ignore_ascii_case("uSNChanged"));
    let names = if names.is_empty() { vec!["*", "memberOf"] } else { names };
    let mut attributes: Vec<String> = names.into_iter().map(str::to_owned).collect();
    for name in OPERATIONAL {
        if !attributes.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            attributes.push(name.to_owned());
        }
    }
    Ok(Some(Tree {
        entity_type,
        base: base.to_owned(),
        class,
        id_attribute: id_attribute.to_owned(),
        is_filtered: filters.len() > 1,
        filter: Filter::And(filters),
        attributes,
        reads_change_number,
    }))
}

/// `ldap://host:port` or `ldaps://host:port`; an IPv6 address in brackets.
fn address(property: &str, url: &str, timeout_ms: u32) -> Result<Address> {
    let refuse =
        || wrong(property, url, "an address such as ldap://localhost:389 or ldaps://ldap.example.com:636");
    let (scheme, rest) = url.split_once("://").ok_or_else(refuse)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "ldap" => false,
        "ldaps" => true,
        _ => return Err(refuse()),
    };
    let authority = rest.trim_end_matches('/');
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand within brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(refuse)?,
        None if tls => 636,
        None => 389,
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || host.contains(['/', '@', '?', ' ']) {
        return Err(refuse());
    }
    Ok(Address { host: host.to_owned(), port, tls, timeout_ms })
}
