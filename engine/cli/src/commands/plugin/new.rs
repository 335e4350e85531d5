use crate::output::say;
use anyhow::{Context, ensure};
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The project an author starts from.
static TEMPLATE: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/template");
/// The SDK and the interface it speaks, so that the project needs nothing but crates.io.
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/src");
static SDK_MANIFEST: &str = include_str!("../../../../../sdk/rust/Cargo.toml");
static PLUGINS_MANIFEST: &str = include_str!("../../../../../plugins/Cargo.toml");
static INTERFACE: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../wit/since_v0.1");

#[derive(clap::Args)]
pub(crate) struct New {
    /// The plugin's name: a-z, 0-9 and '-'.
    name: String,
    /// Where to write it; a folder of its name if not given.
    #[arg(long)]
    path: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        gangway_model::PluginId::parse(&self.name).map_err(anyhow::Error::msg)?;
        let folder = self.path.unwrap_or_else(|| PathBuf::from(&self.name));
        ensure!(!folder.exists(), "{} exists already: choose another --path", folder.display());
        write_all(&TEMPLATE, &folder, &|text| {
            text.replace("{{name}}", &self.name)
                .replace("{{crate}}", &self.name.replace('-', "_"))
                .replace("{{sdk}}", "gangway/sdk/rust")
        })?;
        let as_it_is = |text: &str| text.to_owned();
        write_all(&SDK, &folder.join("gangway/sdk/rust/src"), &as_it_is)?;
        write_all(&INTERFACE, &folder.join("gangway/wit/since_v0.1"), &as_it_is)?;
        write(&folder.join("gangway/sdk/rust/Cargo.toml"), &standalone(SDK_MANIFEST, PLUGINS_MANIFEST)?)?;
        say(&format!(
            "wrote {0}: now\n  cd {0}\n  cargo test\n  cargo build --release --target wasm32-wasip2\n  gangway plugin load target/wasm32-wasip2/release/{1}.wasm",
            folder.display(),
            self.name.replace('-', "_")
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn write_all(from: &Dir, to: &Path, change: &dyn Fn(&str) -> String) -> anyhow::Result<()> {
    for file in from.files() {
        let name = file.path().file_name().context("a file without a name")?;
        let text = file.contents_utf8().with_context(|| format!("{} is not text", file.path().display()))?;
        write(&to.join(name), &change(text))?;
    }
    for folder in from.dirs() {
        let name = folder.path().file_name().context("a folder without a name")?;
        write_all(folder, &to.join(name), change)?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The SDK's manifest with what it inherits from its workspace written out.
fn standalone(manifest: &str, workspace: &str) -> anyhow::Result<String> {
    let value = |section: &str, key: &str| -> Option<String> {
        let (_, rest) = workspace.split_once(&format!("[{section}]"))?;
        let section = rest.split("\n[").next()?;
        let line = section.lines().find(|line| line.split(['=', ' ']).next() == Some(key))?;
        Some(line.split_once('=')?.1.trim().to_owned())
    };
    let mut out = String::new();
    for line in manifest.lines() {
        if line.starts_with("workspace = ") {
            continue;
        }
        if line.starts_with("[lints]") {
            break;
        }
        let Some(key) = line
            .split_once(".workspace = true")
            .map(|(key, _)| key)
            .or_else(|| line.split_once(" = { workspace = true }").map(|(key, _)| key))
        else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let found = value("workspace.package", key).or_else(|| value("workspace.dependencies", key));
        let found = found.with_context(|| format!("{key} is not in the workspace's manifest"))?;
        out.push_str(&format!("{key} = {found}\n"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_stands_alone_once_its_inheritance_is_written_out() {
        let text = standalone(SDK_MANIFEST, PLUGINS_MANIFEST).unwrap();
        assert!(!text.contains("workspace"), "{text}");
        assert!(text.contains("serde = { version") && text.contains("edition = \"2024\""), "{text}");
    }
}
