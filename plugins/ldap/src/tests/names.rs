use crate::ber::Writer;
use crate::dn::{Dn, Rdn, escape, normal};
use crate::filter::Filter;

#[test]
fn values_are_escaped_so_that_they_come_back_as_they_were() {
    for (value, expected) in [
        ("Ada", "Ada"),
        ("Müller, Jürgen", "Müller\\, Jürgen"),
        ("a+b=c", "a\\+b\\=c"),
        ("\"quoted\"", "\\\"quoted\\\""),
        ("back\\slash", "back\\\\slash"),
        ("<x>;y", "\\<x\\>\\;y"),
        ("#hash#", "\\#hash#"),
        (" blanks ", "\\ blanks\\ "),
        ("  ", "\\ \\ "),
        (" ", "\\ "),
        ("line\nbreak", "line\\0abreak"),
        ("O'Neil", "O'Neil"),
    ] {
        assert_eq!(escape(value), expected);
        let name = format!("cn={},ou=x", escape(value));
        let dn = Dn::parse(&name).unwrap();
        assert_eq!(dn.depth(), 2, "{name}");
        assert_eq!(dn.rdn().unwrap().pairs, [("cn".to_owned(), value.to_owned())], "{name}");
        assert_eq!(dn.text(), name);
    }
}

#[test]
fn names_are_taken_apart() {
    let dn = Dn::parse("CN=a\\2cb+uid=7 , OU=People,dc=example ,dc=com").unwrap();
    assert_eq!(dn.depth(), 4);
    let pairs = [("CN".to_owned(), "a,b".to_owned()), ("uid".to_owned(), "7".to_owned())];
    assert_eq!(dn.rdn().unwrap().pairs, pairs);
    assert_eq!(dn.parent().text(), "OU=People,dc=example,dc=com");
    assert_eq!(normal("UID=7+cn=A\\,B,ou=people,DC=Example,dc=com"), dn.normal());
    assert!(dn.is_within(&Dn::parse("DC=EXAMPLE,dc=com").unwrap()));
    assert!(!dn.is_within(&Dn::parse("ou=x,dc=example,dc=com").unwrap()));
    assert_eq!(
        dn.with_rdn(Rdn::of(vec![("cn".into(), "x,y".into())])).text(),
        "cn=x\\,y,OU=People,dc=example,dc=com"
    );
    assert_eq!(Dn::parse("").unwrap().depth(), 0);
    for wrong in ["ada", "=x", "cn=x,", "cn=x,,dc=y", "cn=\\", "cn=\\a", "cn=\\ff", "c n=x"] {
        assert_eq!(Dn::parse(wrong), None, "{wrong}");
    }
    assert_eq!(normal("Not A Name"), "not a name");
}

fn bytes(filter: &str) -> Vec<u8> {
    let mut writer = Writer::default();
    Filter::parse(filter).unwrap().write(&mut writer);
    writer.into_bytes()
}

#[test]
fn filters_are_written_as_the_protocol_has_them() {
    assert_eq!(bytes("(a=b)"), b"\xa3\x06\x04\x01a\x04\x01b");
    assert_eq!(bytes(" a=b "), bytes("(a=b)"));
    assert_eq!(bytes("(a=*)"), b"\x87\x01a");
    assert_eq!(bytes("(a>=b)"), b"\xa5\x06\x04\x01a\x04\x01b");
    assert_eq!(bytes("(a<=b)"), b"\xa6\x06\x04\x01a\x04\x01b");
    assert_eq!(bytes("(a~=b)"), b"\xa8\x06\x04\x01a\x04\x01b");
    assert_eq!(bytes("(a=x*y*z)"), b"\xa4\x0e\x04\x01a\x30\x09\x80\x01x\x81\x01y\x82\x01z");
    assert_eq!(bytes("(a=*y*)"), b"\xa4\x08\x04\x01a\x30\x03\x81\x01y");
    assert_eq!(bytes("(&(a=b)(!(c=*)))"), b"\xa0\x0d\xa3\x06\x04\x01a\x04\x01b\xa2\x03\x87\x01c");
    assert_eq!(bytes("(| (a=*) (b=*) )"), b"\xa1\x06\x87\x01a\x87\x01b");
    assert_eq!(bytes(r"(a=\2a\28\00)"), b"\xa3\x08\x04\x01a\x04\x03*(\x00");
    assert_eq!(bytes("(a:dn:1.2:=v)"), b"\xa9\x0e\x81\x031.2\x82\x01a\x83\x01v\x84\x01\xff");
    assert_eq!(bytes("(userAccountControl:1.2.840.113556.1.4.803:=2)").first(), Some(&0xa9));
    assert_eq!(bytes("(&)"), b"\xa0\x00");
}

#[test]
fn filters_that_are_none_are_refused() {
    let deep = format!("{}(a=b){}", "(!".repeat(40), ")".repeat(40));
    for wrong in [
        "",
        "(",
        "()",
        "(a)",
        "(a=b",
        "(a=b))",
        "(&(a=b)",
        "(a=\\2)",
        "(a=\\zz)",
        "(=b)",
        "(a b=c)",
        "(:=x)",
        "(a=b)(c=d)",
        &deep,
    ] {
        assert!(Filter::parse(wrong).is_err(), "{wrong}");
    }
}
