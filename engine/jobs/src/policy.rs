//! What a system's properties say about how the job treats it.

use gangway_model::System;

/// Entities a page of a source holds unless a property says otherwise. A page is what is prepared,
/// written and committed at once: large enough that one commit costs little per entity, small
/// enough that a handful of pages under way stay within a few megabytes.
const PAGE_SIZE: u32 = 500;
const LARGEST_PAGE: u32 = 1000;

/// Page size of a source: `<plugin>.page.size`, else any `*.page.size`, else 500; at most 1,000.
pub(crate) fn page_size(source: &System) -> u32 {
    specific(source, ".page.size")
        .and_then(|size| size.trim().parse::<u32>().ok())
        .unwrap_or(PAGE_SIZE)
        .clamp(1, LARGEST_PAGE)
}

/// The attributes by which an account that is there already is found. All of them must match.
pub(crate) fn unique_attributes(target: &System, entity_type: &str) -> Vec<String> {
    let names = specific(target, &format!(".{entity_type}.unique.attribute")).unwrap_or_else(|| {
        match (target.plugin.as_str(), entity_type) {
            ("ldap", "user") => "uid",
            ("ldap", _) => "cn",
            (_, "user") => "userName",
            _ => "displayName",
        }
        .to_owned()
    });
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `*.user.automatic.conflict.resolution`: whether an account that is there already is taken over.
pub(crate) fn resolves_conflicts(target: &System, entity_type: &str) -> bool {
    let value = specific(target, &format!(".{entity_type}.automatic.conflict.resolution"));
    !matches!(value.map(|v| v.to_ascii_lowercase()).as_deref(), Some("false" | "disabled"))
}

/// `ips.plan.retention.days`: how long a plan can be applied; 1 to 90 days, 7 unless set.
pub(crate) fn plan_retention_ms(source: &System) -> u64 {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let days = source.property("ips.plan.retention.days").and_then(|days| days.trim().parse::<u64>().ok());
    days.unwrap_or(7).clamp(1, 90) * DAY
}

/// `ips.delete.existedbefore.entities`: whether accounts that were there before the engine may go.
pub(crate) fn deletes_existed_before(target: &System) -> bool {
    target.flag("ips.delete.existedbefore.entities", false)
}

/// `ips.delete.threshold.users|groups|roles`: above this many candidates none is deleted. The error
/// is for a value that is no number: nothing is deleted until it is corrected.
pub(crate) fn delete_threshold(target: &System, entity_type: &str) -> Result<Option<u64>, String> {
    let key = format!("ips.delete.threshold.{entity_type}s");
    let Some(value) = target.property(&key) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| {
        format!("{key} is {value:?}; it must be a whole number without separators, or be removed")
    })
}

/// A property by its ending: the plugin's own prefix first, then another system-specific one, then
/// the generic `scim.`.
fn specific(system: &System, ending: &str) -> Option<String> {
    let plugin = match system.plugin.as_str() {
        "scim2" => "scim",
        other => other,
    };
    let candidates = || {
        system
            .plain_properties()
            .filter(|(key, value)| key.ends_with(ending) && !value.trim().is_empty())
            // `a.user.unique.attribute` must not answer for `.unique.attribute` of something deeper.
            .filter(|(key, _)| key.len() > ending.len())
    };
    let prefix = |key: &str| key.strip_suffix(ending).unwrap_or_default().to_owned();
    let own = candidates().find(|(key, _)| plugin != "scim" && prefix(key) == plugin);
    let other = || candidates().find(|(key, _)| prefix(key) != "scim" && prefix(key) != "ips");
    let generic = || candidates().next();
    own.or_else(other).or_else(generic).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use gangway_model::{Grants, Property, Role};

    pub(crate) fn system(plugin: &str, properties: &[(&str, &str)]) -> System {
        System {
            tenant: "t".into(),
            id: "s".into(),
            name: "S".into(),
            description: String::new(),
            role: Role::Target,
            plugin: plugin.into(),
            enabled: true,
            sources: Vec::new(),
            properties: properties
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Property::plain(*value)))
                .collect(),
            grants: Grants::default(),
            read: None,
            write: None,
        }
    }

    pub(crate) fn system_called(id: &str) -> System {
        System { id: id.into(), ..system("scim2", &[]) }
    }

    #[test]
    fn a_system_specific_prefix_beats_the_generic_one() {
        let unique = |plugin, properties| unique_attributes(&system(plugin, properties), "user");
        assert_eq!(unique("scim2", &[]), ["userName"]);
        assert_eq!(unique("ldap", &[]), ["uid"]);
        assert_eq!(unique_attributes(&system("ldap", &[]), "group"), ["cn"]);
        assert_eq!(unique_attributes(&system("scim2", &[]), "group"), ["displayName"]);
        assert_eq!(
            unique("scim2", &[("scim.user.unique.attribute", "userName, emails[0].value")]),
            ["userName", "emails[0].value"]
        );
        assert_eq!(
            unique("scim2", &[("ias.user.unique.attribute", "mail"), ("scim.user.unique.attribute", "x")]),
            ["mail"]
        );
        assert_eq!(
            unique("ldap", &[("ldap.user.unique.attribute", "mail"), ("a.user.unique.attribute", "x")]),
            ["mail"]
        );
        assert_eq!(unique("scim2", &[("scim.group.unique.attribute", "x")]), ["userName"]);
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(page_size(&system("csv", &[])), 500);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "20")])), 20);
        assert_eq!(page_size(&system("csv", &[("ips.page.size", "30")])), 30);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "99999")])), 1000);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "0")])), 1);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "many")])), 500);
    }

    #[test]
    fn thresholds_are_per_type_and_a_wrong_one_blocks() {
        let target =
            system("scim2", &[("ips.delete.threshold.users", "500"), ("ips.delete.threshold.roles", "x")]);
        assert_eq!(delete_threshold(&target, "user"), Ok(Some(500)));
        assert_eq!(delete_threshold(&target, "group"), Ok(None));
        assert!(delete_threshold(&target, "role").is_err_and(|e| e.contains("ips.delete.threshold.roles")));
    }

    #[test]
    fn conflict_resolution_is_on_unless_switched_off() {
        assert!(resolves_conflicts(&system("scim2", &[]), "user"));
        let off = system("scim2", &[("idds.user.automatic.conflict.resolution", "False")]);
        assert!(!resolves_conflicts(&off, "user"));
        assert!(resolves_conflicts(&off, "group"));
    }
}
