//! The commands of a page of the documentation, in order, as a person would type them.

use gangway_kit::{Engine, gangway, root};
use std::path::Path;
use std::process::{Command, Output};

/// The program's commands in the `sh` blocks of a page below `docs`, of which there are at least so many.
pub(crate) fn commands(page: &str, least: usize) -> String {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let blocks: Vec<&str> =
        text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= least, "{page} has {} blocks", blocks.len());
    blocks.concat()
}

/// A shell with the built program and the engine's token for a tenant; it ends with the first command that fails.
pub(crate) fn shell(engine: &Engine, tenant: &str, folder: &Path, script: &str) -> Command {
    let program = gangway().unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("set -eu\n{script}"))
        .current_dir(folder)
        .env("PATH", path)
        .env("GANGWAY_URL", engine.url())
        .env("GANGWAY_TOKEN", engine.token())
        .env("GANGWAY_TENANT", tenant);
    command
}

/// What the commands said, once all have succeeded.
pub(crate) fn said(engine: &Engine, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}\n{}", engine.log());
    out.into_owned()
}
