//! Done-when 7, seen from inside: what is in the memory of a guest.

use crate::guests::Guest;
use crate::world::World;
use std::sync::{Arc, Mutex};

fn contains(memory: &[u8], text: &str) -> bool {
    memory.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_guest_sees_the_names_of_secrets_and_never_their_values() {
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let observed = seen.clone();
    let world = World::with(|config| {
        config.memory_observer = Some(Arc::new(move |_: &str, memory: &[u8]| {
            observed.lock().unwrap().extend_from_slice(memory);
        }));
    });
    let guest = Guest {
        world: "import gangway:plugin/system@0.1.0;",
        imports: r#"(import "gangway:plugin/system@0.1.0" "properties" (func $properties (param i32)))"#,
        read_page: "(call $properties (i32.const 896)) i32.const 600",
        ..Guest::default()
    };
    world.load("guest", guest.build()).await;
    seen.lock().unwrap().clear();
    world.read().await.unwrap();
    let memory = seen.lock().unwrap();
    assert!(!memory.is_empty(), "nothing was observed");
    // That the test can see something at all:
    assert!(contains(&memory, "visible-value") && contains(&memory, "Password"));
    assert!(!contains(&memory, "canary-3f9a"));
}
