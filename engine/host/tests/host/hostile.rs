//! Done-when 5: one test for each kind of hostile plugin, of its kind and of its time.

use crate::guests::{EMPTY_PAGE, Guest, manifest};
use crate::world::{World, limits, system, tenant};
use gangway_host::{Limits, LoadError, PluginState};
use gangway_model::{Page, PluginError, PluginId, code};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Reads a page on one single thread, beside a probe that must go on; gives the result, the time it
/// took and the longest that the probe had to wait.
fn attacked(world: &World) -> (Result<Page, PluginError>, Duration, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let probe = tokio::spawn(async {
            let mut worst = Duration::ZERO;
            loop {
                let start = Instant::now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                worst = worst.max(start.elapsed());
                WORST.with(|w| w.set(worst));
            }
        });
        tokio::task::yield_now().await;
        let start = Instant::now();
        let result = world.read().await;
        let took = start.elapsed();
        probe.abort();
        (result, took, WORST.with(std::cell::Cell::get))
    })
}

thread_local! {
    static WORST: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

fn load(world: &World, guest: &Guest) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(world.load("guest", guest.build()));
}

fn refusal(guest: &Guest) -> (LoadError, World) {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime
        .block_on(world.host.load(&tenant(), &PluginId::new("guest"), guest.build()))
        .expect_err("it must be refused");
    (error, world)
}

#[test]
fn busy_loop() {
    let world = World::new();
    load(&world, &Guest::reading("(loop $forever (br $forever)) unreachable"));
    let (result, took, worst) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::TIMEOUT, "{error}");
    assert!(
        error.message.contains("guest 1.0.0 was stopped: it used more than 0.2 s of processor time"),
        "{error}"
    );
    assert!(error.message.contains("read_page"), "{error}");
    assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(2), "{took:?}");
    assert!(worst < Duration::from_millis(250), "the probe waited {worst:?}");
}

#[test]
fn busy_loop_at_instantiation() {
    let guest =
        Guest { functions: "(func $start (loop $forever (br $forever))) (start $start)", ..Guest::default() };
    let start = Instant::now();
    let (error, world) = refusal(&guest);
    assert_eq!(error.kind(), "smoke");
    assert!(error.to_string().contains("processor time"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(world.host.plugins(&tenant()).is_empty());
}

#[test]
fn memory_bomb() {
    let world = World::with(|config| config.limits.memory_bytes = 8 << 20);
    load(
        &world,
        &Guest::reading(
            "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
        ),
    );
    let (result, took, worst) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::INTERNAL, "{error}");
    assert!(error.message.contains("wanted more than its 8 MiB of memory"), "{error}");
    assert!(took < Duration::from_secs(1) && worst < Duration::from_millis(250), "{took:?} {worst:?}");
}

#[test]
fn deep_recursion() {
    let world = World::new();
    load(
        &world,
        &Guest {
            functions: "(func $deeper (param i32) (result i32) \
                        (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))",
            read_page: "i32.const 0 call $deeper",
            ..Guest::default()
        },
    );
    let (result, took, worst) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::INTERNAL, "{error}");
    assert!(error.message.contains("call stack exhausted") && error.message.contains("deeper"), "{error}");
    assert!(took < Duration::from_secs(1) && worst < Duration::from_millis(250), "{took:?} {worst:?}");
}

#[test]
fn oversized_result() {
    let world = World::with(|config| config.limits.crossing_bytes = 1 << 20);
    // A page with one entity, whose JSON is 2 MiB of memory; the guest has 4.
    load(
        &world,
        &Guest::reading(
            "(drop (memory.grow (i32.const 60)))
             (i32.store (i32.const 608) (i32.const 704)) (i32.store (i32.const 612) (i32.const 1))
             (i32.store (i32.const 708) (i32.const 1))
             (i32.store (i32.const 744) (i32.const 65536)) (i32.store (i32.const 748) (i32.const 2097152))
             i32.const 600",
        ),
    );
    let (result, took, worst) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::INTERNAL, "{error}");
    assert!(error.message.contains("too much data"), "{error}");
    assert!(took < Duration::from_secs(1) && worst < Duration::from_millis(250), "{took:?} {worst:?}");
}

#[test]
fn a_length_that_lies() {
    let world = World::new();
    // A list of entities that begins in memory and ends far outside.
    load(
        &world,
        &Guest::reading(
            "(i32.store (i32.const 608) (i32.const 704)) (i32.store (i32.const 612) (i32.const -1)) i32.const 600",
        ),
    );
    let (result, took, _) = attacked(&world);
    assert_eq!(result.unwrap_err().code, code::INTERNAL);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn trap_mid_call() {
    let world = World::new();
    load(
        &world,
        &Guest {
            functions: "(func $fall_overboard unreachable)",
            read_page: "call $fall_overboard unreachable",
            ..Guest::default()
        },
    );
    let (result, took, _) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::INTERNAL, "{error}");
    for part in ["guest 1.0.0", "read-page", "unreachable", "fall_overboard ← read_page"] {
        assert!(error.message.contains(part), "{part}: {error}");
    }
    assert!(error.details.iter().any(|(key, text)| key == "backtrace" && text.contains("fall_overboard")));
    assert!(took < Duration::from_secs(1), "{took:?}");
    // The administrator sees it, and the next call gets a fresh instance.
    let status = &world.host.plugins(&tenant())[0];
    assert_eq!((status.crashes, &status.state), (1, &PluginState::Ready));
    assert!(status.last_crash.as_ref().unwrap().text.contains("fall_overboard"));
    assert!(attacked(&world).0.unwrap_err().message.contains("fall_overboard"));
}

#[test]
fn a_crash_loop_ends_in_quarantine_and_a_release_ends_that() {
    let world = World::new();
    load(&world, &Guest::reading("unreachable"));
    let mut refused = 0;
    for _ in 0..8 {
        let error = attacked(&world).0.unwrap_err();
        if error.code == code::UNAVAILABLE {
            refused += 1;
            world.clock.0.fetch_add(error.retry_after_ms.unwrap_or(0), Ordering::Relaxed);
        }
    }
    assert_eq!(refused, 3, "after the second, third and fourth crash it rests");
    let error = attacked(&world).0.unwrap_err();
    assert!(error.message.contains("quarantined after 5 crashes"), "{error}");
    let status = &world.host.plugins(&tenant())[0];
    assert!(matches!(status.state, PluginState::Quarantined { .. }), "{status:?}");
    assert_eq!(status.crashes, 5);
    assert!(world.host.release(&tenant(), &PluginId::new("guest")));
    assert!(attacked(&world).0.unwrap_err().message.contains("trapped"));
}

const WAITS: Guest = Guest {
    manifest: serde_json::Value::Null,
    described: None,
    world: "import wasi:clocks/monotonic-clock@0.2.6; import wasi:io/poll@0.2.6;",
    packages: "package wasi:io@0.2.6 { interface poll { resource pollable { block: func(); } } }
               package wasi:clocks@0.2.6 { interface monotonic-clock { use wasi:io/poll@0.2.6.{pollable}; \
               subscribe-duration: func(when: u64) -> pollable; } }",
    imports: r#"(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
                (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#,
    functions: "",
    read_page: "(call $block (call $after (i64.const 1000000000000000))) i32.const 600",
};

#[test]
fn never_returns_from_a_host_wait() {
    let world = World::with(|config| config.limits.wall = Duration::from_millis(500));
    load(&world, &Guest { manifest: manifest("guest", "1.0.0", &[]), ..WAITS });
    let (result, took, worst) = attacked(&world);
    let error = result.unwrap_err();
    assert_eq!(error.code, code::TIMEOUT, "{error}");
    assert!(error.message.contains("did not return from read-page within 0.5 s"), "{error}");
    assert!(took >= Duration::from_millis(450) && took < Duration::from_secs(2), "{took:?}");
    assert!(worst < Duration::from_millis(250), "{worst:?}");
    let status = &world.host.plugins(&tenant())[0];
    assert_eq!(status.crashes, 0, "being slow is no crash");
}

#[test]
fn does_not_leave_when_the_job_is_stopped() {
    let world = World::new();
    load(&world, &Guest { manifest: manifest("guest", "1.0.0", &[]), ..WAITS });
    let cancelled = world.cancelled.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancelled.store(true, Ordering::Relaxed);
    });
    let (result, took, _) = attacked(&world);
    stopper.join().unwrap();
    assert_eq!(result.unwrap_err().code, code::CANCELLED);
    assert!(took < Duration::from_millis(1500), "{took:?}");
    // And the next call does not even begin.
    let (result, took, _) = attacked(&world);
    assert_eq!(result.unwrap_err().code, code::CANCELLED);
    assert!(took < Duration::from_millis(100), "{took:?}");
}

/// Counts the lines of plugins.
struct Lines(Arc<AtomicUsize>, Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "gangway::plugin"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Size(usize);
        impl tracing::field::Visit for Size {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += format!("{value:?}").len();
            }
        }
        let mut size = Size(0);
        event.record(&mut size);
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.fetch_max(size.0, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn log_flood() {
    let world = World::with(|config| {
        config.limits = Limits { log_lines_per_second: 10, log_line_bytes: 1_000, ..limits() };
    });
    load(
        &world,
        &Guest {
            world: "import gangway:plugin/log@0.1.0;",
            imports: r#"(import "gangway:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#,
            read_page: "(loop $forever
                          (call $log (i32.const 4) (i32.const 0) (i32.const 100000) (i32.const 0) (i32.const 0))
                          (br $forever)) unreachable",
            ..Guest::default()
        },
    );
    let (lines, longest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let subscriber = Lines(lines.clone(), longest.clone());
    let (result, took, worst) = tracing::subscriber::with_default(subscriber, || attacked(&world));
    let error = result.unwrap_err();
    assert_eq!(error.code, code::TIMEOUT, "{error}");
    // A tenfold burst, the notice, what the seconds allow, and the crash itself.
    let lines = lines.load(Ordering::Relaxed);
    assert!((100..200).contains(&lines), "{lines} lines");
    let longest = longest.load(Ordering::Relaxed);
    assert!(longest < 10_000, "{longest} bytes in one line");
    assert!(took < Duration::from_secs(4) && worst < Duration::from_millis(250), "{took:?} {worst:?}");
}

#[test]
fn undeclared_import() {
    let guest = Guest {
        world: "import gangway:plugin/state@0.1.0;",
        imports: r#"(import "gangway:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        functions: r#"(func $use (export "use") (call $get (i32.const 0) (i32.const 0) (i32.const 0)))"#,
        ..Guest::default()
    };
    let (error, world) = refusal(&guest);
    assert_eq!(error.kind(), "import");
    let text = error.to_string();
    assert!(text.contains("gangway:plugin/state@0.1.0"), "{text}");
    assert!(text.contains(r#"adds {"name": "state", "reason": "…"} to "capabilities""#), "{text}");
    assert!(nothing_compiled(&world));
}

#[test]
fn sockets_are_refused_whatever_the_manifest_says() {
    let guest = Guest {
        manifest: manifest("guest", "1.0.0", &["http", "connection"]),
        world: "import wasi:sockets/network@0.2.6;",
        packages: "package wasi:sockets@0.2.6 { interface network { open: func(); } }",
        imports: r#"(import "wasi:sockets/network@0.2.6" "open" (func $open))"#,
        functions: r#"(func $use (export "use") (call $open))"#,
        ..Guest::default()
    };
    let (error, world) = refusal(&guest);
    assert!(error.to_string().contains("gangway:plugin/http"), "{error}");
    assert_eq!(error.kind(), "import");
    assert!(nothing_compiled(&world));
}

#[test]
fn wrong_interface_version() {
    let mut manifest = manifest("guest", "1.0.0", &[]);
    manifest["interface"] = "9.9".into();
    let (error, world) = refusal(&Guest { manifest, ..Guest::default() });
    assert_eq!(error.kind(), "interface-version");
    let text = error.to_string();
    assert!(text.contains("built for plugin interface 9.9; this engine speaks 0.1"), "{text}");
    assert!(nothing_compiled(&world));
}

#[test]
fn describes_itself_otherwise_than_its_manifest() {
    let guest = Guest { described: Some(manifest("other", "1.0.0", &[]).to_string()), ..Guest::default() };
    let (error, _) = refusal(&guest);
    assert_eq!(error.kind(), "smoke");
}

#[test]
fn the_same_cursor_for_ever() {
    let world = World::new();
    // next-cursor = "c" at 632.
    load(
        &world,
        &Guest::reading(
            "(i32.store (i32.const 624) (i32.const 1)) (i32.store (i32.const 628) (i32.const 800))
             (i32.store (i32.const 632) (i32.const 1)) (i32.store8 (i32.const 800) (i32.const 99)) i32.const 600",
        ),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let source = world.source(&system("guest")).await.unwrap();
        let page = source.read_page("user", None, 10).await.unwrap();
        assert_eq!(page.next_cursor.as_deref(), Some("c"));
        let error = source.read_page("user", Some("c"), 10).await.unwrap_err();
        assert!(error.message.contains("the read would never end"), "{error}");
    });
}

#[test]
fn an_honest_guest_beside_two_busy_ones_on_one_thread() {
    let world = World::new();
    load(&world, &Guest::reading("(loop $forever (br $forever)) unreachable"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        world.load("honest", Guest::reading(EMPTY_PAGE).build()).await;
        let busy = world.source(&system("guest")).await.unwrap();
        let honest = world.source(&system("honest")).await.unwrap();
        let start = Instant::now();
        let work = async {
            for _ in 0..100 {
                honest.read_page("user", None, 10).await.unwrap();
            }
            start.elapsed()
        };
        let (first, second, honest) =
            tokio::join!(busy.read_page("user", None, 10), busy.read_page("user", None, 10), work);
        assert_eq!([first.unwrap_err().code, second.unwrap_err().code], [code::TIMEOUT, code::TIMEOUT]);
        assert!(honest < Duration::from_millis(250), "{honest:?}");
    });
}

fn nothing_compiled(world: &World) -> bool {
    world.folder.path().join("compiled").read_dir().unwrap().next().is_none()
        && world.host.plugins(&tenant()).is_empty()
}
