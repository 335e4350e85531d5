use super::{Case, key, relation, system, tenant};
use crate::{Commit, Store, StoreError, TenantStore};
use gangway_model::{Intent, JobId, Property, SystemId};

pub(super) const CASES: &[Case] = &[
    ("systems come back as they were put", come_back),
    ("names of systems are unique", unique_names),
    ("systems are listed by name", by_name),
    ("a system goes with everything it has", goes),
    ("a system that is reset stays, and nothing is known of its entities", reset),
];

fn come_back(store: &dyn Store) {
    let acme = tenant(store);
    let mut one = system("s1", "One");
    assert_eq!(acme.system(&one.id).unwrap(), None);
    acme.put_system(&one).unwrap();
    assert_eq!(acme.system(&one.id).unwrap().as_ref(), Some(&one));
    one.properties.insert("Token".to_owned(), Property::secret("tökén\n\0"));
    one.properties.insert("Empty".to_owned(), Property::secret(""));
    one.properties.remove("Password");
    one.description = "changed".to_owned();
    acme.put_system(&one).unwrap();
    assert_eq!(acme.system(&one.id).unwrap(), Some(one));
}

fn unique_names(store: &dyn Store) {
    let acme = tenant(store);
    acme.put_system(&system("s1", "One")).unwrap();
    let taken = acme.put_system(&system("s2", "One")).unwrap_err();
    assert!(matches!(&taken, StoreError::Exists(what) if what.contains("One")), "{taken}");
    assert_eq!(acme.system(&SystemId::new("s2")).unwrap(), None);
    // A new name frees the old one, and so does a removal.
    acme.put_system(&system("s1", "Uno")).unwrap();
    acme.put_system(&system("s2", "One")).unwrap();
    assert!(acme.delete_system(&SystemId::new("s1")).unwrap());
    acme.put_system(&system("s3", "Uno")).unwrap();
}

fn by_name(store: &dyn Store) {
    let acme = tenant(store);
    for (id, name) in [("s1", "b"), ("s2", "a"), ("s3", "c")] {
        acme.put_system(&system(id, name)).unwrap();
    }
    let names: Vec<String> = acme.systems().unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

fn fill(acme: &dyn TenantStore, source: &str, target: &str) {
    let k = key(source, target, "user");
    // The same target entities for all sources: who is left after one goes?
    let relations = (0..50).map(|n| relation(&format!("{source}-{n}"), &format!("t-{n}"))).collect();
    let intents = vec![Intent { source_id: "open".to_owned(), since_ms: 5, unique: Vec::new() }];
    acme.commit(&Commit {
        relations: vec![(k.clone(), relations)],
        intents: vec![(k, intents)],
        ..Commit::default()
    })
    .unwrap();
}

fn check_goes(acme: &dyn TenantStore) {
    for (source, target) in [("a", "x"), ("b", "x"), ("a", "y"), ("ab", "x")] {
        fill(acme, source, target);
    }
    for id in ["a", "b", "ab", "x", "y"] {
        acme.put_system(&system(id, id)).unwrap();
        acme.set_state(&id.into(), "delta", Some(b"1")).unwrap();
    }
    let owner =
        |target: &str| acme.owners(&key("b", target, "user"), &["t-7"]).unwrap().into_iter().next().flatten();
    assert_eq!(owner("x").as_deref(), Some("a-7"));
    assert!(acme.delete_system(&"a".into()).unwrap());
    assert!(!acme.delete_system(&"a".into()).unwrap());
    assert_eq!(acme.system(&"a".into()).unwrap(), None);
    assert_eq!(acme.state(&"a".into(), "delta").unwrap(), None);
    assert_eq!(acme.state(&"ab".into(), "delta").unwrap().as_deref(), Some(b"1".as_slice()));
    for (source, target, left) in [("a", "x", 0), ("a", "y", 0), ("b", "x", 50), ("ab", "x", 50)] {
        let k = key(source, target, "user");
        assert_eq!(acme.count_relations(&k).unwrap(), left, "{source} {target}");
        assert_eq!(acme.scan_relations(&k, None, 100).unwrap().len() as u64, left);
        let found = acme.relations(&k, &[&format!("{source}-7")]).unwrap();
        assert_eq!(found[0].is_some(), left > 0);
        assert_eq!(acme.intents(&k, &["open"]).unwrap()[0].is_some(), left > 0);
    }
    assert_eq!(owner("x").as_deref(), Some("b-7"));
    assert_eq!(owner("y"), None);
    assert!(acme.delete_system(&"x".into()).unwrap());
    assert_eq!(acme.count_relations(&key("b", "x", "user")).unwrap(), 0);
    assert_eq!(owner("x"), None);
    // A system of the same identifier starts empty.
    fill(acme, "b", "x");
    assert_eq!(owner("x").as_deref(), Some("b-7"));
    assert_eq!(acme.count_relations(&key("b", "x", "user")).unwrap(), 50);
}

fn goes(store: &dyn Store) {
    let acme = tenant(store);
    check_goes(&*acme);
    // Once more with relations that are older than the last job.
    for id in ["b", "ab", "x", "y"] {
        acme.delete_system(&id.into()).unwrap();
    }
    fill(&*acme, "z", "z");
    acme.forget_seen(&JobId::new("1")).unwrap();
    assert!(!acme.delete_system(&"z".into()).unwrap());
    acme.put_system(&system("z", "z")).unwrap();
    assert!(acme.delete_system(&"z".into()).unwrap());
    assert_eq!(acme.count_relations(&key("z", "z", "user")).unwrap(), 0);
    assert_eq!(acme.owners(&key("z", "z", "user"), &["t-7"]).unwrap(), [None]);
}

fn reset(store: &dyn Store) {
    let acme = tenant(store);
    for (source, target) in [("a", "x"), ("b", "x")] {
        fill(&*acme, source, target);
    }
    for id in ["a", "b", "x"] {
        acme.put_system(&system(id, id)).unwrap();
        acme.set_state(&id.into(), "delta", Some(b"1")).unwrap();
    }
    assert!(acme.reset_system(&"a".into()).unwrap());
    assert!(!acme.reset_system(&"none".into()).unwrap());
    assert!(acme.system(&"a".into()).unwrap().is_some());
    assert_eq!(acme.state(&"a".into(), "delta").unwrap(), None);
    assert_eq!(acme.count_relations(&key("a", "x", "user")).unwrap(), 0);
    assert_eq!(acme.count_relations(&key("b", "x", "user")).unwrap(), 50);
    assert!(acme.state(&"x".into(), "delta").unwrap().is_some());
}
