//! Vectors and the files they stand in.

use crate::relations::Relations;
use gangway_model::{Direction, TransformOperation};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// How a transformation is expected to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// There is a new entity.
    #[default]
    Ok,
    /// A condition is false, or the operation is skipped.
    Skipped,
    /// There is none, for the reason given.
    Failed,
    /// The type is switched off.
    Ignored,
    /// There is nothing to write instead of the entity.
    Deleted,
    /// The document does not compile.
    Invalid,
}

/// One expectation.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// What it is called.
    pub name: String,
    /// `read` or `write`.
    #[serde(default = "read_direction")]
    pub direction: Direction,
    /// The entity type.
    #[serde(default = "user")]
    pub entity: String,
    /// What the entity is transformed for.
    pub operation: Option<TransformOperation>,
    /// The document.
    pub transformation: Box<RawValue>,
    /// The entity.
    #[serde(default)]
    pub input: Option<Box<RawValue>>,
    /// Preset variables.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// Properties of the system.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
    /// Relations of identifiers.
    #[serde(default)]
    pub(crate) resolver: Relations,
    /// How it ends.
    #[serde(default)]
    pub outcome: Outcome,
    /// The new entity.
    #[serde(default, alias = "expect")]
    pub expected: Option<Value>,
    /// The reason, word for word.
    #[serde(default, alias = "reason")]
    pub skip_reason: Option<String>,
    /// Some of the variables at the end.
    #[serde(default)]
    pub expected_variables: Map<String, Value>,
    /// Values for correlation.
    #[serde(default)]
    pub expected_correlation: Option<Vec<String>>,
}

fn read_direction() -> Direction {
    Direction::Read
}

fn user() -> String {
    "user".to_owned()
}

impl Vector {
    /// The operation, or the usual one of the direction.
    pub fn operation(&self) -> TransformOperation {
        self.operation.unwrap_or(match self.direction {
            Direction::Read => TransformOperation::Read,
            Direction::Write => TransformOperation::Create,
        })
    }
}

/// Why a file holds no vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// A line of JSON.
    #[error("line {line}: {error}; each line holds one vector as a JSON object")]
    Line {
        /// Counted from one.
        line: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The YAML.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// The shape of a YAML file.
    #[error("{0}")]
    Shape(String),
    /// A document that a YAML file names.
    #[error("cannot read the transformation {path}: {error}")]
    Document {
        /// Its file.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
}

/// The vectors of a file: YAML for names that end in `.yaml` or `.yml`, lines of JSON for all others.
pub fn read(path: &Path, text: &str) -> Result<Vec<Vector>, VectorError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("yaml" | "yml") => read_yaml(path, text),
        _ => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| {
                serde_json::from_str(line).map_err(|error| VectorError::Line { line: number + 1, error })
            })
            .collect(),
    }
}

/// Defaults at the top, and `tests`, each of which may set anything anew. A `transformation` that is a
/// text is the name of a file beside this one.
fn read_yaml(path: &Path, text: &str) -> Result<Vec<Vector>, VectorError> {
    let whole: Value = serde_saphyr::from_str(text).map_err(|error| VectorError::Yaml(error.to_string()))?;
    let shape = |message: &str| VectorError::Shape(message.to_owned());
    let Value::Object(mut defaults) = whole else {
        return Err(shape("the file is no mapping; it has the keys `transformation` and `tests`"));
    };
    let Some(Value::Array(tests)) = defaults.remove("tests") else {
        return Err(shape("the key `tests` with a list of tests is missing"));
    };
    let mut vectors = Vec::with_capacity(tests.len());
    for (number, test) in tests.into_iter().enumerate() {
        let Value::Object(own) = test else {
            return Err(VectorError::Shape(format!("test {} is no mapping", number + 1)));
        };
        let mut vector = defaults.clone();
        vector.extend(own);
        vector.entry("name").or_insert_with(|| Value::from(format!("test {}", number + 1)));
        if let Some(Value::String(file)) = vector.get("transformation") {
            let place = path.parent().unwrap_or(Path::new("")).join(file);
            let document = std::fs::read_to_string(&place)
                .map_err(|error| VectorError::Document { path: place.display().to_string(), error })?;
            let document = serde_json::from_str(&document)
                .map_err(|error| VectorError::Shape(format!("{}: {error}", place.display())))?;
            vector.insert("transformation".to_owned(), document);
        }
        // Through text, because documents and entities keep theirs.
        let vector = serde_json::from_str(&Value::Object(vector).to_string())
            .map_err(|error| VectorError::Shape(format!("test {}: {error}", number + 1)))?;
        vectors.push(vector);
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_of_json() {
        let text =
            "{\"name\":\"a\",\"transformation\":{\"user\":{}},\"input\":{\"n\":1.50},\"expected\":{}}\n\n";
        let vectors = read(Path::new("x.jsonl"), text).unwrap();
        assert_eq!(vectors.len(), 1);
        assert_eq!(vectors[0].input.as_ref().unwrap().get(), "{\"n\":1.50}");
        assert_eq!((vectors[0].entity.as_str(), vectors[0].operation()), ("user", TransformOperation::Read));
        let error = read(Path::new("x.jsonl"), "{}\n").unwrap_err().to_string();
        assert!(error.starts_with("line 1: missing field `name`"), "{error}");
    }

    #[test]
    fn yaml_with_defaults() {
        let text = "
direction: write
transformation: { user: { mappings: [] } }
tests:
  - name: creates
    input: { a: 1 }
    expect: {}
  - operation: delete
    outcome: deleted
";
        let vectors = read(Path::new("x.yaml"), text).unwrap();
        assert_eq!(vectors[0].expected, Some(json!({})));
        assert_eq!(vectors[0].operation(), TransformOperation::Create);
        assert_eq!((vectors[1].name.as_str(), vectors[1].outcome), ("test 2", Outcome::Deleted));
        for (wrong, message) in [
            ("- 1", "no mapping"),
            ("a: 1", "`tests`"),
            ("tests: [1]", "test 1 is no mapping"),
            ("tests: [{}]", "test 1: missing field `transformation`"),
            ("tests: [{transformation: nowhere.json}]", "cannot read the transformation nowhere.json"),
            ("{", "YAML"),
        ] {
            let error = read(Path::new("x.yml"), wrong).unwrap_err().to_string();
            assert!(error.contains(message), "{wrong}: {error}");
        }
    }
}
