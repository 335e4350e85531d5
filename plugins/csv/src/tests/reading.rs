use super::{host, json_of, open, pages, read};
use crate::dialect::{Dialect, Scan};
use crate::record::Record;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::{AttributeValue, Connector, Entity, Source, Target};
use serde_json::{Value, json};

#[test]
fn a_row_becomes_an_object_of_texts_and_an_empty_cell_is_absent() {
    let json = json_of("id,userName,active\n7,ada,true\n8,,\n");
    assert_eq!(json, [r#"{"id":"7","userName":"ada","active":"true"}"#, r#"{"id":"8"}"#]);
}

#[test]
fn quotes_delimiters_line_breaks_and_controls_reach_the_json() {
    let json = json_of("id,name\r\n1,\"O\"\"Neil, \\ \u{1}\r\nx\ttab\"\r\n2,Zoë 😀\r\n3,a\"b\r\n");
    let names: Vec<Value> =
        json.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()["name"].clone()).collect();
    assert_eq!(names, [json!("O\"Neil, \\ \u{1}\r\nx\ttab"), json!("Zoë 😀"), json!("a\"b")]);
}

#[test]
fn header_names_with_dots_and_brackets_are_nested() {
    let header = "id,name.familyName,emails[0].value,emails[1].value,emails[0].type,name.givenName,\
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department,$.title,members[]";
    let json = json_of(&format!("{header}\n1,Byron,a@x,b@x,work,Ada,R&D,Countess,u1; u2;;\n2,,,b@x,,,,,\n"));
    assert_eq!(
        json[0],
        concat!(
            r#"{"id":"1","name":{"familyName":"Byron","givenName":"Ada"},"#,
            r#""emails":[{"value":"a@x","type":"work"},{"value":"b@x"}],"#,
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"},"#,
            r#""title":"Countess","members":["u1","u2"]}"#
        )
    );
    assert_eq!(json[1], r#"{"id":"2","emails":[{"value":"b@x"}]}"#);
}

#[test]
fn header_names_can_be_taken_as_they_are() {
    let host = host("id,name.familyName,a b[\n1,Byron,x\n");
    host.property("csv.nested.headers", "false");
    assert_eq!(read("user").0[0].json, r#"{"id":"1","name.familyName":"Byron","a b[":"x"}"#);
}

#[test]
fn properties_choose_dialect_identifier_and_multivalued_columns() {
    let host = FakeHost::install();
    host.file("groups", "nr\tname\tmembers\n1\t'a\tb'\tx|y\n");
    for (name, value) in [
        ("csv.delimiter", "tab"),
        ("csv.quote", "'"),
        ("csv.group.id.column", "nr"),
        ("csv.multivalue.columns", "members, others"),
        ("csv.multivalue.separator", "|"),
    ] {
        host.property(name, value);
    }
    assert_eq!(read("group").0, [Entity::new("1", r#"{"nr":"1","name":"a\tb","members":["x","y"]}"#)]);
}

#[test]
fn encodings_are_decoded_and_a_byte_order_mark_decides_by_itself() {
    let text = "id,name\r\n1,Müller €\r\n2,Zoë\r\n";
    let utf16 = |swap: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let files: [(&str, Vec<u8>); 7] = [
        ("", text.as_bytes().to_vec()),
        ("windows-1252", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("windows-1252", encoding_rs::WINDOWS_1252.encode(text).0.into_owned()),
        ("iso-8859-15", encoding_rs::ISO_8859_15.encode(text).0.into_owned()),
        ("", utf16(false, true)),
        ("", utf16(true, true)),
        ("utf-16be", utf16(true, false)),
    ];
    for (encoding, bytes) in files {
        let host = FakeHost::install();
        host.file("users", bytes).property("csv.encoding", encoding);
        // One row a page and a new instance for each: cursors are places in the encoded file.
        let json: Vec<_> =
            pages("user", 1, true).into_iter().flat_map(|page| page.entities).map(|e| e.json).collect();
        assert_eq!(json, [r#"{"id":"1","name":"Müller €"}"#, r#"{"id":"2","name":"Zoë"}"#], "{encoding}");
    }
}

#[test]
fn characters_of_four_bytes_keep_their_place_in_utf_16() {
    let host = FakeHost::install();
    let units = "\u{feff}id,name\n1,😀😀\n2,é\n3,x\n".encode_utf16();
    host.file("users", units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    let pages = pages("user", 1, true);
    let ids: Vec<_> = pages.iter().flat_map(|page| &page.entities).map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert!(pages.iter().all(|page| page.problems.is_empty()));
}

#[test]
fn pages_are_the_same_whichever_instance_reads_them() {
    let mut users = String::from("id,name\n");
    for number in 0..300 {
        // Some rows are broken, some empty, some of many lines, one larger than a chunk, some duplicates; none may be lost or read twice.
        match number % 50 {
            7 => users.push_str("broken\n"),
            13 => users.push('\n'),
            21 => users.push_str(&format!(
                "{},\"{}\"\n",
                number,
                "x\n".repeat(if number == 121 { 200_000 } else { 9 })
            )),
            33 => users.push_str(&format!("{},again\n", number - 33)),
            _ => users.push_str(&format!("{number},name {number}\n")),
        }
    }
    let _host = host(&users);
    let whole = pages("user", 5000, false);
    assert_eq!(whole.len(), 1);
    assert_eq!((whole[0].entities.len(), whole[0].problems.len()), (300 - 3 * 6, 12));
    for limit in [7, 100] {
        let warm = pages("user", limit, false);
        assert_eq!(warm, pages("user", limit, true), "limit {limit}");
        let entities: Vec<_> = warm.iter().flat_map(|page| page.entities.clone()).collect();
        let problems: Vec<_> = warm.iter().flat_map(|page| page.problems.clone()).collect();
        assert_eq!(entities, whole[0].entities);
        assert_eq!(problems, whole[0].problems);
    }
}

#[test]
fn a_page_can_be_read_again_by_the_same_instance() {
    let _host = host("id\n1\n2\n3\n4\n");
    let mut csv = open();
    let first = csv.read_page("user", None, 2).unwrap();
    let second = csv.read_page("user", first.next_cursor.as_deref(), 2).unwrap();
    assert_eq!(csv.read_page("user", first.next_cursor.as_deref(), 2).unwrap(), second);
    assert_eq!(csv.read_page("user", None, 2).unwrap(), first);
    assert_eq!((second.entities.len(), second.problems.len(), second.next_cursor), (2, 0, None));
}

#[test]
fn single_entities_are_found_by_identifier_and_by_columns() {
    let _host = host("id,userName,members[],emails[0].value\n1,ada,x;y,a@x\n2,bob,,b@x\n3,ada,y,\n1,dup,,\n");
    let mut csv = open();
    let ids = ["2".to_owned(), "9".to_owned(), "1".to_owned()];
    let answers = Source::read_entities(&mut csv, "user", &ids);
    assert_eq!(
        answers[0].as_ref().unwrap().json,
        r#"{"id":"2","userName":"bob","emails":[{"value":"b@x"}]}"#
    );
    assert!(answers[1].as_ref().unwrap_err().is("not-found"));
    assert!(answers[2].as_ref().unwrap().json.contains("ada"));
    let mut find = |attributes: &[(&str, &str)], limit| {
        let attributes: Vec<_> =
            attributes.iter().map(|(name, value)| AttributeValue::new(*name, *value)).collect();
        csv.find("user", &attributes, limit).map(|found| found.into_iter().map(|e| e.id).collect::<Vec<_>>())
    };
    assert_eq!(find(&[("userName", "ada")], 10).unwrap(), ["1", "3"]);
    assert_eq!(find(&[("userName", "ada")], 1).unwrap(), ["1"]);
    assert_eq!(find(&[("userName", "ada"), ("emails[0].value", "a@x")], 10).unwrap(), ["1"]);
    assert_eq!(find(&[("members", "y")], 10).unwrap(), ["1", "3"]);
    assert_eq!(find(&[("userName", "ad")], 10).unwrap(), Vec::<String>::new());
    assert!(find(&[("mail", "x")], 10).is_err_and(|error| error.detail("attribute") == Some("mail")));
}

#[test]
fn wrong_properties_are_named() {
    for (name, value) in [
        ("csv.delimiter", ";;"),
        ("csv.delimiter", "\""),
        ("csv.quote", "«"),
        ("csv.encoding", "klingon"),
        ("csv.encoding", "shift_jis"),
        ("csv.nested.headers", "yes"),
    ] {
        let host = host("id\n1\n");
        host.property(name, value);
        let error = super::Csv::open().map(|_| ()).unwrap_err();
        assert!(error.is("configuration") && error.message.contains("csv."), "{name} {value}: {error}");
    }
}

/// Cuts a whole text with the dialect, byte by byte more of it until each record is complete.
fn cut(dialect: &Dialect, text: &str) -> Vec<Vec<String>> {
    let (mut records, mut fields, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let whole = text.as_bytes();
        let scan = (at + 1..=whole.len())
            .map(|end| dialect.scan(&whole[at..end], false, &mut fields))
            .find(|scan| *scan != Scan::More)
            .unwrap_or_else(|| dialect.scan(&whole[at..], true, &mut fields));
        let Scan::Record { next, .. } = scan else { panic!("{scan:?} in {text:?}") };
        let record = Record { text: &text[at..at + next], fields: &fields, quote: '"' };
        records.push((0..fields.len()).map(|column| record.value(column).into_owned()).collect());
        at += next;
    }
    records
}

#[test]
fn well_formed_files_are_cut_as_the_csv_crate_cuts_them() {
    let mut state = 42_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..500 {
        let end = if random(2) == 0 { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(Vec::new());
        let columns = 2 + random(3);
        for _ in 0..1 + random(4) {
            let field = |_| {
                let alphabet = ["a", "é", ",", "\"", "\n", "\r\n", "\\", " ", "😀", "\t"];
                (0..random(5)).map(|_| alphabet[random(10) as usize]).collect::<String>()
            };
            writer.write_record((0..columns).map(field).collect::<Vec<_>>()).unwrap();
        }
        let mut text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        if random(2) == 0 {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(cut(&Dialect::new(b',', b'"'), &text), expected, "{text:?}");
    }
}
