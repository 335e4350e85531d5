use super::{host, open};
use gangway_sdk::testing::FakeHost;
use gangway_sdk::{Operation, Outcome, Target};

fn operation(kind: &str, id: Option<&str>, json: &str) -> Operation {
    Operation {
        kind: kind.to_owned(),
        entity_type: "user".to_owned(),
        id: id.map(str::to_owned),
        version: None,
        json: json.to_owned(),
        members: None,
    }
}

/// What came of operations: the identifier, or the code of the error.
fn write(operations: &[Operation]) -> Vec<Result<String, String>> {
    let outcomes = open().write(operations).unwrap();
    assert_eq!(outcomes.len(), operations.len());
    let short = |outcome: Outcome| match outcome.error {
        None => Ok(outcome.id.unwrap()),
        Some(error) => Err(error.code),
    };
    outcomes.into_iter().map(short).collect()
}

fn done(id: &str) -> Result<String, String> {
    Ok(id.to_owned())
}

fn failed(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

#[test]
fn operations_change_their_rows_and_leave_the_others_byte_for_byte() {
    let host = host(
        "\u{feff}id,\"name\",members[]\r\n1, ada ,\r\nbroken\r\n2,\"bob\",x;y\r\n\r\n3,eve,\r\n4,\"d\"\"\",z",
    );
    let outcomes = write(&[
        operation("replace", Some("2"), r#"{"name":"Bob, \"B\"","members":["x",7,true]}"#),
        operation("delete", Some("3"), ""),
        operation("create", Some("9"), r#"{"name":"new"}"#),
        operation("patch", Some("4"), r#"{"members":null}"#),
        operation("create", None, r#"{"id":"5","name":"line\nbreak"}"#),
        operation("create", None, r#"{"name":"numbered"}"#),
    ]);
    assert_eq!(outcomes, [done("2"), done("3"), done("9"), done("4"), done("5"), done("10")]);
    assert_eq!(
        host.content("users").unwrap(),
        "\u{feff}id,\"name\",members[]\r\n1, ada ,\r\nbroken\r\n2,\"Bob, \"\"B\"\"\",x;7;true\r\n\r\n4,\"d\"\"\",\r\n9,new,\r\n5,\"line\nbreak\",\r\n10,numbered,\r\n"
    );
}

#[test]
fn a_row_without_a_line_end_gets_one_before_another_follows() {
    let host = host("id\n1");
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [done("2")]);
    assert_eq!(host.content("users").unwrap(), "id\n1\n2\n");
}

#[test]
fn operations_that_cannot_be_carried_out_change_nothing() {
    let users = "id,name,tags[]\n1,ada,\n";
    let host = host(users);
    let outcomes = write(&[
        operation("create", Some("1"), r#"{"name":"x"}"#),
        operation("replace", Some("2"), "{}"),
        operation("patch", Some("2"), "{}"),
        operation("delete", Some("2"), ""),
        operation("delete", None, ""),
        operation("rename", Some("1"), "{}"),
        operation("replace", Some("1"), r#"{"mail":"a@x"}"#),
        operation("replace", Some("1"), r#"{"name":{"familyName":"x"}}"#),
        operation("replace", Some("1"), r#"{"name":["x"]}"#),
        operation("replace", Some("1"), r#"{"tags":["a;b"]}"#),
        operation("replace", Some("1"), r#"{"id":"3"}"#),
        operation("replace", Some("1"), "<html>"),
        operation("replace", Some("1"), "[]"),
    ]);
    let codes = ["conflict", "not-found", "not-found", "not-found", "invalid", "unsupported"];
    let expected: Vec<_> = codes.into_iter().chain(["invalid"; 7]).map(failed).collect();
    assert_eq!(outcomes, expected);
    assert_eq!(host.content("users").unwrap(), users);
}

#[test]
fn an_attribute_without_a_column_is_named() {
    let _host = host("id,name\n1,ada\n");
    let operation = operation("replace", Some("1"), r#"{"emails":[{"value":"a@x"}],"nick":null,"list":[]}"#);
    let error = open().write(&[operation]).unwrap().remove(0).error.unwrap();
    assert_eq!(error.detail("attribute"), Some("emails[0].value"));
    assert!(error.message.contains("the columns are id, name"), "{error}");
}

#[test]
fn operations_on_one_identifier_follow_each_other() {
    let host = host("id,name\n1,ada\n");
    let outcomes = write(&[
        operation("delete", Some("1"), ""),
        operation("create", Some("1"), r#"{"name":"second"}"#),
        operation("create", Some("2"), r#"{"name":"x"}"#),
        operation("create", Some("2"), r#"{"name":"y"}"#),
        operation("patch", Some("2"), r#"{"name":"z"}"#),
        operation("create", Some("3"), "{}"),
        operation("delete", Some("3"), ""),
        operation("create", None, "{}"),
        operation("create", Some("4"), "{}"),
    ]);
    let expected = [
        done("1"),
        done("1"),
        done("2"),
        failed("conflict"),
        done("2"),
        done("3"),
        done("3"),
        done("5"),
        done("4"),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(host.content("users").unwrap(), "id,name\n1,second\n2,z\n4,\n5,\n");
}

#[test]
fn a_deleted_entity_is_gone_even_if_it_stood_there_twice() {
    let host = host("id,name\n1,a\n2,b\n1,c\n");
    assert_eq!(write(&[operation("delete", Some("1"), "")]), [done("1")]);
    assert_eq!(host.content("users").unwrap(), "id,name\n2,b\n");
}

#[test]
fn a_new_file_gets_the_columns_of_its_first_entities_or_those_named() {
    let create = operation(
        "create",
        Some("1"),
        r#"{"name":{"familyName":"B"},"emails":[{"value":"a@x"}],"tags":["x","y"],"urn:a:2.0:User":{"d":"e"},"n":null}"#,
    );
    let host = FakeHost::install();
    assert_eq!(write(std::slice::from_ref(&create)), [done("1")]);
    assert_eq!(
        host.content("users").unwrap(),
        "id,name.familyName,emails[0].value,tags[],urn:a:2.0:User.d\n1,B,a@x,x;y,e\n"
    );
    let host = FakeHost::install();
    host.property("csv.user.columns", "nr,tags[],name.familyName,more").property("csv.user.id.column", "nr");
    let other = operation("create", None, r#"{"nr":"7","name":{"familyName":"C"}}"#);
    assert_eq!(write(&[create, other]), [failed("invalid"), done("7")]);
    assert_eq!(host.content("users").unwrap(), "nr,tags[],name.familyName,more\n7,,C,\n");
}

#[test]
fn rows_keep_the_encoding_of_the_file() {
    let host = FakeHost::install();
    host.file("users", b"id,name\n1,M\xfcller\n".to_vec()).property("csv.encoding", "windows-1252");
    let outcomes = write(&[
        operation("create", Some("2"), r#"{"name":"Zoë €"}"#),
        operation("create", Some("3"), r#"{"name":"Ωmega"}"#),
    ]);
    assert_eq!(outcomes, [done("2"), failed("invalid")]);
    assert_eq!(gangway_sdk::files::read("users", 0, 100).unwrap(), b"id,name\n1,M\xfcller\n2,Zo\xeb \x80\n");
    host.file("users", [0xff, 0xfe, b'i', 0, b'd', 0]);
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [failed("unsupported")]);
}

#[test]
fn a_file_that_may_not_be_written_is_left_alone() {
    let host = host("id\n1\n");
    host.read_only("users");
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [failed("denied")]);
    assert_eq!(host.content("users").unwrap(), "id\n1\n");
}

#[test]
fn types_in_one_batch_go_to_their_own_files() {
    let host = host("id\n1\n");
    host.file("groups", "id\n1\n").read_only("groups");
    let mut group = operation("create", Some("2"), "{}");
    group.entity_type = "group".to_owned();
    let user = operation("create", Some("2"), "{}");
    assert_eq!(write(&[group, user]), [failed("denied"), done("2")]);
    assert_eq!(host.content("users").unwrap(), "id\n1\n2\n");
}

#[test]
fn a_large_file_is_copied_whole() {
    let mut users = String::from("id,name\n");
    for number in 0..50_000 {
        users.push_str(&format!("{number},name {number}\n"));
    }
    let host = host(&users);
    assert_eq!(write(&[operation("patch", Some("49999"), r#"{"name":"last"}"#)]), [done("49999")]);
    assert_eq!(host.content("users").unwrap(), users.replace("name 49999", "last"));
}

#[test]
fn what_someone_else_writes_meanwhile_is_not_lost() {
    let host = host("id\n1\n");
    host.meanwhile("users", "id\n1\n7\n");
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [failed("unavailable")]);
    assert_eq!(host.content("users").unwrap(), "id\n1\n7\n");
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [done("2")]);
    let host = FakeHost::install();
    host.meanwhile("users", "id\n1\n");
    assert_eq!(write(&[operation("create", Some("2"), "{}")]), [failed("unavailable")]);
    assert_eq!(host.content("users").unwrap(), "id\n1\n");
}
