//! The examples of `docs/directory.md`, in order, as an administrator would type them.

use crate::home::Home;
use gangway_kit::{component_file, gangway, root};
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_page_run() {
    let home = Home::new().await;
    let page = std::fs::read_to_string(root().join("docs/directory.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4, "the page has {} blocks", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let program = gangway().unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("set -eu\ncurl() {{ command curl -sS --fail-with-body \"$@\"; }}\n{}", blocks.concat()))
        .current_dir(folder.path())
        .env("PATH", path)
        .env("GANGWAY_URL", home.engine.url())
        .env("GANGWAY_TOKEN", home.engine.token())
        .env("GANGWAY_TENANT", "home")
        .env("GANGWAY_PLUGINS", component_file("scim2").parent().unwrap())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}\n{}", home.engine.log());
    assert!(out.contains("\"userName\":\"ann\""), "{out}");
    assert!(out.contains("all agree"), "{out}");
    assert!(out.contains("\"deleted\":\""), "{out}");
    assert!(out.contains("source system People made"), "{out}");
    home.assert_sound();
}
