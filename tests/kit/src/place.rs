use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// The top of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The built program: `GANGWAY_BIN`, or the one beside the running test in the target folder.
pub fn gangway() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("GANGWAY_BIN") {
        return Ok(PathBuf::from(path));
    }
    let exe = std::env::current_exe()?;
    for folder in exe.ancestors().skip(1).take(3) {
        let candidate = folder.join("gangway");
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("the gangway program is not built: run `cargo build -p gangway-cli`, or name it in GANGWAY_BIN")
}

/// The file of one of the project's components, by the plugin's name.
pub fn component_file(plugin: &str) -> PathBuf {
    let file = format!("gangway_plugin_{}.wasm", plugin.replace('-', "_"));
    root().join("plugins/target/wasm32-wasip2/release").join(file)
}

/// The bytes of one of the project's components.
pub fn component(plugin: &str) -> anyhow::Result<Vec<u8>> {
    let file = component_file(plugin);
    std::fs::read(&file).with_context(|| format!("{} is not built: run `make plugins`", file.display()))
}

/// The folder of the documented examples.
pub fn examples() -> PathBuf {
    root().join("docs/examples")
}
