//! The commands of `docs/plugins.md`, in order, as a partner would type them.

use gangway_kit::{Engine, free_port, gangway, root};
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tutorial_leads_from_nothing_to_a_hot_loaded_connector() {
    let engine = Engine::start().await.unwrap();
    engine.api("tutorial").unwrap().make_tenant().await.unwrap();
    let page = std::fs::read_to_string(root().join("docs/plugins.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "the page has {} blocks", blocks.len());
    let script = format!("set -eu\ntrap 'kill $! 2>/dev/null || true' EXIT\n{}", blocks.concat());

    let folder = tempfile::tempdir().unwrap();
    let program = gangway().unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(folder.path())
        .env("PATH", path)
        .env("GANGWAY_SOURCES", root())
        .env("GANGWAY_URL", engine.url())
        .env("GANGWAY_TOKEN", engine.token())
        .env("GANGWAY_TENANT", "tutorial")
        .env("APP_PORT", free_port().unwrap().to_string())
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}\n{}", engine.log());
    assert!(out.contains("This engine takes it."), "{out}");
    assert!(out.contains("App: Success"), "{out}");
    assert!(out.contains("plugin hello 0.1.1 serves"), "{out}");
    assert!(out.contains("plugin hello 0.1.0 is ready"), "after the roll back: {out}");
}
