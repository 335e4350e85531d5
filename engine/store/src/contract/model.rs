//! Random steps against a model that does the obvious thing with ordinary maps.

use super::{Case, key, relation, system, tenant};
use crate::{Commit, Store, TenantStore};
use gangway_model::{Intent, JobId, RelationKey};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CASES: &[Case] = &[("random steps agree with a model", random_steps)];

/// A small generator with a fixed sequence for each seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Default)]
struct Model {
    /// Target identifier and the moment it came, by key and source identifier.
    relations: BTreeMap<RelationKey, BTreeMap<String, (String, u64)>>,
    intents: BTreeMap<RelationKey, BTreeMap<String, u64>>,
    seen: BTreeSet<(RelationKey, String)>,
    clock: u64,
}

impl Model {
    fn apply(&mut self, batch: &Commit) {
        for (key, ids) in &batch.settled {
            let open = self.intents.entry(key.clone()).or_default();
            open.retain(|id, _| !ids.contains(id));
        }
        for (key, list) in &batch.intents {
            let open = self.intents.entry(key.clone()).or_default();
            for intent in list {
                open.entry(intent.source_id.clone()).or_insert(intent.since_ms);
            }
        }
        for (key, ids) in &batch.removed {
            for id in ids {
                self.relations.entry(key.clone()).or_default().remove(id);
                self.seen.remove(&(key.clone(), id.clone()));
            }
        }
        let unwanted = batch.unwanted.iter().map(|of_key| (of_key, false));
        for ((key, list), seen) in batch.relations.iter().map(|of_key| (of_key, true)).chain(unwanted) {
            for new in list {
                self.clock += 1;
                let place = self.relations.entry(key.clone()).or_default().entry(new.source_id.clone());
                let place = place.or_insert((String::new(), self.clock));
                place.0.clone_from(&new.target_id);
                if seen && batch.run.is_some() {
                    self.seen.insert((key.clone(), new.source_id.clone()));
                }
            }
        }
    }

    fn owner(&self, key: &RelationKey, target_id: &str) -> Option<String> {
        let of_target = |k: &RelationKey| k.target == key.target && k.entity_type == key.entity_type;
        let all = self.relations.iter().filter(|(k, _)| of_target(k)).flat_map(|(_, list)| list);
        let held = all.filter(|(_, (target, _))| target == target_id);
        held.min_by_key(|(_, (_, since))| *since).map(|(source, _)| source.clone())
    }
}

fn keys() -> Vec<RelationKey> {
    [("a", "x", "user"), ("a", "x", "group"), ("b", "x", "user"), ("a", "y", "user"), ("x", "y", "user")]
        .map(|(source, target, entity_type)| key(source, target, entity_type))
        .to_vec()
}

fn ids(prefix: &str) -> Vec<String> {
    (0..30).map(|n| format!("{prefix}{n}")).collect()
}

fn check(acme: &dyn TenantStore, model: &Model, run: &JobId) {
    let (sources, targets) = (ids("s"), ids("t"));
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let mut ordinals = BTreeSet::new();
    for key in keys() {
        let none = BTreeMap::new();
        let expected = model.relations.get(&key).unwrap_or(&none);
        let seen = acme.seen(run, &key).unwrap();
        let found = acme.relations(&key, &sources).unwrap();
        for (source_id, found) in sources.iter().zip(&found) {
            let target_id = found.as_ref().map(|r| r.target_id.as_str());
            assert_eq!(target_id, expected.get(*source_id).map(|(t, _)| t.as_str()), "{key:?} {source_id}");
            if let Some(relation) = found {
                assert!(ordinals.insert(relation.ordinal), "ordinal {} is given twice", relation.ordinal);
                let marked = model.seen.contains(&(key.clone(), (*source_id).to_owned()));
                assert_eq!(seen.contains(relation.ordinal), marked, "{key:?} {source_id}");
            }
        }
        let scanned = acme.scan_relations(&key, None, 1_000).unwrap();
        assert_eq!(
            scanned.iter().map(|r| &r.source_id).collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        assert_eq!(acme.count_relations(&key).unwrap(), expected.len() as u64);
        let owners: Vec<Option<String>> = targets.iter().map(|t| model.owner(&key, t)).collect();
        assert_eq!(acme.owners(&key, &targets).unwrap(), owners, "{key:?}");
        let intents = acme.intents(&key, &sources).unwrap();
        for (source_id, intent) in sources.iter().zip(intents) {
            let since = model.intents.get(&key).and_then(|open| open.get(*source_id));
            assert_eq!(intent.map(|i| i.since_ms), since.copied(), "{key:?} {source_id}");
        }
    }
}

fn random_steps(store: &dyn Store) {
    let acme = tenant(store);
    for id in ["a", "b", "x", "y"] {
        acme.put_system(&system(id, id)).unwrap();
    }
    let (mut dice, mut model) = (Dice(2026), Model::default());
    let mut run = JobId::new("run-0");
    for step in 0..300u64 {
        match dice.below(30) {
            0 => {
                acme.forget_seen(&run).unwrap();
                run = JobId::new(format!("run-{step}"));
                model.seen.clear();
            }
            1 => {
                let id = ["a", "b", "x", "y"][dice.below(4) as usize];
                assert!(acme.delete_system(&id.into()).unwrap());
                acme.put_system(&system(id, id)).unwrap();
                let of = |k: &RelationKey| k.source.as_str() == id || k.target.as_str() == id;
                model.relations.retain(|k, _| !of(k));
                model.intents.retain(|k, _| !of(k));
                model.seen.retain(|(k, _)| !of(k));
            }
            _ => {
                let mut batch = Commit { run: (dice.below(4) > 0).then(|| run.clone()), ..Commit::default() };
                for _ in 0..=dice.below(2) {
                    let key = keys()[dice.below(5) as usize].clone();
                    let some = |dice: &mut Dice| -> Vec<String> {
                        (0..dice.below(8)).map(|_| format!("s{}", dice.below(30))).collect()
                    };
                    batch.settled.push((key.clone(), some(&mut dice)));
                    batch.removed.push((key.clone(), some(&mut dice)));
                    let open = |id| Intent { source_id: id, since_ms: step, unique: Vec::new() };
                    batch.intents.push((key.clone(), some(&mut dice).into_iter().map(open).collect()));
                    let mut new = Vec::new();
                    for id in some(&mut dice) {
                        new.push(relation(&id, &format!("t{}", dice.below(30))));
                    }
                    let unwanted = some(&mut dice).iter().map(|id| relation(id, "t0")).collect();
                    batch.unwanted.push((key.clone(), unwanted));
                    batch.relations.push((key, new));
                }
                acme.commit(&batch).unwrap();
                model.apply(&batch);
            }
        }
        check(&*acme, &model, &run);
    }
}
