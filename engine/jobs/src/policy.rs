//! What a system's properties say about how the job treats it.

use crate::appgroup;
use gangway_model::System;
use serde_json::Value;

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
pub(crate) fn unique_attributes(target: &System, entity_type: &str, content: &Value) -> Vec<String> {
    let names = match specific(target, &format!(".{entity_type}.unique.attribute")) {
        Some(names) => names,
        None => match (target.plugin.as_str(), entity_type) {
            ("ldap", "user") => "uid".to_owned(),
            ("ldap", _) => "cn".to_owned(),
            (_, "user") => "userName".to_owned(),
            (_, "group") => match appgroup::unique_attributes(content) {
                Some(names) => return names,
                None => "displayName".to_owned(),
            },
            _ => "displayName".to_owned(),
        },
    };
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

/// `ips.lookup.before.create`: whether an account is looked for before it is made. A first load of a
/// target that holds most accounts already takes one request less for each of them.
pub(crate) fn looks_before_create(target: &System) -> bool {
    target.flag("ips.lookup.before.create", false)
}

/// `ips.overwrite.existedbefore.assignments = false`: whether groups keep members that the engine did not give them.
pub(crate) fn keeps_assignments(target: &System) -> bool {
    !target.flag("ips.overwrite.existedbefore.assignments", true)
}

/// `ips.full.read.force.count`: after that many scheduled delta runs everything is read once.
pub(crate) fn full_read_force_count(source: &System) -> Option<u64> {
    source.property("ips.full.read.force.count")?.trim().parse().ok().filter(|count| *count > 0)
}

/// `ips.delta.read.margin`: by how many seconds a delta read starts earlier than the last one did, because
/// the clock of the source may lag behind; 300 unless a property says otherwise.
pub fn delta_margin_ms(source: &System) -> u64 {
    const SECONDS: u64 = 300;
    let given = source.property("ips.delta.read.margin").and_then(|value| value.trim().parse().ok());
    given.unwrap_or(SECONDS).saturating_mul(1000)
}

/// What to say of a source that is read by its changes, if nothing makes it be read in full.
pub fn no_full_read_planned(source: &System) -> Option<String> {
    full_read_force_count(source).is_none().then(|| {
        "no full read is planned: a delta read deletes nothing that the source does not report as gone; set \
         ips.full.read.force.count, or start a Resync now and then"
            .to_owned()
    })
}

/// A property by its ending: the plugin's own prefix first, then another system-specific one, then
/// the generic `scim.`.
pub(crate) fn specific(system: &System, ending: &str) -> Option<String> {
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
            system_type: None,
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
    fn f054_a_system_specific_prefix_beats_the_generic_one() {
        let unique =
            |plugin, properties| unique_attributes(&system(plugin, properties), "user", &Value::Null);
        assert_eq!(unique("scim2", &[]), ["userName"]);
        assert_eq!(unique("ldap", &[]), ["uid"]);
        assert_eq!(unique_attributes(&system("ldap", &[]), "group", &Value::Null), ["cn"]);
        assert_eq!(unique_attributes(&system("scim2", &[]), "group", &Value::Null), ["displayName"]);
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
    fn f056_the_page_size_of_the_property_holds_within_bounds() {
        assert_eq!(page_size(&system("csv", &[])), 500);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "20")])), 20);
        assert_eq!(page_size(&system("csv", &[("ips.page.size", "30")])), 30);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "99999")])), 1000);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "0")])), 1);
        assert_eq!(page_size(&system("csv", &[("csv.page.size", "many")])), 500);
    }

    #[test]
    fn f035_delta_read_is_switched_with_either_spelling() {
        for (value, on) in
            [("enabled", true), ("disabled", false), ("true", true), ("false", false), ("True", true)]
        {
            let source = system("scim2", &[("ips.delta.read", value)]);
            assert_eq!(source.flag("ips.delta.read", !on), on, "{value}");
        }
        assert!(system("scim2", &[]).flag("ips.delta.read", true));
    }

    #[test]
    fn delta_reads_have_a_margin_and_a_number_of_runs() {
        assert_eq!(delta_margin_ms(&system("scim2", &[])), 300_000);
        assert_eq!(delta_margin_ms(&system("scim2", &[("ips.delta.read.margin", "0")])), 0);
        assert_eq!(full_read_force_count(&system("scim2", &[])), None);
        let source = system("scim2", &[("ips.full.read.force.count", "10")]);
        assert_eq!((full_read_force_count(&source), no_full_read_planned(&source)), (Some(10), None));
    }

    #[test]
    fn conflict_resolution_is_on_unless_switched_off() {
        assert!(resolves_conflicts(&system("scim2", &[]), "user"));
        let off = system("scim2", &[("idds.user.automatic.conflict.resolution", "False")]);
        assert!(!resolves_conflicts(&off, "user"));
        assert!(resolves_conflicts(&off, "group"));
    }
}
