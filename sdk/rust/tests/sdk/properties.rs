use gangway_sdk::paging::{self, Index};
use gangway_sdk::system::{self, Properties};
use gangway_sdk::testing::FakeHost;
use serde::{Deserialize, Serialize};

#[test]
fn properties_are_looked_up_by_type() {
    let host = FakeHost::install();
    for (name, value) in [
        ("a", " x "),
        ("empty", " "),
        ("yes", "TRUE"),
        ("n", "7"),
        ("list", "a, b,,c "),
        ("mode", "put"),
        ("n2", "-1"),
    ] {
        host.property(name, value);
    }
    host.secret("password", "s3cr3t");
    let properties = system::properties();
    assert_eq!((properties.get("a"), properties.verbatim("a")), (Some("x"), Some(" x ")));
    assert_eq!(
        (properties.get("empty"), properties.get("none"), properties.get_or("none", "d")),
        (None, None, "d")
    );
    assert_eq!((properties.flag("yes", false), properties.flag("none", true)), (Ok(true), Ok(true)));
    assert_eq!((properties.number("n", 1, 0..=9), properties.number("none", 1, 0..=9)), (Ok(7), Ok(1)));
    assert_eq!(properties.list("list"), ["a", "b", "c"]);
    assert_eq!(properties.choice("mode", "patch", &["put", "patch"]), Ok("put"));
    assert!(properties.has("password") && !properties.has("none"));
    assert_eq!(properties.get("password"), None, "a secret's value is not for plugins");
    for wrong in [
        properties.required("none").map(drop),
        properties.flag("n", true).map(drop),
        properties.number("n", 1, 8..=9).map(drop),
        properties.number("n2", 1, 0..=9).map(drop),
        properties.choice("mode", "x", &["x", "y"]).map(drop),
    ] {
        let error = wrong.unwrap_err();
        assert!(error.is("configuration"));
        let name = error.detail("property").unwrap();
        assert!(error.message.contains(&format!("`{name}`")), "{error}");
    }
    assert_eq!(Properties::from_iter([("a", "b")]).iter().collect::<Vec<_>>(), [("a", "b")]);
}

#[test]
fn a_job_that_is_stopped_is_noticed() {
    let host = FakeHost::install();
    assert!(system::check_cancelled().is_ok());
    host.cancel();
    assert!(system::check_cancelled().is_err_and(|error| error.is("cancelled")));
}

#[test]
fn index_paging_ends_at_the_total_or_at_an_empty_page() {
    let cursor = Index::from_cursor(None).unwrap().next(10, Some(25)).unwrap();
    let second = Index::from_cursor(cursor.as_deref()).unwrap();
    assert_eq!(second.offset, 10);
    assert!(second.next(10, Some(25)).unwrap().is_some());
    assert_eq!(second.next(15, Some(25)).unwrap(), None);
    // The system says more than it has: an empty page ends the read instead of repeating it for ever.
    assert_eq!(second.next(0, Some(25)).unwrap(), None);
    assert!(second.next(1, None).unwrap().is_some());
    assert_eq!(second.next(0, None).unwrap(), None);
}

#[test]
fn cursors_are_read_back_and_foreign_ones_are_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Position {
        link: String,
    }
    let position = Position { link: "https://x/?a=\"b\"".to_owned() };
    let cursor = paging::encode(&position).unwrap();
    assert_eq!(paging::decode(Some(&cursor)), Ok(Some(position)));
    assert_eq!(paging::decode::<Position>(None), Ok(None));
    assert!(paging::decode::<Position>(Some("42")).is_err_and(|error| error.is("invalid")));
}
