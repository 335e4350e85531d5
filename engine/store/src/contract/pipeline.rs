use super::{Case, job, key, relation, tenant};
use crate::{Commit, Store, TenantStore};
use gangway_model::{
    EntityEvent, EntityState, Intent, JobId, JobStatus, Relation, RelationKey, RelationState,
};

pub(super) const CASES: &[Case] = &[
    ("relations come back in the order asked for", come_back),
    ("relations are found in the order of their making, with gaps and strangers between", in_order),
    ("a rewritten relation keeps its ordinal", ordinals),
    ("relations of different keys are apart", apart),
    ("relations are scanned in the order of their identifiers", scan),
    ("owners are found across sources", owners),
    ("intents keep the time of the first attempt", intents),
    ("open intents are found with their unique attributes", unique_attributes),
    ("what leaves goes before what comes", leave_and_come),
    ("an entity twice in a batch counts once", twice),
    ("runs remember what they have seen", seen),
    ("a batch that names no run is refused whole", no_run),
    ("readers see whole batches", whole_batches),
];

fn put(acme: &dyn TenantStore, key: &RelationKey, pairs: &[(&str, &str)]) {
    let relations = pairs.iter().map(|(source, target)| relation(source, target)).collect();
    acme.commit(&Commit { relations: vec![(key.clone(), relations)], ..Commit::default() }).unwrap();
}

fn one(acme: &dyn TenantStore, key: &RelationKey, source_id: &str) -> Option<Relation> {
    acme.relations(key, &[source_id]).unwrap().pop().unwrap()
}

fn owner(acme: &dyn TenantStore, key: &RelationKey, target_id: &str) -> Option<String> {
    acme.owners(key, &[target_id]).unwrap().pop().unwrap()
}

fn come_back(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    assert_eq!(acme.relations(&k, &["1", "2"]).unwrap(), [None, None]);
    let mut full = relation("2", "zwölf");
    full.existed_before = true;
    full.fingerprint = [0xfe; 16];
    full.payload = [0xfd; 16];
    let mut batch = Vec::new();
    for state in [RelationState::Active, RelationState::PendingDelete, RelationState::Released] {
        full.state = state;
        full.source_id = format!("{state:?}");
        batch.push(full.clone());
    }
    batch.push(relation("", ""));
    acme.commit(&Commit { relations: vec![(k.clone(), batch.clone())], ..Commit::default() }).unwrap();
    let found = acme.relations(&k, &["Released", "none", "", "PendingDelete", "Active", "Active"]).unwrap();
    let order = [Some(2), None, Some(3), Some(1), Some(0), Some(0)];
    for (found, expected) in found.into_iter().zip(order) {
        let Some(expected) = expected.map(|n: usize| &batch[n]) else {
            assert_eq!(found, None);
            continue;
        };
        let found = found.unwrap();
        assert_eq!(found.source_id, expected.source_id);
        assert_eq!(found.target_id, expected.target_id);
        assert_eq!(found.existed_before, expected.existed_before);
        assert_eq!((found.fingerprint, found.payload), (expected.fingerprint, expected.payload));
        assert_eq!(found.state, expected.state);
    }
    assert_eq!(acme.count_relations(&k).unwrap(), 4);
}

fn in_order(store: &dyn Store) {
    let acme = tenant(store);
    let (k, other) = (key("a", "x", "user"), key("b", "x", "user"));
    let ids: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
    for ids in ids.chunks(10) {
        let pairs: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
        put(&*acme, &k, &pairs);
        // The same identifiers in another source, right behind.
        let strangers: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "stranger")).collect();
        put(&*acme, &other, &strangers);
    }
    let removed = vec![(k.clone(), vec!["s5".to_owned(), "s10".to_owned(), "s39".to_owned()])];
    acme.commit(&Commit { removed, ..Commit::default() }).unwrap();
    let mut asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    asked.insert(3, "new");
    asked.extend(["s1", "s0", "s1", "s2", "s2", "s3", "s7", "s8", "s9", "s0"]);
    let found = acme.relations(&k, &asked).unwrap();
    for (asked, found) in asked.iter().zip(found) {
        let there = !["s5", "s10", "s39", "new"].contains(asked);
        assert_eq!(
            found.map(|r| (r.source_id, r.target_id)),
            there.then(|| ((*asked).into(), (*asked).into()))
        );
    }
    assert!(acme.relations(&other, &asked[30..40]).unwrap().iter().all(Option::is_some));
}

fn ordinals(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    put(&*acme, &k, &[("1", "t1"), ("2", "t2")]);
    let before = one(&*acme, &k, "1").unwrap();
    assert_ne!(before.ordinal, one(&*acme, &k, "2").unwrap().ordinal);
    put(&*acme, &k, &[("1", "t1-new"), ("3", "t3")]);
    let after = one(&*acme, &k, "1").unwrap();
    assert_eq!((after.ordinal, after.target_id.as_str()), (before.ordinal, "t1-new"));
    assert_eq!(acme.count_relations(&k).unwrap(), 3);
    // Dense, also over keys and after removals.
    put(&*acme, &key("b", "x", "user"), &[("1", "t9")]);
    assert!(one(&*acme, &key("b", "x", "user"), "1").unwrap().ordinal < 8);
}

fn apart(store: &dyn Store) {
    let acme = tenant(store);
    let keys = [
        key("a", "x", "user"),
        key("a", "x", "group"),
        key("b", "x", "user"),
        key("a", "y", "user"),
        key("ax", "", "user"),
    ];
    for (n, k) in keys.iter().enumerate() {
        put(&*acme, k, &[("1", &format!("t{n}"))]);
    }
    for (n, k) in keys.iter().enumerate() {
        assert_eq!(one(&*acme, k, "1").unwrap().target_id, format!("t{n}"));
        assert_eq!(acme.count_relations(k).unwrap(), 1);
        assert_eq!(acme.scan_relations(k, None, 10).unwrap().len(), 1);
    }
    let removed = vec![(keys[0].clone(), vec!["1".to_owned(), "none".to_owned(), "1".to_owned()])];
    acme.commit(&Commit { removed, ..Commit::default() }).unwrap();
    let left: Vec<u64> = keys.iter().map(|k| acme.count_relations(k).unwrap()).collect();
    assert_eq!(left, [0, 1, 1, 1, 1]);
    assert_eq!(one(&*acme, &keys[0], "1"), None);
}

fn scan(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    put(&*acme, &key("0", "x", "user"), &[("z", "1")]);
    put(&*acme, &k, &[("b", "2"), ("a", "1"), ("é", "5")]);
    acme.forget_seen(&JobId::new("1")).unwrap();
    put(&*acme, &k, &[("aa", "3"), ("c", "4"), ("", "6")]);
    put(&*acme, &key("b", "x", "user"), &[("0", "1")]);
    let scan = |after: Option<&str>, limit| -> Vec<String> {
        acme.scan_relations(&k, after, limit).unwrap().into_iter().map(|r| r.source_id).collect()
    };
    assert_eq!(scan(None, 100), ["", "a", "aa", "b", "c", "é"]);
    assert_eq!(scan(Some(""), 100), ["a", "aa", "b", "c", "é"]);
    assert_eq!(scan(Some("a"), 2), ["aa", "b"]);
    assert_eq!(scan(Some("ab"), 2), ["b", "c"]);
    assert_eq!(scan(Some("é"), 2), [""; 0]);
    assert_eq!(scan(None, 0), [""; 0]);
}

fn owners(store: &dyn Store) {
    let acme = tenant(store);
    let (a, b) = (key("a", "x", "user"), key("b", "x", "user"));
    put(&*acme, &a, &[("1", "t1"), ("2", "t2")]);
    put(&*acme, &b, &[("9", "t9"), ("8", "t1")]);
    let found = acme.owners(&b, &["t2", "none", "t9", "t1"]).unwrap();
    // Of two holders the first.
    assert_eq!(found, [Some("2".to_owned()), None, Some("9".to_owned()), Some("1".to_owned())]);
    assert_eq!(owner(&*acme, &key("never-used", "x", "user"), "t2").as_deref(), Some("2"));
    assert_eq!(owner(&*acme, &key("a", "x", "group"), "t2"), None);
    assert_eq!(owner(&*acme, &key("a", "y", "user"), "t2"), None);
    // Rewriting changes nothing; a new target identifier frees the old one.
    put(&*acme, &a, &[("1", "t1"), ("2", "t3")]);
    assert_eq!(
        acme.owners(&a, &["t1", "t2", "t3"]).unwrap(),
        [Some("1".to_owned()), None, Some("2".to_owned())]
    );
    // When the first holder goes, the second is found.
    acme.commit(&Commit { removed: vec![(a.clone(), vec!["1".to_owned()])], ..Commit::default() }).unwrap();
    assert_eq!(owner(&*acme, &a, "t1").as_deref(), Some("8"));
    acme.commit(&Commit { removed: vec![(b, vec!["8".to_owned()])], ..Commit::default() }).unwrap();
    assert_eq!(owner(&*acme, &a, "t1"), None);
}

fn intents(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    let open = |id: &str, since_ms| {
        let intent = Intent { source_id: id.to_owned(), since_ms, unique: Vec::new() };
        acme.commit(&Commit { intents: vec![(k.clone(), vec![intent])], ..Commit::default() }).unwrap();
    };
    let times = |ids: &[&str]| -> Vec<Option<u64>> {
        acme.intents(&k, ids).unwrap().into_iter().map(|intent| intent.map(|i| i.since_ms)).collect()
    };
    assert_eq!(times(&["1"]), [None]);
    open("1", 100);
    open("2", 200);
    open("1", 300);
    assert_eq!(times(&["2", "3", "1"]), [Some(200), None, Some(100)]);
    assert_eq!(acme.intents(&k, &["2"]).unwrap()[0].as_ref().unwrap().source_id, "2");
    assert_eq!(acme.intents(&key("b", "x", "user"), &["1"]).unwrap(), [None]);
    let settled = vec![(k.clone(), vec!["1".to_owned(), "none".to_owned()])];
    acme.commit(&Commit { settled, ..Commit::default() }).unwrap();
    assert_eq!(times(&["1", "2"]), [None, Some(200)]);
    open("1", 400);
    assert_eq!(times(&["1"]), [Some(400)]);
}

fn unique_attributes(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    let intent = |id: &str, name: &str| Intent {
        source_id: id.to_owned(),
        since_ms: 7,
        unique: vec![("userName".to_owned(), name.to_owned()), ("emails[0].value".to_owned(), "".to_owned())],
    };
    let bare = Intent { source_id: "2".to_owned(), since_ms: 8, unique: Vec::new() };
    let list = vec![intent("3", "grete"), intent("1", "Ångström"), bare.clone()];
    let other = vec![(key("a", "x", "group"), vec![intent("9", "team")]), (k.clone(), list)];
    acme.commit(&Commit { intents: other, ..Commit::default() }).unwrap();
    let again = vec![(k.clone(), vec![intent("1", "another")])];
    acme.commit(&Commit { intents: again, ..Commit::default() }).unwrap();
    let all = [intent("1", "Ångström"), bare, intent("3", "grete")];
    assert_eq!(acme.scan_intents(&k, None, 10).unwrap(), all);
    assert_eq!(acme.scan_intents(&k, None, 1).unwrap(), all[..1]);
    assert_eq!(acme.scan_intents(&k, Some("1"), 10).unwrap(), all[1..]);
    assert_eq!(acme.scan_intents(&key("b", "x", "user"), None, 10).unwrap(), []);
    let settled = vec![(k.clone(), vec!["3".to_owned()])];
    acme.commit(&Commit { settled, ..Commit::default() }).unwrap();
    assert_eq!(acme.scan_intents(&k, None, 10).unwrap(), all[..2]);
}

fn leave_and_come(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    put(&*acme, &k, &[("1", "t1")]);
    let first = Intent { source_id: "1".to_owned(), since_ms: 1, unique: Vec::new() };
    acme.commit(&Commit { intents: vec![(k.clone(), vec![first])], ..Commit::default() }).unwrap();
    let old = one(&*acme, &k, "1").unwrap();
    acme.commit(&Commit {
        removed: vec![(k.clone(), vec!["1".to_owned()])],
        relations: vec![(k.clone(), vec![relation("1", "t2")])],
        settled: vec![(k.clone(), vec!["1".to_owned()])],
        intents: vec![(
            k.clone(),
            vec![Intent { source_id: "1".to_owned(), since_ms: 2, unique: Vec::new() }],
        )],
        ..Commit::default()
    })
    .unwrap();
    let new = one(&*acme, &k, "1").unwrap();
    assert_eq!(new.target_id, "t2");
    assert_ne!(new.ordinal, old.ordinal);
    assert_eq!(acme.count_relations(&k).unwrap(), 1);
    assert_eq!(acme.owners(&k, &["t1", "t2"]).unwrap(), [None, Some("1".to_owned())]);
    assert_eq!(acme.intents(&k, &["1"]).unwrap()[0].as_ref().unwrap().since_ms, 2);
}

fn twice(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    put(&*acme, &k, &[("1", "t1"), ("2", "t2"), ("1", "t3")]);
    assert_eq!(acme.count_relations(&k).unwrap(), 2);
    assert_eq!(one(&*acme, &k, "1").unwrap().target_id, "t3");
    let parts = ["t4", "t5"].map(|target| (k.clone(), vec![relation("1", target), relation(target, target)]));
    acme.commit(&Commit { relations: parts.to_vec(), ..Commit::default() }).unwrap();
    assert_eq!(acme.count_relations(&k).unwrap(), 4);
    assert_eq!(one(&*acme, &k, "1").unwrap().target_id, "t5");
    let owners = acme.owners(&k, &["t1", "t3", "t4", "t5"]).unwrap();
    assert_eq!(owners, [None, None, Some("t4".to_owned()), Some("1".to_owned())]);
    assert_eq!(acme.scan_relations(&k, None, 10).unwrap().len(), 4);
}

fn seen(store: &dyn Store) {
    let acme = tenant(store);
    let (k, other) = (key("a", "x", "user"), key("a", "y", "user"));
    let (run, run2) = (JobId::new("run"), JobId::new("run2"));
    put(&*acme, &k, &[("1", "t1"), ("2", "t2"), ("3", "t3")]);
    let is_seen = |run: &JobId, k: &RelationKey| -> Vec<bool> {
        let set = acme.seen(run, k).unwrap();
        ["1", "2", "3", "4"]
            .iter()
            .map(|id| one(&*acme, k, id).is_some_and(|r| set.contains(r.ordinal)))
            .collect()
    };
    assert_eq!(is_seen(&run, &k), [false; 4]);
    let ordinal = |id: &str| one(&*acme, &k, id).unwrap().ordinal;
    let marks = vec![ordinal("3"), ordinal("1"), ordinal("3")];
    acme.commit(&Commit {
        run: Some(run.clone()),
        seen: vec![(k.clone(), marks), (k.clone(), vec![ordinal("1")])],
        ..Commit::default()
    })
    .unwrap();
    assert_eq!(is_seen(&run, &k), [true, false, true, false]);
    // What is written counts as seen, new or not.
    acme.commit(&Commit {
        run: Some(run.clone()),
        relations: vec![
            (k.clone(), vec![relation("4", "t4"), relation("2", "t2")]),
            (other.clone(), vec![relation("1", "t1")]),
        ],
        ..Commit::default()
    })
    .unwrap();
    assert_eq!(is_seen(&run, &k), [true; 4]);
    assert_eq!(is_seen(&run, &other), [true, false, false, false]);
    assert_eq!(is_seen(&run2, &k), [false; 4]);
    acme.commit(&Commit {
        run: Some(run2.clone()),
        seen: vec![(k.clone(), vec![ordinal("2")])],
        ..Commit::default()
    })
    .unwrap();
    acme.forget_seen(&run).unwrap();
    assert_eq!(is_seen(&run, &k), [false; 4]);
    assert_eq!(is_seen(&run, &other), [false; 4]);
    assert_eq!(is_seen(&run2, &k), [false, true, false, false]);
}

fn no_run(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    let refused = acme.commit(&Commit {
        job: Some(job("0001", JobStatus::Running)),
        relations: vec![(k.clone(), vec![relation("1", "t1")])],
        events: vec![EntityEvent {
            entity_type: "user".into(),
            system: "x".into(),
            source_id: None,
            target_id: None,
            state: EntityState::Created,
            reason: None,
            error: None,
            content: None,
            time_ms: 0,
        }],
        ..Commit::default()
    });
    assert!(refused.is_err());
    assert_eq!(acme.count_relations(&k).unwrap(), 0);
    assert_eq!(acme.jobs(None, 10).unwrap(), []);
}

/// Four readers watch a writer move target entities from hand to hand: they never see one without
/// a holder, with two, or a count that does not fit.
fn whole_batches(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    put(&*acme, &k, &[("left", "t")]);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0u32;
                    while !done.load(std::sync::atomic::Ordering::Relaxed) || reads == 0 {
                        let found = acme.relations(&k, &["left", "right"]).unwrap();
                        assert_eq!(found.iter().flatten().count(), 1, "{found:?}");
                        assert!(owner(&*acme, &k, "t").is_some());
                        assert_eq!(acme.scan_relations(&k, None, 9).unwrap().len(), 1);
                        assert_eq!(acme.count_relations(&k).unwrap(), 1);
                        reads += 1;
                    }
                })
            })
            .collect();
        for round in 0..60 {
            let (from, to) = if round % 2 == 0 { ("left", "right") } else { ("right", "left") };
            acme.commit(&Commit {
                removed: vec![(k.clone(), vec![from.to_owned()])],
                relations: vec![(k.clone(), vec![relation(to, "t")])],
                ..Commit::default()
            })
            .unwrap();
            if round % 20 == 19 {
                acme.forget_seen(&JobId::new("1")).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
