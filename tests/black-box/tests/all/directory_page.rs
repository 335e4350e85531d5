//! The examples of `docs/directory.md`.

use crate::home::Home;
use crate::page::{commands, said, shell};
use gangway_kit::component_file;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_page_run() {
    let home = Home::new().await;
    let folder = tempfile::tempdir().unwrap();
    let script =
        format!("curl() {{ command curl -sS --fail-with-body \"$@\"; }}\n{}", commands("directory.md", 4));
    let output = shell(&home.engine, "home", folder.path(), &script)
        .env("GANGWAY_PLUGINS", component_file("scim2").parent().unwrap())
        .output()
        .unwrap();
    let out = said(&home.engine, &output);
    assert!(out.contains("\"userName\":\"ann\""), "{out}");
    assert!(out.contains("all agree"), "{out}");
    assert!(out.contains("\"deleted\":\""), "{out}");
    assert!(out.contains("source system People made"), "{out}");
    home.assert_sound();
}
