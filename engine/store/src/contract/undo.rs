use super::{Case, key, relation, tenant};
use crate::{Absence, Change, Commit, Image, LastRead, Store};
use gangway_model::JobId;

pub(super) const CASES: &[Case] = &[
    ("absences come back, and go with their relation", absences),
    ("the last read of a source is known by type", reads),
    ("before-images come back from the last to the first, and go when their time is up", images),
];

fn absences(store: &dyn Store) {
    let acme = tenant(store);
    let k = key("a", "x", "user");
    assert_eq!(acme.absences(&k, &["1"]).unwrap(), [None]);
    let absence = |reads| Absence {
        source_id: "1".to_owned(),
        reads,
        since_ms: 77,
        run: JobId::new(format!("j{reads}")),
    };
    for reads in [1, 2] {
        acme.commit(&Commit {
            relations: vec![(k.clone(), vec![relation("1", "t1")])],
            absences: vec![(k.clone(), vec![absence(reads)])],
            ..Commit::default()
        })
        .unwrap();
        assert_eq!(acme.absences(&k, &["0", "1"]).unwrap(), [None, Some(absence(reads))]);
    }
    assert_eq!(acme.absences(&key("b", "x", "user"), &["1"]).unwrap(), [None]);
    acme.commit(&Commit { removed: vec![(k.clone(), vec!["1".to_owned()])], ..Commit::default() }).unwrap();
    assert_eq!(acme.absences(&k, &["1"]).unwrap(), [None]);
}

fn reads(store: &dyn Store) {
    let acme = tenant(store);
    let read = |count| LastRead {
        source: "a".into(),
        entity_type: "user".into(),
        count,
        run: JobId::new(format!("j{count}")),
    };
    for count in [5, 4] {
        acme.commit(&Commit { reads: vec![read(count)], ..Commit::default() }).unwrap();
        assert_eq!(acme.last_read(&"a".into(), &"user".into()).unwrap(), Some(read(count)));
    }
    assert_eq!(acme.last_read(&"a".into(), &"group".into()).unwrap(), None);
    assert_eq!(acme.last_read(&"b".into(), &"user".into()).unwrap(), None);
}

fn images(store: &dyn Store) {
    let acme = tenant(store);
    let image = |id: &str, keep_until_ms| Image {
        change: Change::Deleted,
        target: "x".into(),
        entity_type: "user".into(),
        source_id: id.to_owned(),
        target_id: format!("t{id}"),
        existed_before: false,
        content: format!("{{\"userName\":\"{id}\"}}"),
        keep_until_ms,
    };
    let (one, two) = (JobId::new("0001"), JobId::new("0002"));
    let put = |run: &JobId, images| {
        acme.commit(&Commit { run: Some(run.clone()), images, ..Commit::default() }).unwrap();
    };
    put(&one, vec![image("a", 10), image("b", 30)]);
    put(&one, vec![image("c", 20)]);
    put(&two, vec![image("d", 50)]);
    let ids = |run, before, limit| {
        let found = acme.images(run, before, limit).unwrap();
        found.into_iter().map(|(number, image)| (number, image.source_id)).collect::<Vec<_>>()
    };
    let expected = |list: &[(u64, &str)]| list.iter().map(|(n, s)| (*n, (*s).to_owned())).collect::<Vec<_>>();
    assert_eq!(ids(&one, None, 2), expected(&[(3, "c"), (2, "b")]));
    assert_eq!(ids(&one, Some(2), 2), expected(&[(1, "a")]));
    assert_eq!(acme.images(&one, Some(2), 9).unwrap(), [(1, image("a", 10))]);
    assert_eq!(acme.purge_images(29).unwrap(), 0, "the last of a run's images keeps them all");
    assert_eq!(acme.purge_images(30).unwrap(), 1);
    assert_eq!(ids(&one, None, 9), []);
    assert_eq!(ids(&two, None, 9), expected(&[(1, "d")]));
    assert!(acme.commit(&Commit { images: vec![image("e", 1)], ..Commit::default() }).is_err(), "of no run");
}
