use super::*;

fn people() -> Directory {
    let d = directory();
    user(
        &d,
        "Ann",
        json!({
            "displayName": "Ann Ärmel", "active": true, "externalId": "X1", "title": "Captain",
            "name": { "familyName": "Müller", "givenName": "Ann" },
            "emails": [{ "value": "ann@work.example", "type": "work" }, { "value": "ann@home.example", "type": "home" }],
            ENTERPRISE: { "department": "Ships", "employeeNumber": "007" },
        }),
    );
    user(
        &d,
        "bob",
        json!({
            "displayName": "Bob", "active": false, "externalId": "x1", "name": { "familyName": "O'Neill" },
            "emails": [{ "value": "bob@home.example", "type": "home", "primary": true }],
        }),
    );
    user(&d, "carl \"the\" \\ great", json!({ "displayName": "bob", "name": { "familyName": "muller" } }));
    d
}

fn found(d: &Directory, filter: &str) -> Vec<String> {
    names(&get(d, &filtered("/Users", filter)))
}

#[test]
fn every_operator() {
    let d = people();
    let carl = "carl \"the\" \\ great";
    for (filter, expected) in [
        (r#"userName eq "ann""#, vec!["Ann"]),
        (r#"USERNAME EQ "ANN""#, vec!["Ann"]),
        (r#"userName eq "nobody""#, vec![]),
        (r#"userName ne "ann""#, vec!["bob", carl]),
        (r#"userName eq "carl \"the\" \\ great""#, vec![carl]),
        (r#"userName co "R""#, vec![carl]),
        (r#"userName sw "B""#, vec!["bob"]),
        (r#"userName ew "N""#, vec!["Ann"]),
        (r#"userName gt "ann""#, vec!["bob", carl]),
        (r#"userName ge "ann""#, vec!["Ann", "bob", carl]),
        (r#"userName lt "bob""#, vec!["Ann"]),
        (r#"userName le "bob""#, vec!["Ann", "bob"]),
        (r#"displayName eq "BOB""#, vec!["bob", carl]),
        (r#"displayName eq "ann ärmel""#, vec!["Ann"]),
        // externalId keeps its case.
        (r#"externalId eq "X1""#, vec!["Ann"]),
        (r#"externalId sw "x""#, vec!["bob"]),
        ("active eq true", vec!["Ann"]),
        (r#"active eq "False""#, vec!["bob"]),
        ("active ne true", vec!["bob", carl]),
        ("title pr", vec!["Ann"]),
        ("emails pr", vec!["Ann", "bob"]),
        ("name pr", vec!["Ann", "bob", carl]),
        ("title eq null", vec!["bob", carl]),
        ("title ne null", vec!["Ann"]),
        (r#"name.familyName eq "MÜLLER""#, vec!["Ann"]),
        (r#"emails eq "BOB@home.example""#, vec!["bob"]),
        (r#"emails.value eq "ann@HOME.example""#, vec!["Ann"]),
        (r#"emails.type eq "home""#, vec!["Ann", "bob"]),
        (r#"emails.type ne "home""#, vec!["Ann", carl]),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bob""#, vec!["bob"]),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "ships""#, vec!["Ann"]),
        (r#"meta.resourceType eq "User""#, vec!["Ann", "bob", carl]),
    ] {
        assert_eq!(found(&d, filter), expected, "{filter}");
    }
}

#[test]
fn logic_grouping_and_value_filters() {
    let d = people();
    let carl = "carl \"the\" \\ great";
    for (filter, expected) in [
        (r#"userName eq "ann" or userName eq "bob""#, vec!["Ann", "bob"]),
        (r#"userName eq "ann" and active eq false"#, vec![]),
        // "and" binds closer than "or".
        (r#"userName eq "ann" or userName eq "bob" and active eq true"#, vec!["Ann"]),
        (r#"(userName eq "ann" or userName eq "bob") and active eq false"#, vec!["bob"]),
        (r#"not (active eq true)"#, vec!["bob", carl]),
        (r#"not (title pr) and not(userName sw "c")"#, vec!["bob"]),
        (r#"emails[type eq "home" and value co "ann"]"#, vec!["Ann"]),
        // Both hold for Ann, but not for one of her addresses.
        (r#"emails[type eq "work" and value co "@home"]"#, vec![]),
        (r#"emails.type eq "work" and emails.value co "@home""#, vec!["Ann"]),
        (r#"emails[not (type eq "work") and (primary eq true or value sw "x")]"#, vec!["bob"]),
        (r#"emails[type eq "home"] and active eq true"#, vec!["Ann"]),
        (r#"emails[type eq "]"]"#, vec![]),
        (r#"name[familyName eq "o'neill"]"#, vec!["bob"]),
    ] {
        assert_eq!(found(&d, filter), expected, "{filter}");
    }
}

#[test]
fn times_compare_as_instants() {
    let d = people();
    let ids = |filter: &str| found(&d, filter).len();
    assert_eq!(ids(r#"meta.lastModified gt "2025-12-31T23:59:59Z""#), 3);
    assert_eq!(ids(r#"meta.lastModified lt "2026-01-01T01:00:00+01:00""#), 0);
    assert_eq!(ids(r#"meta.created ge "2026-01-01T00:00:00.001Z""#), 2);
    assert_eq!(ids(r#"meta.created eq "2026-01-01T02:00:00.000+02:00""#), 1);
}

#[test]
fn identifiers_and_memberships_are_looked_up() {
    let d = people();
    let ann = get(&d, &filtered("/Users", r#"userName eq "ann""#))["Resources"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(found(&d, &format!("id eq \"{ann}\"")), ["Ann"]);
    assert_eq!(found(&d, "id eq \"none\""), [""; 0]);
    let team = group(&d, "Team", &[&ann]);
    group(&d, "Other", &[]);
    let groups = |filter: &str| names(&get(&d, &filtered("/Groups", filter)));
    assert_eq!(groups("displayName eq \"TEAM\""), ["Team"]);
    assert_eq!(groups(&format!("members eq \"{ann}\"")), ["Team"]);
    assert_eq!(groups(&format!("members.value eq \"{ann}\" and displayName sw \"o\"")), [""; 0]);
    assert_eq!(groups(&format!("members[value eq \"{ann}\" and type eq \"User\"]")), ["Team"]);
    assert_eq!(groups("not (members pr)"), ["Other"]);
    assert_eq!(found(&d, &format!("groups.value eq \"{team}\"")), ["Ann"]);
    assert_eq!(found(&d, "groups.display eq \"team\""), ["Ann"]);
    assert_eq!(found(&d, &format!("not (groups eq \"{team}\")")).len(), 2);
    // The index finds what a change left behind.
    let path = format!("/Users/{ann}");
    patch(&d, &path, json!([{ "op": "replace", "path": "displayName", "value": "New" }]));
    assert_eq!(found(&d, r#"displayName eq "ann ärmel""#), [""; 0]);
    assert_eq!(found(&d, r#"displayName eq "new""#), ["Ann"]);
}

#[test]
fn wrong_filters_say_where() {
    let d = people();
    for (filter, part) in [
        (r#"userNam eq "ann""#, "userNam"),
        (r#"name.nothing eq "ann""#, "nothing"),
        (r#"userName = "ann""#, "expected eq"),
        (r#"userName eq ann"#, "quotes"),
        (r#"userName eq "ann"#, "closing quote"),
        (r#"userName eq "ann" and"#, "attribute"),
        (r#"(userName eq "ann""#, "')'"),
        (r#"userName eq "ann")"#, "the end"),
        (r#"not userName eq "ann""#, "'('"),
        (r#"emails[type eq "work""#, "']'"),
        (r#"emails[nothing eq "work"]"#, "nothing"),
        (r#"userName[value eq "x"]"#, "brackets"),
        (r#"active gt true"#, "order"),
        (r#"active eq 5"#, "active"),
        (r#"meta.created gt "yesterday""#, "yesterday"),
        (r#"name eq "x""#, "sub-attributes"),
        (r#"userName eq "\x""#, "JSON"),
        ("urn:nothing:attr pr", "urn:nothing"),
    ] {
        let detail = refused(&call(&d, "GET", &filtered("/Users", filter), None), 400, Some("invalidFilter"));
        assert!(detail.contains(part), "{filter}: {detail}");
    }
    refused(&call(&d, "GET", &filtered("/Users", "password eq \"x\""), None), 403, Some("sensitive"));
}

#[test]
fn filters_are_bounded() {
    let d = people();
    let deep = format!("{}title pr{}", "(".repeat(40), ")".repeat(40));
    assert!(
        refused(&call(&d, "GET", &filtered("/Users", &deep), None), 400, Some("invalidFilter"))
            .contains("nested")
    );
    let many = vec!["title pr"; 1001].join(" or ");
    assert!(
        refused(&call(&d, "GET", &filtered("/Users", &many), None), 400, Some("invalidFilter"))
            .contains("1000")
    );
    let long = format!("title eq \"{}\"", "x".repeat(70_000));
    assert!(
        refused(&call(&d, "GET", &filtered("/Users", &long), None), 400, Some("invalidFilter"))
            .contains("longer")
    );
    assert_eq!(found(&d, &vec!["title pr"; 1000].join(" or ")), ["Ann"]);
}

#[test]
fn long_values_are_compared_in_full_though_indexed_in_part() {
    let d = directory();
    let (a, b) = (format!("{}a", "é".repeat(400)), format!("{}b", "é".repeat(400)));
    user(&d, "one", json!({ "displayName": a }));
    user(&d, "two", json!({ "displayName": b }));
    assert_eq!(found(&d, &format!("displayName eq \"{b}\"")), ["two"]);
}
