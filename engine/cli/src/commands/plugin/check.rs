use crate::output::{say, table};
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Check {
    /// The component (`.wasm`).
    file: PathBuf,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let wasm =
            std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let found = gangway_server::inspect(&wasm)
            .map_err(|error| anyhow::anyhow!("{}: {error}", self.file.display()))?;
        let manifest = &found.manifest;
        say(&format!("{} {}  {}", manifest.name, manifest.version, manifest.title));
        if !manifest.description.is_empty() {
            say(&manifest.description);
        }
        let rows = [
            ("interface", manifest.interface.clone()),
            ("roles", found.roles.names().join(", ")),
            ("entity types", manifest.entity_types.join(", ")),
            ("size", format!("{} bytes", found.size)),
            ("sha-256", found.digest.clone()),
        ];
        say("");
        for (name, value) in rows {
            say(&format!("  {name:<13} {value}"));
        }
        list("exports", &found.exports);
        list("imports", &found.imports);
        if !manifest.capabilities.is_empty() {
            let rows: Vec<Vec<String>> =
                manifest.capabilities.iter().map(|c| vec![c.name.clone(), c.reason.clone()]).collect();
            say(&format!("\nasks for\n{}", table(&["capability", "because"], &rows)));
        }
        if !manifest.properties.is_empty() {
            let rows: Vec<Vec<String>> = manifest
                .properties
                .iter()
                .map(|p| {
                    let kind = match (p.required, p.secret) {
                        (true, true) => "required, secret",
                        (true, false) => "required",
                        (false, true) => "secret",
                        (false, false) => "",
                    };
                    vec![
                        p.name.clone(),
                        p.default.clone().unwrap_or_default(),
                        kind.to_owned(),
                        p.description.clone(),
                    ]
                })
                .collect();
            say(&format!(
                "\nreads the properties\n{}",
                table(&["property", "default", "", "meaning"], &rows)
            ));
        }
        if found.refusals.is_empty() {
            say("\nThis engine takes it.");
            return Ok(ExitCode::SUCCESS);
        }
        say("\nThis engine refuses it:");
        for refusal in &found.refusals {
            say(&format!("  {refusal}"));
        }
        Ok(ExitCode::FAILURE)
    }
}

fn list(title: &str, names: &[String]) {
    say(&format!("\n{title}"));
    for name in names {
        say(&format!("  {name}"));
    }
}
