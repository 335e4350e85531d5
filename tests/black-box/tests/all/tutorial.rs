//! The commands of `docs/plugins.md`, in order, as a partner would type them.

use crate::page::{commands, said, shell};
use gangway_kit::{Engine, free_port, root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tutorial_leads_from_nothing_to_a_hot_loaded_connector() {
    let engine = Engine::start().await.unwrap();
    engine.api("tutorial").unwrap().make_tenant().await.unwrap();
    let script = format!("trap 'kill $! 2>/dev/null || true' EXIT\n{}", commands("plugins.md", 6));
    let folder = tempfile::tempdir().unwrap();
    let output = shell(&engine, "tutorial", folder.path(), &script)
        .env("GANGWAY_SOURCES", root())
        .env("APP_PORT", free_port().unwrap().to_string())
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let out = said(&engine, &output);
    assert!(out.contains("This engine takes it."), "{out}");
    assert!(out.contains("App: Success"), "{out}");
    assert!(out.contains("plugin hello 0.1.1 serves"), "{out}");
    assert!(out.contains("plugin hello 0.1.0 is ready"), "after the roll back: {out}");
}
