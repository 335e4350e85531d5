//! The figures of `docs/host.md`; the bounds are those of the issue, which hold for a release build
//! of a real connector, so they are easy for a small one even here.

use crate::guests::Guest;
use crate::world::{World, system};
use gangway_host::Origin;
use std::time::{Duration, Instant};

#[tokio::test]
async fn loading_and_calling_are_fast() {
    let world = World::new();
    let wasm = Guest::default().build();
    let cold = world.load("guest", wasm.clone()).await;
    let cache = world.folder.path().join("compiled");
    let again = World::with(|config| config.cache_dir = cache);
    let warm = again.load("guest", wasm).await;
    assert_eq!((cold.origin, warm.origin), (Origin::Compiler, Origin::Cache));

    let opening = Instant::now();
    for _ in 0..100 {
        again.read().await.unwrap();
    }
    let fresh = opening.elapsed() / 100;
    let source = again.source(&system("guest")).await.unwrap();
    source.read_page("user", None, 10).await.unwrap();
    let calling = Instant::now();
    for _ in 0..1_000 {
        source.read_page("user", None, 10).await.unwrap();
    }
    let call = calling.elapsed() / 1_000;
    println!(
        "load cold {:?}, warm {:?}; open + instance + call {fresh:?}; warm call {call:?}",
        cold.timings, warm.timings
    );
    assert!(cold.timings.total < Duration::from_secs(1), "{:?}", cold.timings);
    assert!(warm.timings.total < Duration::from_millis(50), "{:?}", warm.timings);
    assert!(call < Duration::from_millis(1), "{call:?}");
}
