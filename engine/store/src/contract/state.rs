use super::{Case, tenant};
use crate::{Store, StoreError};
use gangway_model::SystemId;

pub(super) const CASES: &[Case] =
    &[("state values come and go", come_and_go), ("a system has at most 1,000 state values", limit)];

fn come_and_go(store: &dyn Store) {
    let acme = tenant(store);
    let (a, b) = (SystemId::new("a"), SystemId::new("ab"));
    assert_eq!(acme.state(&a, "bk").unwrap(), None);
    acme.set_state(&a, "bk", Some(b"1")).unwrap();
    acme.set_state(&a, "bk", Some(b"")).unwrap();
    assert_eq!(acme.state(&a, "bk").unwrap().as_deref(), Some(b"".as_slice()));
    // "a" + "bk" and "ab" + "k" are different places.
    assert_eq!(acme.state(&b, "k").unwrap(), None);
    acme.set_state(&b, "k", Some(b"2")).unwrap();
    acme.set_state(&a, "bk", None).unwrap();
    acme.set_state(&a, "bk", None).unwrap();
    assert_eq!(acme.state(&a, "bk").unwrap(), None);
    assert_eq!(acme.state(&b, "k").unwrap().as_deref(), Some(b"2".as_slice()));
}

fn limit(store: &dyn Store) {
    let acme = tenant(store);
    let a = SystemId::new("a");
    for n in 0..1_000 {
        acme.set_state(&a, &format!("k{n}"), Some(b"x")).unwrap();
    }
    let full = acme.set_state(&a, "one more", Some(b"x")).unwrap_err();
    assert!(matches!(&full, StoreError::Full(why) if why.contains("1000") && why.contains('a')), "{full}");
    assert_eq!(acme.state(&a, "one more").unwrap(), None);
    acme.set_state(&a, "k5", Some(b"y")).unwrap();
    acme.set_state(&SystemId::new("b"), "one more", Some(b"x")).unwrap();
    acme.set_state(&a, "k7", None).unwrap();
    acme.set_state(&a, "one more", Some(b"x")).unwrap();
}
