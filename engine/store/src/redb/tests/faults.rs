//! A disk that fails at every single write, one after the other.

use super::*;
use crate::redb::medium::{Fill, SharedMemory};
use ::redb::{Builder, Database, StorageBackend};
use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Lets so many writes through and then fails.
#[derive(Debug, Default)]
struct Plan {
    left: AtomicI64,
    armed: AtomicBool,
    /// Whether the disk is well again after one failure.
    once: AtomicBool,
    /// Whether a failing write or sync does its work all the same, as some disks do.
    lies: AtomicBool,
    failures: AtomicI64,
}

impl Plan {
    fn arm(&self, left: i64, once: bool, lies: bool) {
        self.left.store(left, Ordering::SeqCst);
        self.once.store(once, Ordering::SeqCst);
        self.lies.store(lies, Ordering::SeqCst);
        self.failures.store(0, Ordering::SeqCst);
        self.armed.store(true, Ordering::SeqCst);
    }

    fn disarm(&self) -> i64 {
        self.armed.store(false, Ordering::SeqCst);
        self.failures.load(Ordering::SeqCst)
    }

    fn step(&self, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        if !self.armed.load(Ordering::SeqCst) || self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return work();
        }
        if self.once.load(Ordering::SeqCst) {
            self.armed.store(false, Ordering::SeqCst);
        }
        self.failures.fetch_add(1, Ordering::SeqCst);
        if self.lies.load(Ordering::SeqCst) {
            work()?;
        }
        Err(Error::from(ErrorKind::StorageFull))
    }
}

#[derive(Debug)]
struct FaultyBackend(SharedMemory, Arc<Plan>);

impl StorageBackend for FaultyBackend {
    fn len(&self) -> Result<u64, Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.1.step(|| self.0.set_len(len))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.1.step(|| self.0.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.1.step(|| self.0.write(offset, data))
    }
}

struct Faulty(Memory, Arc<Plan>);

impl Medium for Faulty {
    fn exists(&self, place: &Place) -> bool {
        self.0.exists(place)
    }

    fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        self.0.tenants()
    }

    fn open(&self, place: &Place, builder: &mut Builder) -> Result<Database, Fault> {
        let file = self.0.file(place)?;
        Ok(builder.create_with_backend(FaultyBackend(file, Arc::clone(&self.1)))?)
    }

    fn create(&self, place: &Place, builder: &mut Builder, fill: Fill<'_>) -> Result<Database, Fault> {
        self.0.create(place, builder, fill).map(drop)?;
        self.open(place, builder)
    }

    fn erase(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.0.erase(tenant)
    }
}

fn faulty() -> (RedbStore, Arc<dyn TenantStore>, Arc<Plan>) {
    let plan = Arc::new(Plan::default());
    let medium = Arc::new(Faulty(Memory::default(), Arc::clone(&plan)));
    let store = RedbStore::on(medium, key(), small()).unwrap();
    store.create_tenant(&TenantId::new("acme")).unwrap();
    let tenant = store.tenant(&TenantId::new("acme")).unwrap();
    (store, tenant, plan)
}

/// Some relations leave, some change hands, many come; more than may wait in memory.
fn change() -> Commit {
    let mut batch = relations(40..160);
    batch.removed = vec![(users(), (0..20).map(|n| format!("s{n}")).collect())];
    if let Some((_, list)) = batch.relations.first_mut() {
        list.extend((20..30).map(|n| relation(format!("s{n}"), format!("moved{n}"))));
    }
    batch
}

type Picture = (Vec<gangway_model::Relation>, Vec<Option<String>>, u64);

fn picture(tenant: &dyn TenantStore) -> Picture {
    let targets: Vec<String> =
        (0..160).map(|n| format!("t{n}")).chain((20..30).map(|n| format!("moved{n}"))).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    (
        tenant.scan_relations(&users(), None, 1_000).unwrap(),
        tenant.owners(&users(), &targets).unwrap(),
        tenant.count_relations(&users()).unwrap(),
    )
}

/// Fails the first write of a commit, then the second, and so on until the commit meets none:
/// each time all of the commit is there or nothing, as its result says, and the store goes on.
fn sweep(once: bool, lies: bool) {
    let mut failed = 0;
    for left in 0.. {
        let (_store, tenant, plan) = faulty();
        tenant.commit(&relations(0..60)).unwrap();
        let before = picture(&*tenant);
        plan.arm(left, once, lies);
        let result = tenant.commit(&change());
        let failures = plan.disarm();
        let after = picture(&*tenant);
        let at = format!("after {left} writes, once {once}, lies {lies}: {result:?}");
        match &result {
            Ok(()) => assert_eq!(after.2, 160 - 20, "{at}"),
            Err(StoreError::Full(_)) => assert!(after == before, "{at}"),
            // The disk took nothing more, not even to find out whether it had taken the commit.
            Err(StoreError::Failed(why)) if !once && why.contains("whether the last commit was written") => {
                assert!(after == before || after.2 == 140, "{at}");
            }
            Err(_) => panic!("{at}"),
        }
        failed += i32::from(result.is_err());
        tenant.commit(&change()).unwrap();
        let done = picture(&*tenant);
        assert_eq!(done.2, 140, "{at}");
        assert_eq!(done.1.iter().flatten().count(), 140, "{at}");
        if failures == 0 {
            assert!(result.is_ok());
            assert!(left > 10, "a commit has more writes than {left}");
            assert!(failed > 0 || lies, "no failure was seen");
            return;
        }
    }
}

#[test]
fn a_write_that_fails_once_loses_nothing() {
    sweep(true, false);
}

#[test]
fn a_disk_that_stays_full_loses_nothing() {
    sweep(false, false);
}

#[test]
fn a_write_that_fails_and_happens_all_the_same_is_told_right() {
    sweep(true, true);
}

/// A reader that meets the error of a writer gets its answer.
#[test]
fn readers_do_not_see_a_writers_error() {
    let (_store, tenant, plan) = faulty();
    tenant.commit(&relations(0..60)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let found = tenant.relations(&users(), &["s1", "s59"]).unwrap();
                    assert_eq!(found.iter().flatten().count(), 2);
                }
            });
        }
        for round in 0..40 {
            plan.arm(round % 12, true, false);
            let result = tenant.commit(&relations(60..70));
            plan.disarm();
            assert!(matches!(result, Ok(()) | Err(StoreError::Full(_))), "{result:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
}
