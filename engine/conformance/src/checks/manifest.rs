//! What a component says of itself.

use crate::report::{Line, Verdict};
use gangway_host::Inspection;
use gangway_model::{Manifest, PluginId};
use std::collections::BTreeSet;

pub(crate) const READABLE: &str = "a WebAssembly component with a manifest in its section gangway:manifest";
pub(crate) const LOADS: &str = "the component compiles, starts, and describes itself as its manifest does";
const ACCEPTED: &str =
    "the engine takes the component: known interface version, declared imports, known exports";
const NAMES: &str = "name of 1 to 63 of a-z, 0-9 and '-'; version of three numbers; title and description";
const CAPABILITIES: &str =
    "every capability once, with the reason that the administrator reads when granting it";
const TYPES: &str = "a connector names its entity types, each once";
const PROPERTIES: &str = "every property once, with a description; no default for a secret";

/// The checks that need no instance.
pub(crate) fn run(inspection: &Inspection) -> Vec<Line> {
    let manifest = &inspection.manifest;
    let refusals: Vec<_> = inspection.refusals.iter().map(ToString::to_string).collect();
    let connector = inspection.roles.source || inspection.roles.target;
    [
        ("component", ACCEPTED, refusals),
        ("manifest.names", NAMES, names(manifest)),
        ("manifest.capabilities", CAPABILITIES, capabilities(manifest)),
        ("manifest.entity-types", TYPES, entity_types(manifest, connector)),
        ("manifest.properties", PROPERTIES, properties(manifest)),
    ]
    .into_iter()
    .map(|(name, rule, wrong)| {
        let verdict = match wrong.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed { rule, found: wrong.join("; ") },
        };
        Line { name: name.to_owned(), verdict }
    })
    .collect()
}

fn names(manifest: &Manifest) -> Vec<String> {
    let mut wrong: Vec<String> = PluginId::parse(&manifest.name).err().into_iter().collect();
    let core = manifest.version.split(['-', '+']).next().unwrap_or_default();
    let numbers = core.split('.').filter(|part| part.parse::<u64>().is_ok()).count();
    if numbers != 3 || core.split('.').count() != 3 {
        wrong.push(format!("the version {:?}", manifest.version));
    }
    if manifest.title.trim().is_empty() {
        wrong.push("no title".to_owned());
    }
    if manifest.description.trim().is_empty() {
        wrong.push("no description".to_owned());
    }
    wrong
}

fn capabilities(manifest: &Manifest) -> Vec<String> {
    let mut wrong = twice(manifest.capabilities.iter().map(|c| c.name.as_str()));
    let silent = manifest.capabilities.iter().filter(|c| c.reason.trim().is_empty());
    wrong.extend(silent.map(|c| format!("{} has no reason", c.name)));
    wrong
}

fn entity_types(manifest: &Manifest, connector: bool) -> Vec<String> {
    let mut wrong = twice(manifest.entity_types.iter().map(String::as_str));
    if connector && manifest.entity_types.is_empty() {
        wrong.push("no entity types".to_owned());
    }
    wrong
}

fn properties(manifest: &Manifest) -> Vec<String> {
    let mut wrong = twice(manifest.properties.iter().map(|p| p.name.as_str()));
    for property in &manifest.properties {
        if property.description.trim().is_empty() {
            wrong.push(format!("{} has no description", property.name));
        }
        if property.secret && property.default.is_some() {
            wrong.push(format!("the secret {} has a default", property.name));
        }
    }
    wrong
}

fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).map(|name| format!("{name} stands there twice")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_good_manifest_has_nothing_wrong() {
        let good = manifest(
            r#"{"interface":"0.1","name":"csv","version":"1.2.0-rc.1","title":"t","description":"d",
                "capabilities":[{"name":"files","reason":"r"}],"entityTypes":["user"],
                "properties":[{"name":"p","description":"d","default":"x"}]}"#,
        );
        let wrong = [names(&good), capabilities(&good), entity_types(&good, true), properties(&good)];
        assert!(wrong.iter().all(Vec::is_empty), "{wrong:?}");
    }

    #[test]
    fn everything_wrong_is_named() {
        let bad = manifest(
            r#"{"interface":"0.1","name":"A B","version":"1.2","capabilities":[{"name":"http"},{"name":"http"}],
                "properties":[{"name":"p","secret":true,"default":"x"}]}"#,
        );
        assert_eq!(names(&bad).len(), 4);
        assert_eq!(capabilities(&bad).len(), 3);
        assert_eq!(entity_types(&bad, true), ["no entity types"]);
        assert!(entity_types(&bad, false).is_empty());
        assert_eq!(properties(&bad), ["p has no description", "the secret p has a default"]);
    }
}
