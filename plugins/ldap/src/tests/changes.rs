use super::{GROUPS, PEOPLE, settings};
use crate::changes::{between, complete_new, rename};
use crate::finding::{dn_for, made_name};
use crate::mapping::Content;
use crate::message::{Attribute, Change};
use serde_json::json;

fn content(json: serde_json::Value) -> Content {
    Content::parse(&json.to_string(), &settings(&[])).unwrap()
}

fn known(attributes: &[(&str, &[&str])]) -> Vec<Attribute> {
    let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
    attributes.iter().map(|(name, list)| ((*name).to_owned(), values(list))).collect()
}

fn changes(known: &[Attribute], wanted: serde_json::Value) -> Vec<(Change, String, Vec<String>)> {
    between(&settings(&[]), known, &content(wanted), |_| true)
        .into_iter()
        .map(|(change, (name, values))| {
            (change, name, values.into_iter().map(|value| String::from_utf8(value).unwrap()).collect())
        })
        .collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn content_of_all_shapes_becomes_values() {
    let json = r#"{"a":["x","y","x",null,""],"b":"one","n":[1.10,12345678901234567890123],"t":true,"f":[false],"nothing":null,
        "A":["z"],"jpegPhoto":["AAEC"],"dn":["uid=a,dc=x"]}"#;
    let content = Content::parse(json, &settings(&[])).unwrap();
    let text = |name: &str| -> Vec<String> {
        content.values(name).unwrap().iter().map(|v| String::from_utf8(v.clone()).unwrap()).collect()
    };
    assert_eq!(text("a"), ["z", "x", "y"]);
    assert_eq!(text("b"), ["one"]);
    assert_eq!(text("n"), ["1.10", "12345678901234567890123"]);
    assert_eq!((text("t"), text("f")), (texts(&["TRUE"]), texts(&["FALSE"])));
    assert_eq!(text("nothing"), texts(&[]));
    assert_eq!(content.values("jpegphoto").unwrap(), [vec![0, 1, 2]]);
    assert_eq!(content.dn.as_deref(), Some("uid=a,dc=x"));
}

#[test]
fn content_that_no_attribute_can_hold_is_refused_by_name() {
    for (json, attribute) in [
        (r#"{"mail":[{"value":"x"}]}"#, Some("mail")),
        (r#"{"mail":[["x"]]}"#, Some("mail")),
        (r#"{"jpegPhoto":["not base64!"]}"#, Some("jpegPhoto")),
        (r#"{"a b":["x"]}"#, Some("a b")),
        (r#"["x"]"#, None),
        ("", None),
    ] {
        let error = Content::parse(json, &settings(&[])).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.detail("attribute")),
            ("invalid", attribute),
            "{json}: {error}"
        );
    }
}

#[test]
fn only_what_differs_is_changed_and_only_what_is_spoken_of() {
    let held = known(&[
        ("objectClass", &["top", "inetOrgPerson"]),
        ("sn", &["Old"]),
        ("mail", &["a@x", "b@x"]),
        ("title", &["t"]),
    ]);
    assert_eq!(changes(&held, json!({"sn": ["Old"], "mail": ["b@x", "a@x"]})), []);
    assert_eq!(
        changes(&held, json!({"sn": ["New"], "mail": [], "l": ["here"], "description": []})),
        [
            (Change::Replace, "l".into(), texts(&["here"])),
            (Change::Replace, "mail".into(), texts(&[])),
            (Change::Replace, "sn".into(), texts(&["New"])),
        ]
    );
    assert_eq!(
        changes(&held, json!({"objectclass": ["INETORGPERSON", "posixAccount"]})),
        [(Change::Add, "objectclass".into(), texts(&["posixAccount"]))]
    );
}

#[test]
fn members_are_compared_as_names_and_large_groups_change_by_difference() {
    let name = |n: usize| format!("uid=u{n},{PEOPLE}");
    let many: Vec<String> = (0..200).map(name).collect();
    let mut shouting: Vec<String> = many.iter().map(|n| n.to_uppercase().replace(",", ", ")).collect();
    let held = known(&[
        ("objectClass", &["groupOfNames"]),
        ("member", &many.iter().map(String::as_str).collect::<Vec<_>>()),
    ]);
    assert_eq!(changes(&held, json!({"member": shouting})), []);
    shouting.remove(7);
    shouting.push(name(500));
    assert_eq!(
        changes(&held, json!({"member": shouting})),
        [(Change::Delete, "member".into(), vec![name(7)]), (Change::Add, "member".into(), vec![name(500)])]
    );
}

#[test]
fn a_group_that_must_have_a_member_keeps_a_placeholder() {
    let empty = "cn=empty-membership-placeholder";
    let held = known(&[("objectClass", &["groupOfNames"]), ("member", &["uid=a,dc=x"])]);
    assert_eq!(changes(&held, json!({"member": []})), [(Change::Replace, "member".into(), texts(&[empty]))]);
    let held = known(&[("objectClass", &["groupOfNames"]), ("member", &[empty])]);
    assert_eq!(changes(&held, json!({"member": []})), []);
    // Groups of Active Directory may be empty.
    let held = known(&[("objectClass", &["group"]), ("member", &["uid=a,dc=x"])]);
    assert_eq!(changes(&held, json!({"member": []})), [(Change::Replace, "member".into(), texts(&[]))]);

    let settings = settings(&[]);
    let mut new = content(json!({"description": ["d"]}));
    complete_new(&settings, settings.tree("group").unwrap(), &format!("cn=G,{GROUPS}"), &mut new).unwrap();
    assert_eq!(new.values("member").unwrap(), [empty.as_bytes()]);
    assert_eq!(new.values("objectClass").unwrap(), [b"groupOfNames"]);
    assert_eq!(new.values("cn").unwrap(), [b"G"]);
}

#[test]
fn names_are_made_of_values_with_every_character_in_its_place() {
    let settings = settings(&[]);
    let tree = settings.tree("user").unwrap();
    assert_eq!(dn_for(tree, "ada"), format!("uid=ada,{PEOPLE}"));
    assert_eq!(dn_for(tree, "a=b"), format!("uid=a\\=b,{PEOPLE}"));
    assert_eq!(dn_for(tree, "Müller, J"), format!("uid=Müller\\, J,{PEOPLE}"));
    assert_eq!(dn_for(tree, "uid=x,ou=elsewhere,dc=org"), "uid=x,ou=elsewhere,dc=org");
    assert_eq!(made_name(tree, "x+uid=root"), format!("uid=x\\+uid\\=root,{PEOPLE}"));
}

#[test]
fn a_rename_is_seen_in_the_naming_attribute_or_in_the_name() {
    let dn = format!("uid=old,{PEOPLE}");
    assert_eq!(rename(&dn, &content(json!({"sn": ["x"]}))), None);
    assert_eq!(rename(&dn, &content(json!({"uid": ["OLD"]}))), None);
    assert_eq!(rename(&dn, &content(json!({"uid": ["new", "old"]}))), None);
    assert_eq!(rename(&dn, &content(json!({"uid": []}))), None);
    assert_eq!(rename(&dn, &content(json!({"dn": [format!("UID=Old, {PEOPLE}")], "uid": ["new"]}))), None);
    let found = rename(&dn, &content(json!({"UID": ["new, er"]}))).unwrap();
    assert_eq!((found.new_rdn.as_str(), found.new_superior.as_deref()), ("uid=new\\, er", None));
    assert_eq!(found.new_dn, format!("uid=new\\, er,{PEOPLE}"));
    let mut held = known(&[("uid", &["Old", "alias"]), ("cn", &["old"])]);
    found.apply(&mut held);
    assert_eq!(held, known(&[("uid", &["alias", "new, er"]), ("cn", &["old"])]));
    let moved = rename(&dn, &content(json!({"dn": ["uid=old,ou=gone,dc=example,dc=com"]}))).unwrap();
    assert_eq!(moved.new_superior.as_deref(), Some("ou=gone,dc=example,dc=com"));
    assert_eq!(moved.new_rdn, "uid=old");
}
