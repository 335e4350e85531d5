//! The description of the system that a plugin is tested against.

use crate::report::{Line, Verdict};
use gangway_model::{Direction, Grants, Property};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    properties: BTreeMap<String, Setting>,
    grants: Grants,
    /// Files made for the run, by the name that the plugin sees.
    pub(crate) temporary: BTreeMap<String, String>,
    /// What to write, and how to find it, by entity type.
    pub(crate) samples: BTreeMap<String, Sample>,
    pub(crate) transformation: Option<TransformationSample>,
    skip: BTreeMap<String, String>,
}

/// The value of a property.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Setting {
    Plain(String),
    Value(Held),
    Environment(FromEnvironment),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    value: String,
    #[serde(default)]
    secret: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FromEnvironment {
    env: String,
    #[serde(default)]
    secret: bool,
}

/// Entities of a type. `{{run}}` and `{{n}}` in texts become the run and a number of the entity.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Sample {
    /// The identifier on create, where the transformation decides it.
    pub(crate) id: Option<String>,
    pub(crate) create: Option<Value>,
    pub(crate) update: Option<Value>,
    /// Attributes and values that find the created entity, and only it.
    pub(crate) find: Vec<(String, String)>,
    /// JSON pointers of what must come back as it was written; all members if there are none.
    pub(crate) compare: Vec<String>,
    /// An identifier of the right form that stands for nothing.
    pub(crate) unknown: Option<String>,
}

/// A document, and entities for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TransformationSample {
    pub(crate) direction: Direction,
    pub(crate) document: Value,
    pub(crate) entity_type: String,
    pub(crate) entities: Vec<Value>,
}

/// A configuration that describes no system.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// No JSON of the right shape.
    #[error(
        "the configuration cannot be read: {0}. `gangway plugin test --template` prints one to start from"
    )]
    Malformed(String),
    /// A property wants a variable that is not set.
    #[error("the property {property} is taken from the environment variable {variable}, which is not set")]
    Environment {
        /// The property.
        property: String,
        /// The variable.
        variable: String,
    },
    /// Folders, files or the host itself.
    #[error("{0}")]
    Place(String),
}

impl Config {
    /// Reads a configuration file's text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(text).map_err(|error| ConfigError::Malformed(error.to_string()))
    }

    pub(crate) fn properties(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, Property>, ConfigError> {
        let read = |(name, setting): (&String, &Setting)| {
            let (value, secret) = match setting {
                Setting::Plain(value) => (value.clone(), false),
                Setting::Value(held) => (held.value.clone(), held.secret),
                Setting::Environment(from) => {
                    let value = environment(&from.env).ok_or_else(|| ConfigError::Environment {
                        property: name.clone(),
                        variable: from.env.clone(),
                    })?;
                    (value, from.secret)
                }
            };
            Ok((name.clone(), Property { value, secret }))
        };
        self.properties.iter().map(read).collect()
    }

    /// The grants, with paths that do not depend on where the program was started.
    pub(crate) fn grants(&self, folder: &Path) -> Grants {
        let mut grants = self.grants.clone();
        for file in &mut grants.files {
            file.path = folder.join(&file.path).to_string_lossy().into_owned();
        }
        grants
    }

    /// Why a check is left out; `check[type]` speaks of one entity type, `check` of all.
    pub(crate) fn skipped(&self, line: &str) -> Option<&str> {
        let check = line.split_once('[').map_or(line, |(check, _)| check);
        self.skip.get(line).or_else(|| self.skip.get(check)).map(String::as_str)
    }

    pub(crate) fn unless_skipped(&self, line: Line) -> Line {
        match self.skipped(&line.name) {
            Some(why) => Line { verdict: Verdict::Skipped(why.to_owned()), ..line },
            None => line,
        }
    }
}

/// A configuration to start from.
pub fn template() -> &'static str {
    include_str!("template.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_configuration() {
        let config = Config::parse(template()).unwrap();
        let environment =
            |name: &str| (name == "TEST_URL" || name == "TEST_TOKEN").then(|| format!("of {name}"));
        let properties = config.properties(&environment).unwrap();
        assert_eq!(properties["URL"], Property::plain("of TEST_URL"));
        assert_eq!(properties["Token"], Property::secret("of TEST_TOKEN"));
        assert!(config.samples.contains_key("user"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_its_property() {
        let config = Config::parse(r#"{"properties":{"URL":{"env":"NOWHERE"}}}"#).unwrap();
        let error = config.properties(&|_| None).unwrap_err().to_string();
        assert!(error.contains("property URL") && error.contains("variable NOWHERE"), "{error}");
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let error = Config::parse(r#"{"propertys":{}}"#).unwrap_err().to_string();
        assert!(error.contains("propertys") && error.contains("--template"), "{error}");
    }

    #[test]
    fn a_check_is_skipped_for_one_type_or_for_all() {
        let config = Config::parse(r#"{"skip":{"find[user]":"a","delete":"b"}}"#).unwrap();
        assert_eq!(config.skipped("find[user]"), Some("a"));
        assert_eq!(config.skipped("find[group]"), None);
        assert_eq!(config.skipped("delete[group]"), Some("b"));
    }

    #[test]
    fn relative_files_count_from_the_configuration() {
        let text =
            r#"{"grants":{"files":[{"name":"users","path":"u.csv"},{"name":"groups","path":"/g.csv"}]}}"#;
        let grants = Config::parse(text).unwrap().grants(Path::new("/here"));
        let paths: Vec<_> = grants.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["/here/u.csv", "/g.csv"]);
    }
}
