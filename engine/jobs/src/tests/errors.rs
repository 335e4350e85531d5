//! What errors say.

use super::world::*;
use gangway_model::{PluginError, code};

#[tokio::test]
async fn f144_refused_credentials_are_told_with_their_side() {
    let world = World::new(4, &["dir"]);
    world.users(vec![user("a", serde_json::json!({}))]);
    let refused = || PluginError::new(code::UNAUTHORIZED, "no").with("status", "401");
    *world.target("dir").faults.lock().unwrap() = Some(Box::new(move |_| Some(Fault::Call(refused()))));
    let job = world.read().await;
    let event = world.events(&job.id).remove(0);
    assert_eq!(event.error.unwrap().to_string(), "unauthorized: no, status=401, system=DIR, side=target");
    assert!(job.broken.values().next().unwrap().ends_with("system=DIR, side=target"));
    *world.source.fails_at.lock().unwrap() = Some((0, PluginError::new(code::UNAUTHORIZED, "no")));
    let job = world.read().await;
    assert!(job.error.unwrap().ends_with("unauthorized: no, system=HR, side=source"));
}
