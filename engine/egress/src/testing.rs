use gangway_model::{Property, Role, System};

/// A system with these plain properties.
pub(crate) fn system(properties: &[(&str, &str)]) -> System {
    System {
        tenant: "t".into(),
        id: "s-1".into(),
        name: "crew list".to_owned(),
        description: String::new(),
        role: Role::Target,
        system_type: None,
        plugin: "scim2".into(),
        enabled: true,
        sources: Vec::new(),
        properties: properties.iter().map(|(k, v)| ((*k).to_owned(), Property::plain(*v))).collect(),
        grants: Default::default(),
        read: None,
        write: None,
    }
}
