//! Rows that cannot be read: they are named, and the others are read.

use super::{Csv, host, open, pages, read};
use gangway_sdk::testing::FakeHost;
use gangway_sdk::{Connector, Problem, Source};

/// Row, column and identifier of a problem.
type Place = (String, String, Option<String>);

/// The identifiers that could be read, and the places of the problems.
fn outcome(users: impl Into<Vec<u8>>) -> (Vec<String>, Vec<Place>) {
    let host = FakeHost::install();
    host.file("users", users);
    let (entities, problems) = read("user");
    let place = |problem: Problem| {
        assert!(problem.error.is("invalid"), "{}", problem.error);
        let detail = |name| problem.error.detail(name).unwrap().to_owned();
        assert!(problem.error.message.contains(&format!("Row {} of the file `users`", detail("row"))));
        (detail("row"), detail("column"), problem.id)
    };
    (entities.into_iter().map(|entity| entity.id).collect(), problems.into_iter().map(place).collect())
}

fn problem(row: u64, column: &str, id: Option<&str>) -> Place {
    (row.to_string(), column.to_owned(), id.map(str::to_owned))
}

#[test]
fn a_row_with_a_wrong_number_of_fields() {
    let (ids, problems) = outcome("id,a,b\n1,x,y\n2,x\n3,x,y,z\n\n4,x,y\n");
    assert_eq!(ids, ["1", "4"]);
    assert_eq!(problems, [problem(3, "b", Some("2")), problem(4, "#4", Some("3"))]);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row_only() {
    let (ids, problems) = outcome("id,a\n1,\"x\n2,y\n3,z\n");
    assert_eq!(ids, ["2", "3"]);
    assert_eq!(problems, [problem(2, "a", Some("1"))]);
}

#[test]
fn a_quote_that_the_next_quoted_row_seems_to_close_costs_one_row_only() {
    let (ids, problems) = outcome("id,a\n1,\"x\n2,\"y\"\n3,z\n");
    assert_eq!(ids, ["2", "3"]);
    assert_eq!(problems, [problem(2, "a", Some("1"))]);
}

#[test]
fn a_row_of_several_lines_with_a_wrong_number_of_fields_is_read_line_by_line() {
    let (ids, problems) = outcome("id,a,b\n1,\"x,\n2,y,\"\n3,p,q\n");
    assert_eq!(ids, ["3"]);
    assert_eq!(problems, [problem(2, "b", Some("1")), problem(3, "b", Some("2"))]);
}

#[test]
fn an_open_quote_does_not_take_the_memory_of_a_large_file() {
    let mut users = String::from("id,a\n1,\"x\n");
    for number in 0..40_000 {
        users.push_str(&format!("u{number},{}\n", "y".repeat(60)));
    }
    let _host = host(&users);
    let page = open().read_page("user", None, 1000).unwrap();
    assert_eq!((page.entities.len(), page.problems.len()), (999, 1));
    assert_eq!(page.entities[0].id, "u0");
    assert_eq!(page.problems[0].error.detail("row"), Some("2"));
    assert!(page.problems[0].error.message.contains("longer than 1 MiB"));
}

#[test]
fn text_behind_a_closing_quote() {
    let (ids, problems) = outcome("id,a\n1,\"x\" y\n2,\"x\"\n");
    assert_eq!(ids, ["2"]);
    assert_eq!(problems, [problem(2, "a", Some("1"))]);
}

#[test]
fn bytes_that_are_not_text() {
    let (ids, problems) = outcome(b"id,a,b\n1,x,M\xfcller\n2,x,y\n".to_vec());
    assert_eq!(ids, ["2"]);
    assert_eq!(problems, [problem(2, "b", Some("1"))]);
}

#[test]
fn half_a_character_in_utf_16() {
    let units = [0xfeff_u16]
        .into_iter()
        .chain("id,a\n1,".encode_utf16())
        .chain([0xd800])
        .chain("\n2,ü\n".encode_utf16());
    let (ids, problems) = outcome(units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    assert_eq!(ids, ["2"]);
    assert_eq!(problems, [problem(2, "a", Some("1"))]);
}

#[test]
fn a_missing_and_a_repeated_identifier() {
    let (ids, problems) = outcome("a,id\nx,1\ny,\nz, \nv,2\nw,1\n");
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(problems, [problem(3, "id", None), problem(4, "id", None), problem(6, "id", None)]);
}

#[test]
fn a_repeated_identifier_far_away_is_found_and_no_other_is_suspected() {
    let mut users = String::from("id\n");
    for number in 0..30_000 {
        users.push_str(&format!("{number}\n"));
    }
    users.push_str("17\n");
    let _host = host(&users);
    let pages = pages("user", 1000, false);
    assert_eq!(pages.iter().map(|page| page.entities.len()).sum::<usize>(), 30_000);
    let problems: Vec<&Problem> = pages.iter().flat_map(|page| &page.problems).collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].error.detail("row"), Some("30002"));
    assert!(problems[0].error.message.contains("which row 19 has already"));
}

#[test]
fn a_header_that_makes_no_sense_fails_the_read() {
    for (users, said) in [
        ("", "has no header"),
        ("\n1\n", "has no header"),
        ("name\nada\n", "no column `id`"),
        ("id,a,a\n", "`a` twice"),
        ("id,name,name.familyName\n", "another column stands for"),
        ("id,name.familyName,name\n", "another column stands for"),
        ("id,a[0],a.b\n", "another column stands for"),
        ("id,a[x]\n", "no attribute path"),
        ("id,a..b\n", "no attribute path"),
        ("id,\"a\n", "header cannot be read"),
    ] {
        let _host = host(users);
        let error = open().read_page("user", None, 10).unwrap_err();
        assert!(error.is("configuration") && error.message.contains(said), "{users:?}: {error}");
        assert_eq!(error.detail("row"), Some("1"));
    }
}

#[test]
fn a_header_without_rows_is_a_type_without_entities() {
    let _host = host("id,name");
    assert_eq!(read("user"), (vec![], vec![]));
}

#[test]
fn a_missing_file_is_an_error_and_not_a_type_without_entities() {
    let _host = FakeHost::install();
    let error = open().read_page("user", None, 10).unwrap_err();
    assert!(error.is("not-found") && error.detail("file") == Some("users"), "{error}");
}

#[test]
fn a_file_that_changes_during_the_read_fails_it() {
    let host = host("id\n1\n2\n3\n");
    let mut csv = open();
    let cursor = csv.read_page("user", None, 2).unwrap().next_cursor;
    host.file("users", "id\n3\n4\n5\n");
    for csv in [&mut csv, &mut open()] {
        let error = csv.read_page("user", cursor.as_deref(), 2).unwrap_err();
        assert!(error.is("invalid") && error.message.contains("changed while it was read"), "{error}");
    }
    assert_eq!(csv.read_page("user", None, 2).unwrap().entities[0].id, "3");
}

#[test]
fn a_cursor_that_is_none_of_ours_is_refused() {
    let _host = host("id\n1\n");
    assert!(open().read_page("user", Some("42"), 2).is_err_and(|error| error.is("invalid")));
}

#[test]
fn any_bytes_end_in_rows_and_problems() {
    let alphabet = b"ab1,,\"\"\n\n\r;[].\\\xff\xc3\xa9\0\xfe";
    let mut state = 7_u64;
    for round in 0..3000 {
        let mut bytes = if round % 3 == 0 { Vec::new() } else { b"id,a\n".to_vec() };
        for _ in 0..round % 60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        let host = FakeHost::install();
        host.file("users", bytes).property("csv.encoding", ["", "utf-16", "windows-1252"][round % 3]);
        let mut csv = Csv::open().unwrap();
        let Ok(whole) = csv.read_page("user", None, 1000) else { continue };
        assert_eq!(whole.next_cursor, None);
        for entity in &whole.entities {
            assert!(
                serde_json::from_str::<serde_json::Value>(&entity.json).is_ok_and(|value| value.is_object())
            );
        }
        let single = pages("user", 1, true);
        assert_eq!(single.iter().map(|page| page.entities.len()).sum::<usize>(), whole.entities.len());
        assert_eq!(single.iter().map(|page| page.problems.len()).sum::<usize>(), whole.problems.len());
    }
}
