use super::{body, system};
use crate::members::Rules;
use gangway_sdk::system::Properties;
use gangway_sdk::testing::{Answer, FakeHost};
use gangway_sdk::{Member, MemberChanges, Operation, Outcome, Target};
use serde_json::{Value, json};
use std::ops::Range;

fn content(members: Range<usize>) -> String {
    let members: Vec<Value> = members.map(|n| json!({ "value": format!("u{n}"), "type": "User" })).collect();
    json!({ "displayName": "Everybody", "members": members }).to_string()
}

fn replace(json: String, members: Option<MemberChanges>) -> Operation {
    let id = Some("g1".to_owned());
    Operation { kind: "replace".into(), entity_type: "group".into(), id, version: None, json, members }
}

fn named(members: impl IntoIterator<Item = usize>) -> Vec<Member> {
    members.into_iter().map(|n| Member { value: format!("u{n}"), group: false }).collect()
}

/// A service that holds a group of so many members, and takes every change.
fn holding(host: &FakeHost, members: Range<usize>) {
    host.serve(move |request| match request.method.as_str() {
        "GET" => Answer::json(200, content(members.clone())),
        _ => Answer::json(200, json!({ "id": "g1", "displayName": "Everybody" })),
    });
}

/// What was sent: the method, and how many members were put, added and removed.
fn sent(host: &FakeHost) -> Vec<(String, usize, usize)> {
    let count = |body: &Value, op: &str| -> usize {
        let operations = body["Operations"].as_array().cloned().unwrap_or_default();
        let of = operations
            .iter()
            .filter(|o| o["op"] == op && o["path"].as_str().is_some_and(|p| p.starts_with("members")));
        of.map(|o| o["value"].as_array().map_or(1, Vec::len)).sum()
    };
    let requests = host.requests();
    let sent =
        requests.iter().enumerate().filter(|(_, request)| request.method != "GET").map(|(at, request)| {
            let body = body(host, at);
            let whole = body["members"].as_array().map_or(0, Vec::len);
            (request.method.clone(), whole + count(&body, "add"), count(&body, "remove"))
        });
    sent.collect()
}

fn written(outcomes: Vec<Outcome>) {
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
}

fn patches(list: &[(usize, usize)]) -> Vec<(String, usize, usize)> {
    list.iter().map(|(added, removed)| ("PATCH".to_owned(), *added, *removed)).collect()
}

#[test]
fn f088_above_the_threshold_members_go_out_in_batches_and_below_it_at_once() {
    const T: (&str, &str) = ("scim.patch.group.members.above.threshold", "900");
    for known in [false, true] {
        let (host, mut scim) = system(&[T]);
        holding(&host, 0..700);
        let changes = known.then(|| MemberChanges { added: named(700..1900), removed: Vec::new() });
        written(scim.write(&[replace(content(0..1900), changes)]).unwrap());
        assert_eq!(sent(&host), patches(&[(900, 0), (300, 0)]));
        let reads = host.requests().iter().filter(|request| request.method == "GET").count();
        assert_eq!(reads, usize::from(!known), "it is asked only for what nobody knows");
    }
    let (host, mut scim) = system(&[T]);
    holding(&host, 0..700);
    written(scim.write(&[replace(content(0..800), None)]).unwrap());
    assert_eq!(sent(&host), [("PUT".to_owned(), 800, 0)]);
}

#[test]
fn f089_removals_are_split_by_what_the_service_takes() {
    for (prefix, sizes) in [("scim", vec![50, 50, 20]), ("sac", vec![98, 22]), ("concur", vec![120])] {
        let (host, mut scim) = system(&[(&format!("{prefix}.patch.group.members.above.threshold"), "100")]);
        holding(&host, 0..320);
        written(scim.write(&[replace(content(120..320), None)]).unwrap());
        let sizes: Vec<_> = sizes.into_iter().map(|size| (0, size)).collect();
        assert_eq!(sent(&host), patches(&sizes), "{prefix}");
    }
}

#[test]
fn f090_a_threshold_out_of_range_counts_as_not_set() {
    let of = |name: &str, value: &str| {
        let name = format!("{name}.patch.group.members.above.threshold");
        Rules::read(&[(name, value.to_owned())].into_iter().collect::<Properties>()).unwrap().threshold
    };
    let _host = FakeHost::install();
    for (prefix, most, default) in [
        ("scim", 200_000, 20_000),
        ("ias", 20_000, 20_000),
        ("c4c", 1000, 1000),
        ("ariba.applications", 50, 50),
    ] {
        assert_eq!(of(prefix, &most.to_string()), most);
        assert_eq!(of(prefix, "1"), 1);
        for wrong in [(most + 1).to_string(), "0".to_owned(), "-5".to_owned(), "many".to_owned()] {
            assert_eq!(of(prefix, &wrong), default, "{prefix} {wrong}");
        }
    }
}

#[test]
fn f094_with_nested_groups_only_the_members_that_are_users_are_changed() {
    let (host, mut scim) = system(&[
        ("sac.patch.group.members.above.threshold", "2"),
        ("sac.patch.group.members.of.nested.groups", "true"),
    ]);
    let user = |id: &str| json!({ "value": id, "type": "User" });
    let group = |id: &str| json!({ "value": id, "type": "Group" });
    let held = json!({ "members": [user("a"), group("x")] });
    host.serve(move |request| match request.method.as_str() {
        "GET" => Answer::json(200, held.clone()),
        _ => Answer::status(204),
    });
    let wanted = json!({ "members": [user("b"), user("c"), group("y")] }).to_string();
    written(scim.write(&[replace(wanted, None)]).unwrap());
    assert_eq!(
        body(&host, 1)["Operations"],
        json!([{ "op": "add", "path": "members", "value": [user("b"), user("c")] }])
    );
    assert_eq!(body(&host, 2)["Operations"], json!([{ "op": "remove", "path": "members[value eq \"a\"]" }]));
}

#[test]
fn differences_that_do_not_fit_are_worked_out_anew() {
    let (host, mut scim) = system(&[("scim.patch.group.members.above.threshold", "100")]);
    host.answer(Answer::json(400, json!({ "scimType": "noTarget" })));
    holding(&host, 0..150);
    let wrong = MemberChanges { added: Vec::new(), removed: named([999]) };
    written(scim.write(&[replace(content(0..151), Some(wrong))]).unwrap());
    assert_eq!(sent(&host), patches(&[(0, 1), (1, 0)]));
}

#[test]
fn a_large_group_is_created_with_a_part_of_its_members_and_gets_the_others() {
    let (host, mut scim) = system(&[("scim.patch.group.members.above.threshold", "100")]);
    holding(&host, 0..0);
    let create = Operation { kind: "create".into(), id: None, ..replace(content(0..250), None) };
    let outcomes = scim.write(&[create]).unwrap();
    assert_eq!(outcomes[0].id.as_deref(), Some("g1"));
    let post = ("POST".to_owned(), 100, 0);
    assert_eq!(sent(&host), [vec![post], patches(&[(100, 0), (50, 0)])].concat());
}
