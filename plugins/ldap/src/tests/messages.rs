use crate::ber::{INTEGER, Reader, Writer, header};
use crate::failure::failure;
use crate::mapping::milliseconds;
use crate::message::{Body, Change, LdapResult, Message, Request, bind_before_password};

#[test]
fn numbers_take_as_few_bytes_as_they_can() {
    for (value, expected) in [
        (0_i64, &[2_u8, 1, 0][..]),
        (127, &[2, 1, 127]),
        (128, &[2, 2, 0, 128]),
        (-1, &[2, 1, 255]),
        (-129, &[2, 2, 0xff, 0x7f]),
        (i64::MAX, &[2, 8, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        let mut writer = Writer::default();
        writer.integer(INTEGER, value);
        let bytes = writer.into_bytes();
        assert_eq!(bytes, expected);
        assert_eq!(Reader::new(&bytes).integer(INTEGER), Ok(value));
    }
}

#[test]
fn lengths_of_any_size_are_read_back() {
    for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 24] {
        let mut writer = Writer::default();
        writer.head(0x04, length);
        let bytes = writer.into_bytes();
        assert_eq!(header(&bytes), Ok(Some((0x04, bytes.len(), length))));
        assert_eq!(header(&bytes[..bytes.len() - 1]), Ok(None));
    }
    assert!(header(&[0x30, 0x80]).is_err(), "indefinite");
    assert!(header(&[0x30, 0x85, 1, 1, 1, 1, 1]).is_err(), "too large");
    assert!(header(&[0x3f, 0x01]).is_err(), "long tag");
}

#[test]
fn a_bind_is_written_around_a_password_of_which_only_the_length_is_known() {
    for length in [1, 100, 127, 128, 300] {
        let mut bytes = bind_before_password(7, "cn=admin", length);
        let password = "x".repeat(length);
        bytes.extend_from_slice(password.as_bytes());
        let mut outer = Reader::new(&bytes);
        let mut message = outer.inside(0x30).unwrap();
        assert!(outer.is_empty());
        assert_eq!(message.integer(INTEGER), Ok(7));
        let mut bind = message.inside(0x60).unwrap();
        assert_eq!(bind.integer(INTEGER), Ok(3));
        assert_eq!(bind.text(0x04), Ok("cn=admin"));
        assert_eq!(bind.text(0x80), Ok(password.as_str()));
        assert!(bind.is_empty() && message.is_empty());
    }
}

#[test]
fn requests_are_written_as_the_protocol_has_them() {
    let delete = Request::Delete { dn: "a=b".into() };
    assert_eq!(delete.encode(1), b"\x30\x08\x02\x01\x01\x4a\x03a=b");
    let rename =
        Request::ModifyDn { dn: "a=b".into(), new_rdn: "a=c".into(), new_superior: Some("o=x".into()) };
    assert_eq!(
        rename.encode(2),
        b"\x30\x17\x02\x01\x02\x6c\x12\x04\x03a=b\x04\x03a=c\x01\x01\xff\x80\x03o=x"
    );
    let modify = Request::Modify {
        dn: "a=b".into(),
        changes: vec![(Change::Replace, ("c".into(), vec![b"d".to_vec()]))],
    };
    assert_eq!(
        modify.encode(3),
        b"\x30\x1b\x02\x01\x03\x66\x16\x04\x03a=b\x30\x0f\x30\x0d\x0a\x01\x02\x30\x08\x04\x01c\x31\x03\x04\x01d"
    );
    assert_eq!(Request::Unbind.encode(4), b"\x30\x05\x02\x01\x04\x42\x00");
}

/// A search entry, a paged result and an error, to be broken.
fn samples() -> Vec<Vec<u8>> {
    vec![
        b"\x30\x22\x02\x01\x02\x64\x1d\x04\x03a=b\x30\x16\x30\x0b\x04\x03uid\x31\x04\x04\x02me\x30\x07\x04\x01x\x31\x02\x04\x00".to_vec(),
        b"\x30\x36\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x28\x30\x26\x04\x161.2.840.113556.1.4.319\x04\x0c\x30\x0a\x02\x01\x00\x04\x05cooki".to_vec(),
        b"\x30\x15\x02\x01\x03\x69\x10\x0a\x01\x44\x04\x02o=\x04\x07already".to_vec(),
    ]
}

#[test]
fn answers_are_read() {
    let samples = samples();
    let entry = Message::decode(&samples[0]).unwrap();
    let Body::Entry(found) = entry.body else { panic!() };
    assert_eq!((entry.id, found.dn), (2, "a=b"));
    assert_eq!(found.attributes, [("uid", vec![&b"me"[..]]), ("x", vec![&b""[..]])]);
    let done = Message::decode(&samples[1]).unwrap();
    assert_eq!(done.cookie, Some(&b"cooki"[..]));
    let Body::Result(0x69, result) = Message::decode(&samples[2]).unwrap().body else { panic!() };
    assert_eq!(result, LdapResult { code: 68, matched: "o=".into(), text: "already".into() });
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    let samples = samples();
    let mut refused = 0;
    for round in 0..30_000 {
        let mut bytes = samples[round % samples.len()].clone();
        for _ in 0..=random() % 4 {
            let at = random() % bytes.len();
            match random() % 3 {
                0 => bytes[at] = u8::try_from(random() % 256).unwrap(),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, u8::try_from(random() % 256).unwrap()),
            }
        }
        refused += usize::from(Message::decode(&bytes).is_err());
    }
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn result_codes_keep_their_meaning_and_the_servers_words() {
    for (number, text, code, attribute) in [
        (1, "", "unavailable", None),
        (3, "", "timeout", None),
        (4, "", "too-large", None),
        (8, "TLS required", "configuration", None),
        (10, "", "unsupported", None),
        (12, "", "unsupported", None),
        (17, "foo: attribute type undefined", "invalid", Some("foo")),
        (19, "some attributes not unique", "conflict", None),
        (19, "Password fails quality checking policy", "invalid", None),
        (20, "mail: value #0 already exists", "invalid", Some("mail")),
        (21, "mail: value #0 invalid per syntax", "invalid", Some("mail")),
        (32, "", "not-found", None),
        (49, "", "unauthorized", None),
        (50, "no write access to parent", "forbidden", None),
        (51, "", "unavailable", None),
        (53, "no global superior knowledge", "invalid", None),
        (65, "object class 'groupOfNames' requires attribute 'member'", "invalid", Some("member")),
        (65, "attribute 'color' not allowed", "invalid", Some("color")),
        (68, "", "conflict", None),
        (80, "", "unavailable", None),
        (4096, "", "unavailable", None),
    ] {
        let result = LdapResult { code: number, matched: String::new(), text: text.into() };
        let error = failure(&result, "add the entry \"cn=x\"");
        assert_eq!(error.code, code, "{number}");
        assert_eq!(error.detail("attribute"), attribute, "{text}");
        assert!(error.message.contains(text) && error.message.contains("cn=x"), "{error}");
        assert_eq!(error.detail("resultCode"), Some(number.to_string().as_str()));
    }
}

#[test]
fn times_of_both_kinds_of_directory_are_read() {
    for (text, expected) in [
        ("20110801213244Z", Some(1_312_234_364_000)),
        ("20110801213244.882Z", Some(1_312_234_364_882)),
        ("20110801213244.0Z", Some(1_312_234_364_000)),
        ("20110801233244+0200", Some(1_312_234_364_000)),
        ("20110801163244.5-05", Some(1_312_234_364_500)),
        ("2011080121Z", Some(1_312_232_400_000)),
        ("20111301213244Z", None),
        ("", None),
        ("yesterday", None),
        ("20110801213244+xx", None),
        ("2011080121324412341234Z", Some(1_312_234_364_000)),
    ] {
        assert_eq!(milliseconds(text), expected, "{text}");
    }
}
