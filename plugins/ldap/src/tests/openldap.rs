//! Against a real OpenLDAP server.

use super::server::Server;
use super::{GROUPS, PEOPLE, operation};
use crate::Ldap;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::{AttributeValue, Connector, Entity, Operation, Outcome, Source, Target};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn user(uid: &str) -> Operation {
    operation(
        "create",
        "user",
        None,
        json!({"uid": [uid], "cn": [format!("User {uid}")], "sn": [uid], "mail": [format!("{uid}@example.com")]}),
    )
}

fn write(ldap: &mut Ldap, operations: &[Operation]) -> Vec<Outcome> {
    ldap.write(operations).unwrap()
}

fn write_one(ldap: &mut Ldap, operation: Operation) -> Outcome {
    write(ldap, &[operation]).pop().unwrap()
}

fn ids(outcomes: Vec<Outcome>) -> Vec<String> {
    outcomes
        .into_iter()
        .map(|outcome| {
            assert_eq!(outcome.error, None);
            outcome.id.unwrap()
        })
        .collect()
}

fn fill(ldap: &mut Ldap, count: usize) -> Vec<String> {
    let operations: Vec<Operation> = (0..count).map(|n| user(&format!("u{n:05}"))).collect();
    ids(write(ldap, &operations))
}

fn json_of(entity: &Entity) -> Value {
    serde_json::from_str(&entity.json).unwrap()
}

fn read(ldap: &mut Ldap, entity_type: &str, id: &str) -> Result<Entity, gangway_sdk::Error> {
    Target::read_entities(ldap, entity_type, &[id.to_owned()]).pop().unwrap()
}

fn error_of(outcome: &Outcome) -> &gangway_sdk::Error {
    outcome.error.as_ref().unwrap()
}

#[test]
fn reads_page_by_page_and_beyond_the_servers_size_limit() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    fill(&mut ldap, 1_250);
    let (mut seen, mut sizes, mut cursor) = (BTreeSet::new(), Vec::new(), None);
    loop {
        let page = ldap.read_page("user", cursor.as_deref(), 500).unwrap();
        assert_eq!(page.problems, []);
        sizes.push(page.entities.len());
        seen.extend(page.entities.into_iter().map(|entity| entity.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [vec![100; 12], vec![50]].concat());
    assert_eq!(seen.len(), 1_250);
    assert_eq!(ldap.read_page("group", None, 10).unwrap().entities, []);
}

#[test]
fn entries_come_with_everything_the_engine_wants() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[("ldap.attribute.dn", "distinguishedName")]);
    write_one(
        &mut ldap,
        operation(
            "create",
            "user",
            None,
            json!({"uid": ["ada"], "cn": ["Ada", "Ada \"L\" Ü"], "sn": ["L"], "jpegPhoto": ["/9j/AAEC"]}),
        ),
    );
    let page = ldap.read_page("user", None, 10).unwrap();
    let entity = &page.entities[0];
    let json = json_of(entity);
    assert_eq!(entity.id, format!("uid=ada,{PEOPLE}"));
    assert_eq!(json["dn"], json!([entity.id]));
    assert_eq!(json["distinguishedName"], json!([entity.id]));
    assert_eq!(json["cn"], json!(["Ada", "Ada \"L\" Ü"]));
    assert_eq!(json["jpegPhoto"], json!(["/9j/AAEC"]));
    assert_eq!(json["entryUUID"][0].as_str().unwrap().len(), 36);
    assert_eq!(entity.version.as_deref(), json["entryCSN"][0].as_str());
    assert!(entity.created_ms.unwrap() > 1_700_000_000_000);
}

#[test]
fn filters_and_attribute_lists_hold() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[
        ("ldap.user.filter", "(|(uid=u00001)(mail=u00002@*))"),
        ("ldap.user.attributes", "uid,mail"),
    ]);
    fill(&mut ldap, 5);
    let page = ldap.read_page("user", None, 10).unwrap();
    assert_eq!(page.entities.len(), 2);
    // In no particular order: the server keeps that in which the writes reached it.
    let mut mails: Vec<String> = Vec::new();
    for entity in &page.entities {
        let json = json_of(entity);
        assert!(json.get("sn").is_none(), "{json}");
        mails.push(json["mail"][0].as_str().unwrap().to_owned());
    }
    mails.sort();
    assert_eq!(mails, ["u00001@example.com", "u00002@example.com"]);
}

#[test]
fn another_instance_takes_a_read_up_where_it_stopped() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let all = fill(&mut ldap, 95);
    let first = ldap.read_page("user", None, 30).unwrap();
    let second = ldap.read_page("user", first.next_cursor.as_deref(), 30).unwrap();
    // The same cursor again, on the same instance and on another one, and with pages of another size.
    let again = ldap.read_page("user", first.next_cursor.as_deref(), 30).unwrap();
    assert_eq!(again, second);
    let mut other = Ldap::open().unwrap();
    assert_eq!(other.read_page("user", first.next_cursor.as_deref(), 30).unwrap(), second);
    let mut seen: Vec<String> = first.entities.iter().chain(&second.entities).map(|e| e.id.clone()).collect();
    let mut cursor = second.next_cursor;
    while let Some(at) = cursor {
        let page = Ldap::open().unwrap().read_page("user", Some(&at), 7).unwrap();
        assert!(page.entities.len() <= 7);
        seen.extend(page.entities.into_iter().map(|entity| entity.id));
        cursor = page.next_cursor;
    }
    // None twice and none missing; which comes first is the server's affair.
    assert_eq!(seen.len(), all.len());
    seen.sort();
    assert_eq!(seen, all);
}

#[test]
fn a_read_whose_place_is_gone_begins_anew_and_misses_no_one() {
    let server = Server::start("");
    let (host, mut ldap) = server.system(&[]);
    let all = fill(&mut ldap, 30);
    let first = ldap.read_page("user", None, 10).unwrap();
    let gone: Vec<&str> = first.entities[..3].iter().map(|entity| entity.id.as_str()).collect();
    let deletes: Vec<Operation> = gone.iter().map(|id| operation("delete", "user", Some(id), "")).collect();
    ids(write(&mut ldap, &deletes));
    let mut seen = BTreeSet::new();
    let mut cursor = first.next_cursor.clone();
    while let Some(at) = cursor {
        let page = Ldap::open().unwrap().read_page("user", Some(&at), 10).unwrap();
        seen.extend(page.entities.into_iter().map(|entity| entity.id));
        cursor = page.next_cursor;
    }
    let left: BTreeSet<String> = all.into_iter().filter(|id| !gone.contains(&id.as_str())).collect();
    assert_eq!(seen, left);
    assert!(host.log().iter().any(|message| message.text.contains("begins anew")));
}

#[test]
fn a_read_survives_a_server_that_went_away_and_came_back() {
    let server = Server::start("idletimeout 1");
    let (_host, mut ldap) = server.system(&[]);
    fill(&mut ldap, 30);
    let first = ldap.read_page("user", None, 10).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2_600));
    // Both connections were closed by the server.
    let second = ldap.read_page("user", first.next_cursor.as_deref(), 10).unwrap();
    let both: BTreeSet<&str> = first.entities.iter().chain(&second.entities).map(|e| e.id.as_str()).collect();
    assert_eq!(both.len(), 20);
    assert_eq!(write_one(&mut ldap, user("late")).error, None);
}

#[test]
fn creates_only_what_is_not_there() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    assert_eq!(write_one(&mut ldap, user("ada")).id.unwrap(), format!("uid=ada,{PEOPLE}"));
    let twice = write_one(&mut ldap, user("ada"));
    assert_eq!(error_of(&twice).code, "conflict");
    assert_eq!(error_of(&twice).detail("entityType"), Some("user"));
    let orphan = write_one(
        &mut ldap,
        operation(
            "create",
            "user",
            Some("uid=x,ou=nowhere,dc=example,dc=com"),
            json!({"cn": ["x"], "sn": ["x"]}),
        ),
    );
    assert_eq!(error_of(&orphan).code, "invalid");
    assert!(error_of(&orphan).message.contains("ldap.user.path"), "{}", error_of(&orphan));
    let bare = write_one(&mut ldap, operation("create", "user", Some("x"), json!({"cn": ["x"]})));
    assert_eq!((error_of(&bare).code.as_str(), error_of(&bare).detail("attribute")), ("invalid", Some("sn")));
    let strange = write_one(
        &mut ldap,
        operation("create", "user", Some("x"), json!({"cn": ["x"], "sn": ["x"], "colour": ["red"]})),
    );
    assert_eq!(error_of(&strange).detail("attribute"), Some("colour"));
    let nameless = write_one(&mut ldap, operation("create", "user", None, json!({"cn": ["x"]})));
    assert_eq!(error_of(&nameless).detail("attribute"), Some("uid"));
}

#[test]
fn names_with_every_character_people_have_go_there_and_back() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let names = [
        "Müller, Jürgen",
        "a+b",
        "\"quoted\"",
        "back\\slash",
        "<x>;y",
        "#hash",
        " blank ",
        "O'Neil",
        "a=b",
        "李雷",
        "x*y(z)",
    ];
    let operations: Vec<Operation> = names
        .iter()
        .map(|name| {
            operation(
                "create",
                "user",
                Some(name),
                json!({"cn": [name], "sn": [name], "description": [name]}),
            )
        })
        .collect();
    let made = ids(write(&mut ldap, &operations));
    for (name, dn) in names.iter().zip(&made) {
        let found = ldap.find("user", &[AttributeValue::new("description[0]", *name)], 2).unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(json_of(&found[0])["description"], json!([name]));
        // The name that was made, and the server's own way to write it, lead to the same entry.
        assert_eq!(read(&mut ldap, "user", dn).unwrap(), found[0], "{dn}");
        assert_eq!(read(&mut ldap, "user", &found[0].id).unwrap(), found[0]);
    }
    let deletes: Vec<Operation> = made.iter().map(|dn| operation("delete", "user", Some(dn), "")).collect();
    ids(write(&mut ldap, &deletes));
    assert_eq!(ldap.read_page("user", None, 10).unwrap().entities, []);
}

#[test]
fn replaces_by_difference() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let dn = ids(write(&mut ldap, &[operation("create", "user", None, json!({"uid": ["ada"], "cn": ["Ada"], "sn": ["L"], "mail": ["a@x", "b@x"], "title": ["t"], "description": ["kept"]}))])).remove(0);
    let before = read(&mut ldap, "user", &dn).unwrap();
    let wanted = json!({"uid": ["ada"], "sn": ["Lovelace"], "mail": ["b@x", "c@x"], "title": [], "objectClass": ["inetOrgPerson"]});
    assert_eq!(ids(write(&mut ldap, &[operation("replace", "user", Some(&dn), &wanted)])), [dn.as_str()]);
    let after = read(&mut ldap, "user", &dn).unwrap();
    let json = json_of(&after);
    assert_eq!(
        (&json["sn"], &json["mail"], &json["description"]),
        (&json!(["Lovelace"]), &json!(["b@x", "c@x"]), &json!(["kept"]))
    );
    assert_eq!(json.get("title"), None);
    assert_ne!(before.version, after.version);
    // Nothing to do means that nothing is written.
    ids(write(&mut ldap, &[operation("replace", "user", Some(&dn), &wanted)]));
    assert_eq!(read(&mut ldap, "user", &dn).unwrap().version, after.version);
    let gone = write_one(&mut ldap, operation("replace", "user", Some("nobody"), &wanted));
    assert_eq!(error_of(&gone).code, "not-found");
    let wrong = write_one(&mut ldap, operation("replace", "user", Some(&dn), json!({"sn": []})));
    assert_eq!(
        (error_of(&wrong).code.as_str(), error_of(&wrong).detail("attribute")),
        ("invalid", Some("sn"))
    );
}

#[test]
fn renames_and_moves() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    ids(write(&mut ldap, &[user("old"), user("taken")]));
    let dn = format!("uid=old,{PEOPLE}");
    let new = format!("uid=new,{PEOPLE}");
    let replace = |id: &str, json: Value| operation("replace", "user", Some(id), json);
    assert_eq!(
        ids(write(&mut ldap, &[replace(&dn, json!({"uid": ["new", "alias"], "sn": ["Changed"]}))])),
        [new.as_str()]
    );
    let json = json_of(&read(&mut ldap, "user", &new).unwrap());
    assert_eq!(json["sn"], json!(["Changed"]));
    let uids: BTreeSet<&str> = json["uid"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(uids, BTreeSet::from(["alias", "new"]));
    assert_eq!(read(&mut ldap, "user", &dn).unwrap_err().code, "not-found");
    let moved = "uid=new,ou=gone,dc=example,dc=com";
    assert_eq!(ids(write(&mut ldap, &[replace(&new, json!({"dn": [moved]}))])), [moved]);
    let clash = write_one(&mut ldap, replace(moved, json!({"dn": [format!("uid=taken,{PEOPLE}")]})));
    assert_eq!((error_of(&clash).code.as_str(), &clash.id), ("conflict", &None));
}

#[test]
fn patches_and_deletes() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let dn = ids(write(&mut ldap, &[user("ada")])).remove(0);
    let patch = json!({"modifications": [
        {"op": "add", "attribute": "title", "values": ["Countess"]},
        {"op": "replace", "attribute": "sn", "values": "Lovelace"},
        {"op": "delete", "attribute": "mail"},
    ]});
    ids(write(&mut ldap, &[operation("patch", "user", Some(&dn), patch)]));
    let json = json_of(&read(&mut ldap, "user", &dn).unwrap());
    assert_eq!(
        (&json["title"], &json["sn"], json.get("mail")),
        (&json!(["Countess"]), &json!(["Lovelace"]), None)
    );
    let delete = operation("delete", "user", Some(&dn), "");
    assert_eq!(write_one(&mut ldap, delete.clone()).error, None);
    assert_eq!(error_of(&write_one(&mut ldap, delete)).code, "not-found");
    let full = write_one(&mut ldap, operation("delete", "user", Some("dc=example,dc=com"), ""));
    assert_eq!(error_of(&full).code, "invalid");
}

#[test]
fn groups_hold_their_members_empty_ones_included() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let people = fill(&mut ldap, 2_000);
    let group = ids(write(
        &mut ldap,
        &[operation("create", "group", None, json!({"cn": ["All, of us"], "member": people}))],
    ))
    .remove(0);
    let members =
        |ldap: &mut Ldap| json_of(&read(ldap, "group", &group).unwrap())["member"].as_array().unwrap().len();
    assert_eq!(members(&mut ldap), 2_000);
    ids(write(&mut ldap, &[operation("replace", "group", Some(&group), json!({"member": people[5..]}))]));
    assert_eq!(members(&mut ldap), 1_995);
    ids(write(&mut ldap, &[operation("replace", "group", Some(&group), json!({"member": []}))]));
    assert_eq!(members(&mut ldap), 0, "the placeholder is nobody");
    let page = ldap.read_page("group", None, 10).unwrap();
    assert_eq!(json_of(&page.entities[0])["member"], json!([]));
    let empty = ids(write(
        &mut ldap,
        &[operation("create", "group", Some("Empty"), json!({"description": ["none yet"]}))],
    ))
    .remove(0);
    ids(write(&mut ldap, &[operation("replace", "group", Some(&empty), json!({"member": [people[0]]}))]));
    assert_eq!(json_of(&read(&mut ldap, "group", &empty).unwrap())["member"], json!([people[0]]));
    let user = read(&mut ldap, "user", &people[0]).unwrap();
    assert_eq!(json_of(&user)["memberOf"], json!([format!("cn=empty,{GROUPS}")]));
}

#[test]
fn members_and_entries_have_one_spelling_whatever_the_directory_keeps() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[("ldap.attribute.dn", "distinguishedName")]);
    let made = ids(write(
        &mut ldap,
        &[operation("create", "user", Some("Ekström, Åsa"), json!({"cn": ["Å"], "sn": ["E"]}))],
    ));
    let spelled = "UID=EKSTRÖM\\2c  ÅSA, OU=People, DC=Example,DC=com";
    ids(write(&mut ldap, &[operation("create", "group", Some("G"), json!({"member": [spelled]}))]));
    let user = ldap.read_page("user", None, 10).unwrap().entities.remove(0);
    assert_eq!(user.id, format!("uid=ekström\\, åsa,{PEOPLE}"));
    assert_eq!([user.id.as_str()], *made);
    assert_eq!(json_of(&user)["distinguishedName"].as_array().unwrap().len(), 1);
    assert!(json_of(&user)["distinguishedName"][0].as_str().unwrap().contains("Åsa"));
    let group = ldap.read_page("group", None, 10).unwrap().entities.remove(0);
    assert_eq!(json_of(&group)["member"], json!([user.id]));
}

#[test]
fn single_entries_are_found_by_every_kind_of_identifier() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    ids(write(&mut ldap, &[user("ada"), user("bob")]));
    let ada = read(&mut ldap, "user", &format!("UID=Ada, {PEOPLE}")).unwrap();
    let uuid = json_of(&ada)["entryUUID"][0].as_str().unwrap().to_owned();
    let asked = [uuid, "ada".into(), "nobody".into(), format!("uid=nobody,{PEOPLE}"), "bob".into()];
    let found = Source::read_entities(&mut ldap, "user", &asked);
    assert_eq!(found[0].as_ref().unwrap(), &ada);
    assert_eq!(found[1].as_ref().unwrap(), &ada);
    assert_eq!(found[2].as_ref().unwrap_err().code, "not-found");
    assert_eq!(found[3].as_ref().unwrap_err().code, "not-found");
    assert_eq!(found[4].as_ref().unwrap().id, format!("uid=bob,{PEOPLE}"));
}

#[test]
fn searches_need_every_value_and_mind_no_special_character() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    ids(write(&mut ldap, &[user("ada"), user("bob")]));
    let mut find = |pairs: &[(&str, &str)]| {
        let wanted: Vec<AttributeValue> =
            pairs.iter().map(|(name, value)| AttributeValue::new(*name, *value)).collect();
        ldap.find("user", &wanted, 1).map(|found| found.into_iter().map(|e| e.id).collect::<Vec<_>>())
    };
    let ada = vec![format!("uid=ada,{PEOPLE}")];
    assert_eq!(find(&[("uid", "ADA")]).unwrap(), ada);
    assert_eq!(find(&[("$.mail[0]", "ada@example.com"), ("['uid']", "ada")]).unwrap(), ada);
    assert_eq!(find(&[("mail", "ada@example.com"), ("uid", "bob")]).unwrap(), Vec::<String>::new());
    assert_eq!(find(&[("uid", "*")]).unwrap(), Vec::<String>::new());
    assert_eq!(find(&[("uid", "ada)(uid=*")]).unwrap(), Vec::<String>::new());
    assert_eq!(find(&[("dn", &ada[0])]).unwrap(), ada);
    assert_eq!(find(&[("distinguishedName", "uid=x,dc=nowhere")]).unwrap(), Vec::<String>::new());
    assert_eq!(
        find(&[("objectClass", "inetOrgPerson")]).unwrap().len(),
        1,
        "more than the limit is no error"
    );
    assert_eq!(find(&[("a b", "x")]).unwrap_err().code, "configuration");
    assert_eq!(find(&[]).unwrap_err().code, "configuration");
}

#[test]
fn what_the_server_forbids_is_told_apart() {
    let server = Server::start("access to * by users read by anonymous auth");
    let (_host, mut ldap) = server.system(&[]);
    write_one(
        &mut ldap,
        operation(
            "create",
            "user",
            None,
            json!({"uid": ["reader"], "cn": ["r"], "sn": ["r"], "userPassword": ["pw"]}),
        ),
    );
    let reader = format!("uid=reader,{PEOPLE}");
    drop(ldap);
    let (host, mut ldap) = server.system(&[("ldap.user", &reader)]);
    host.secret("ldap.password", "pw");
    assert_eq!(ldap.read_page("user", None, 10).unwrap().entities.len(), 1);
    assert_eq!(error_of(&write_one(&mut ldap, user("ada"))).code, "forbidden");
    host.secret("ldap.password", "wrong");
    let mut ldap = Ldap::open().unwrap();
    assert_eq!(ldap.read_page("user", None, 10).unwrap_err().code, "unauthorized");
    assert_eq!(error_of(&write_one(&mut ldap, user("ada"))).code, "unauthorized");
    host.secret("ldap.password", "");
    let error = Ldap::open().unwrap().read_page("user", None, 10).unwrap_err();
    assert_eq!((error.code.as_str(), error.detail("property")), ("configuration", Some("ldap.password")));
    host.secret("ldap.password", "pw").property("ldap.group.path", "ou=nowhere,dc=example,dc=com");
    let error = Ldap::open().unwrap().read_page("group", None, 10).unwrap_err();
    assert_eq!((error.code.as_str(), error.detail("property")), ("configuration", Some("ldap.group.path")));
}

#[test]
fn a_large_batch_travels_side_by_side_and_each_operation_keeps_its_own_result() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let mut operations: Vec<Operation> = (0..300).map(|n| user(&format!("u{n}"))).collect();
    for at in (0..300).step_by(10) {
        operations[at] = operation("create", "user", Some(&format!("u{at}")), json!({"cn": ["no surname"]}));
    }
    let outcomes = write(&mut ldap, &operations);
    for (at, outcome) in outcomes.iter().enumerate() {
        match at % 10 {
            0 => assert_eq!(error_of(outcome).detail("attribute"), Some("sn"), "{at}"),
            _ => assert_eq!(outcome.id.as_deref(), Some(format!("uid=u{at},{PEOPLE}").as_str())),
        }
    }
}

#[test]
fn large_contents_travel_in_turns() {
    let server = Server::start("");
    let (_host, mut ldap) = server.system(&[]);
    let text = "x".repeat(700_000);
    let operations: Vec<Operation> = (0..7)
        .map(|n| {
            operation(
                "create",
                "user",
                Some(&format!("big{n}")),
                json!({"cn": ["x"], "sn": ["x"], "description": [text]}),
            )
        })
        .collect();
    assert_eq!(ids(write(&mut ldap, &operations)).len(), 7);
    assert_eq!(ldap.read_page("user", None, 10).unwrap().entities.len(), 7);
    let more: Vec<Operation> = (7..30)
        .map(|n| operation("create", "user", Some(&format!("big{n}")), operations[0].json.clone()))
        .collect();
    ids(write(&mut ldap, &more));
    let error = ldap.read_page("user", None, 100).unwrap_err();
    assert_eq!(error.code, "too-large");
    assert!(error.message.contains("ldap.page.size"), "{error}");
    assert_eq!(ldap.read_page("user", None, 5).unwrap().entities.len(), 5);
}

#[test]
fn a_stopped_job_writes_nothing() {
    let server = Server::start("");
    let (host, mut ldap) = server.system(&[]);
    host.cancel();
    assert_eq!(ldap.write(&[user("ada")]).unwrap_err().code, "cancelled");
    assert_eq!(ldap.read_page("user", None, 10).unwrap_err().code, "cancelled");
    let _ = host;
    drop(FakeHost::install());
}
