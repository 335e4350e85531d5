use super::settings as with;
use crate::settings::Settings;
use gangway_sdk::system::Properties;

#[test]
fn addresses_of_all_kinds() {
    for (url, host, port, tls) in [
        ("ldap://localhost", "localhost", 389, false),
        ("LDAPS://ldap.example.com/", "ldap.example.com", 636, true),
        ("ldap://127.0.0.1:1389", "127.0.0.1", 1389, false),
        ("ldaps://[::1]:1636", "::1", 1636, true),
        ("ldap://[::1]", "::1", 389, false),
    ] {
        let address = with(&[("ldap.url", url)]).address;
        // The first of two properties of one name counts, so this reads URL.
        assert_eq!(address.host, "localhost");
        let alone: Properties = [("URL", url)].into_iter().collect();
        let address = Settings::read(&alone).unwrap().address;
        assert_eq!((address.host.as_str(), address.port, address.tls), (host, port, tls), "{url}");
    }
}

#[test]
fn wrong_properties_are_named() {
    for (name, value) in [
        ("URL", "https://x"),
        ("URL", "ldap://"),
        ("URL", "ldap://x:0"),
        ("URL", "ldap://u@x"),
        ("ldap.user.path", "people"),
        ("ldap.user.filter", "(a=b"),
        ("ldap.group.filter", "x"),
        ("ldap.page.size", "0"),
        ("ldap.starttls", "maybe"),
        ("ldap.attribute.user.id", "a b"),
    ] {
        let mut pairs = vec![(name, value)];
        pairs.extend([("URL", "ldap://x"), ("ldap.user.path", "dc=x"), ("ldap.group.path", "dc=x")]);
        let error = Settings::read(&pairs.into_iter().collect::<Properties>()).unwrap_err();
        assert_eq!((error.code.as_str(), error.detail("property")), ("configuration", Some(name)), "{error}");
    }
}

#[test]
fn protection_and_credentials_must_fit_together() {
    let read = |pairs: &[(&str, &str)]| Settings::read(&pairs.iter().copied().collect::<Properties>());
    let twice = read(&[("URL", "ldaps://x"), ("ldap.starttls", "true")]).unwrap_err();
    assert_eq!(twice.detail("property"), Some("ldap.starttls"));
    let nameless = read(&[("URL", "ldap://x"), ("ldap.user", "cn=admin")]).unwrap_err();
    assert_eq!(nameless.detail("property"), Some("ldap.password"));
    let generic = read(&[("URL", "ldap://x"), ("User", "cn=admin"), ("Password", "")]).unwrap();
    assert_eq!((generic.user.as_deref(), generic.password), (Some("cn=admin"), Some("Password")));
}

#[test]
fn a_type_without_a_place_in_the_tree_is_a_missing_property() {
    let settings = Settings::read(&[("URL", "ldap://x")].into_iter().collect::<Properties>()).unwrap();
    let error = settings.tree("group").unwrap_err();
    assert_eq!((error.code.as_str(), error.detail("property")), ("configuration", Some("ldap.group.path")));
    assert_eq!(settings.tree("role").unwrap_err().code, "unsupported");
}

#[test]
fn what_is_read_follows_the_lists() {
    let settings = with(&[("ldap.user.attributes", "uid, mail,entryUUID")]);
    let attributes = &settings.tree("user").unwrap().attributes;
    assert_eq!(attributes[..3], ["uid", "mail", "entryUUID"]);
    assert_eq!(attributes.iter().filter(|name| *name == "entryUUID").count(), 1);
    assert!(!attributes.iter().any(|name| name == "*" || name == "memberOf"));
    assert_eq!(settings.tree("group").unwrap().attributes[..2], ["*", "memberOf"]);
}

#[test]
fn attributes_that_hold_bytes_are_known() {
    let settings = with(&[("ldap.attributes.binary", "x-Blob")]);
    for (name, expected) in [
        ("jpegPhoto", true),
        ("userCertificate;binary", true),
        ("anything;lang-en;binary", true),
        ("x-blob", true),
        ("cn", false),
    ] {
        assert_eq!(settings.is_binary(name), expected, "{name}");
    }
}
