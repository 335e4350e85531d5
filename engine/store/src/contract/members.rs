use super::{Case, key, relation, tenant};
use crate::{Commit, Store};

pub(super) const CASES: &[Case] = &[("members stay with their relation", with_relation)];

fn with_relation(store: &dyn Store) {
    let acme = tenant(store);
    let (k, other) = (key("a", "x", "group"), key("b", "x", "group"));
    assert_eq!(acme.members(&k, "1").unwrap(), None);
    let relations = vec![(k.clone(), vec![relation("1", "t1"), relation("2", "t2")])];
    let some = |bytes: &[u8]| Some(bytes.to_vec());
    let members = vec![(k.clone(), vec![("1".to_owned(), some(b"one")), ("2".to_owned(), some(b"two"))])];
    acme.commit(&Commit { relations, members, ..Commit::default() }).unwrap();
    assert_eq!(
        (acme.members(&k, "1").unwrap(), acme.members(&k, "2").unwrap()),
        (some(b"one"), some(b"two"))
    );
    assert_eq!(acme.members(&other, "1").unwrap(), None, "another source");
    let members = vec![(k.clone(), vec![("1".to_owned(), None)])];
    let removed = vec![(k.clone(), vec!["2".to_owned()])];
    acme.commit(&Commit { members, removed, ..Commit::default() }).unwrap();
    assert_eq!((acme.members(&k, "1").unwrap(), acme.members(&k, "2").unwrap()), (None, None));
}
