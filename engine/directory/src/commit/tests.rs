use super::*;
use std::time::Instant;

fn committer() -> Committer {
    let backend = redb::backends::InMemoryBackend::new();
    let database = Database::builder().create_with_backend(backend).unwrap();
    let catalog = Catalog::new(Vec::new()).unwrap();
    Committer::new(database, Desk::in_memory(), State { catalog, settings: Settings::default() })
}

#[test]
fn changes_that_wait_are_carried_out_together() {
    let committer = committer();
    let (tell, told) = mpsc::channel();
    for n in 0..40 {
        let tell = tell.clone();
        let nap = Duration::from_millis(if n == 0 { 50 } else { 0 });
        committer.submit(
            move |_| {
                std::thread::sleep(nap);
                Ok(n)
            },
            n % 2 == 0,
            move |given| tell.send(given.unwrap()).unwrap(),
        );
        if n == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let given: Vec<u64> = (0..40).map(|_| told.recv().unwrap()).collect();
    assert_eq!(given, (0..40).collect::<Vec<_>>(), "in the order in which they came");
    assert!(committer.shared.snapshots.commits() < 10, "{}", committer.shared.snapshots.commits());
}

#[test]
fn every_thread_gets_its_own_answer() {
    let committer = committer();
    let committer = &committer;
    std::thread::scope(|scope| {
        for n in 0..40_u64 {
            scope.spawn(move || {
                for m in 0..20 {
                    assert_eq!(committer.write(move |_| Ok(n + m)).unwrap(), n + m);
                }
            });
        }
    });
}

#[test]
fn a_change_that_panics_takes_nobody_with_it() {
    let committer = committer();
    let committer = &committer;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let slow = |_: &mut Writer<'_>| {
                std::thread::sleep(Duration::from_millis(50));
                Ok(())
            };
            committer.write(slow).unwrap();
        });
        std::thread::sleep(Duration::from_millis(20));
        // Both wait for the slow one, and are in one transaction.
        scope.spawn(|| {
            let broken = |_: &mut Writer<'_>| -> Result<(), ScimError> { panic!("on purpose") };
            assert_eq!(committer.write(broken).unwrap_err().status, 500);
        });
        scope.spawn(|| committer.write(|_| Ok(1)).map_or_else(|e| assert_eq!(e.status, 500), |_| ()));
    });
    assert_eq!(committer.write(|_| Ok(2)).unwrap(), 2, "and the next one is carried out again");
}

/// On which thread a change was carried out, and whether that was the one that it came on.
fn carried_out_here(committer: &Committer, short: bool) -> bool {
    let (tell, told) = mpsc::channel();
    let place = |_: &mut Writer<'_>| Ok(std::thread::current().id());
    committer.submit(place, short, move |given| tell.send(given.unwrap()).unwrap());
    told.recv().unwrap() == std::thread::current().id()
}

/// Until a change is carried out where it came, which takes one that is quick before it.
fn calm_down(committer: &Committer) {
    let calm = |_| {
        std::thread::sleep(Duration::from_millis(1));
        carried_out_here(committer, true)
    };
    assert!((0..2000).any(calm));
}

#[test]
fn a_short_change_that_comes_alone_is_carried_out_where_it_came() {
    let committer = committer();
    assert!(!carried_out_here(&committer, true), "there is no thread for what is left");
    calm_down(&committer);
    assert!(!carried_out_here(&committer, false), "it may take long");
    calm_down(&committer);
    let slow = |_: &mut Writer<'_>| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    };
    committer.submit(slow, true, drop);
    assert!(!carried_out_here(&committer, true), "the next one may be slow, too");
    calm_down(&committer);
    std::thread::sleep(Duration::from_millis(4200));
    assert!(!carried_out_here(&committer, true), "the thread has gone");
}

#[test]
fn a_change_waits_for_whoever_carries_one_out_where_it_came() {
    let committer = committer();
    calm_down(&committer);
    let (committer, order) = (&committer, Arc::new(Mutex::new(Vec::new())));
    let note = |n: u64, nap: u64| {
        let order = order.clone();
        move |_: &mut Writer<'_>| {
            std::thread::sleep(Duration::from_millis(nap));
            order.lock().unwrap().push(n);
            Ok(())
        }
    };
    // Longer than the thread waits before it does what can wait.
    let slow = note(1, 100);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || committer.submit(slow, true, drop));
        std::thread::sleep(Duration::from_millis(20));
        for n in 2..5 {
            committer.write(note(n, 0)).unwrap();
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(1), "the thread is woken, and does not look by itself");
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn a_change_that_panics_where_it_came_is_told() {
    let committer = committer();
    calm_down(&committer);
    let (tell, told) = mpsc::channel();
    let broken = |_: &mut Writer<'_>| -> Result<(), ScimError> { panic!("on purpose") };
    committer.submit(broken, true, move |given| tell.send(given.unwrap_err().status).unwrap());
    assert_eq!(told.recv().unwrap(), 500);
    assert_eq!(committer.write(|_| Ok(2)).unwrap(), 2, "and the next one is carried out again");
}

#[test]
fn what_waits_when_the_directory_is_closed_is_carried_out() {
    let committer = committer();
    let (tell, told) = mpsc::channel();
    for n in 0..10 {
        let tell = tell.clone();
        committer.submit(move |_| Ok(n), true, move |given| tell.send(given.unwrap()).unwrap());
    }
    drop((committer, tell));
    assert_eq!(told.iter().collect::<Vec<u64>>(), (0..10).collect::<Vec<_>>());
}
