use anyhow::{Context, ensure};
use gangway_company::Company;
use gangway_kit::{Api, Engine, component_file, examples, gangway, root};
use std::path::PathBuf;
use std::process::Command;

/// The tenant whose people travel.
pub(crate) const TENANT: &str = "harbour";
/// The tenant that plays the other company.
pub(crate) const PARTNER: &str = "partner";

/// The engine with everything the runs need around it.
pub(crate) struct Stage<'a> {
    engine: &'a Engine,
    folder: PathBuf,
    /// The engine's API for the travelling tenant.
    pub(crate) api: Api,
}

impl<'a> Stage<'a> {
    /// Lays out the system files beside the CSV files they name.
    pub(crate) fn set(engine: &'a Engine) -> anyhow::Result<Self> {
        let folder = engine.folder().join("company");
        std::fs::create_dir(&folder)?;
        for entry in std::fs::read_dir(examples().join("demo"))? {
            let entry = entry?;
            std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        let documents = ["csv/types/csv.read.json", "scim2/types/scim.write.json"];
        for document in documents {
            let from = root().join("plugins").join(document);
            let name = from.file_name().context("a document without a name")?;
            std::fs::copy(&from, folder.join(name))
                .with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Ok(Self { engine, folder, api: engine.api(TENANT)? })
    }

    /// Makes the tenants, loads the components, makes the systems.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        self.show(&["tenant", "create", TENANT])?;
        self.show(&["tenant", "create", PARTNER])?;
        for plugin in ["csv", "scim2", "json-transformation"] {
            self.show(&["plugin", "load", &component_file(plugin).to_string_lossy()])?;
        }
        for system in ["hr.json", "directory-target.json", "directory-source.json", "partner-target.json"] {
            self.show(&["system", "create", system])?;
        }
        Ok(())
    }

    /// Writes the company's files.
    pub(crate) fn write(&self, company: &Company) -> anyhow::Result<()> {
        std::fs::write(self.folder.join("users.csv"), company.users_csv())?;
        std::fs::write(self.folder.join("groups.csv"), company.groups_csv())?;
        Ok(())
    }

    /// Runs a command as a person would, and shows both.
    pub(crate) fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let status = self.run(arguments)?;
        ensure!(status.success(), "the command failed: {status}");
        Ok(())
    }

    /// As [`Self::show`], whatever the exit code: a job that met damaged rows ends with 2.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<std::process::ExitStatus> {
        let shown: Vec<String> = arguments.iter().map(|a| shown(a)).collect();
        println!("$ gangway {}", shown.join(" "));
        let status = Command::new(gangway()?)
            .args(arguments)
            .current_dir(&self.folder)
            .env("GANGWAY_URL", self.engine.url())
            .env("GANGWAY_TOKEN", self.engine.token())
            .env("GANGWAY_TENANT", TENANT)
            .env("PARTNER_URL", format!("{}/tenants/{PARTNER}/scim/v2", self.engine.url()))
            .env("PARTNER_TOKEN", self.engine.token())
            .status()?;
        Ok(status)
    }
}

/// An argument as one would type it: the last part of a path, quoted if it has spaces.
fn shown(argument: &str) -> String {
    let name = argument.rsplit('/').next().unwrap_or(argument);
    if name.contains(' ') { format!("'{name}'") } else { name.to_owned() }
}
