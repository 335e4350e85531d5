//! An example of a transformation of one's own, usable wherever the JSON one is.
//!
//! A document has one line for each attribute: `attribute of the new entity = attribute of the old one`.
//! `*` on the left is the entity's identifier. Everything else of the entity is left out.
//!
//! ```text
//! # people
//! *        = id
//! userName = login
//! ```

use gangway_sdk::system::Properties;
use gangway_sdk::transformation::{Answer, Answers, Diagnostic, Needs, Request};
use gangway_sdk::{Direction, Transformation};
use serde_json::{Map, Value};

/// A compiled document: pairs of new and old attributes.
#[derive(Debug)]
pub struct Lines {
    pairs: Vec<(String, String)>,
    /// The attribute that holds the identifier.
    id: Option<String>,
}

impl Transformation for Lines {
    fn compile(document: &str, direction: Direction, _: Properties) -> Result<Self, Vec<Diagnostic>> {
        let mut lines = Lines { pairs: Vec::new(), id: None };
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(document.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line.split_once('=').map(|(new, old)| (new.trim(), old.trim())) {
                _ if line.is_empty() => {}
                Some(("*", old)) if !old.is_empty() => lines.id = Some(old.to_owned()),
                Some((new, old)) if !new.is_empty() && !old.is_empty() => {
                    lines.pairs.push((new.to_owned(), old.to_owned()));
                }
                _ => {
                    let message = format!("`{line}` is no line such as `userName = login`.");
                    problems.push(Diagnostic::error("", message).at(number, 1));
                }
            }
        }
        if direction == Direction::Read && lines.id.is_none() && problems.is_empty() {
            let message = "No line says what identifies an entity; add one such as `* = id`.";
            problems.push(Diagnostic::error("", message).at(1, 1));
        }
        if problems.is_empty() { Ok(lines) } else { Err(problems) }
    }

    fn needs(&self) -> Vec<Needs> {
        // Every entity type is transformed in the same way, and nothing is asked of the world.
        ["user", "group"]
            .map(|entity_type| Needs { entity_type: entity_type.to_owned(), needs: vec![], ignored: false })
            .to_vec()
    }

    fn apply(&self, requests: &[Request<'_>], _: bool, answers: &mut impl Answers) {
        requests.iter().for_each(|request| answers.put(self.one(request)));
    }
}

impl Lines {
    fn one(&self, request: &Request<'_>) -> Answer {
        if request.operation == "delete" {
            return Answer::deleted();
        }
        let old: Map<String, Value> = match serde_json::from_str(request.json) {
            Ok(old) => old,
            Err(error) => return Answer::failed(format!("the entity is no JSON object: {error}"), ""),
        };
        let pairs = self.pairs.iter().filter_map(|(new, name)| Some((new.clone(), old.get(name)?.clone())));
        let answer = Answer::transformed(Value::Object(pairs.collect()).to_string());
        match self.id.as_ref().and_then(|id| old.get(id)) {
            Some(Value::String(id)) => answer.with_id(id.as_str()),
            Some(Value::Number(id)) => answer.with_id(id.to_string()),
            _ => answer,
        }
    }
}

gangway_sdk::plugin! { manifest: "plugin.json", transformation: Lines }

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(document: &str) -> Result<Lines, Vec<Diagnostic>> {
        Lines::compile(document, Direction::Read, Properties::default())
    }

    #[test]
    fn attributes_get_their_new_names() {
        let lines = compiled("# people\n* = id\nuserName = login # small letters\ntitle = job\n").unwrap();
        let request = |operation, json| Request { entity_type: "user", operation, json, variables: "" };
        let requests = [
            request("read", r#"{"id": 7, "login": "ada", "x": 1}"#),
            request("read", "[]"),
            request("delete", "{}"),
        ];
        let mut answers: Vec<Answer> = Vec::new();
        lines.apply(&requests, false, &mut answers);
        assert_eq!((answers[0].json.as_str(), answers[0].id.as_str()), (r#"{"userName":"ada"}"#, "7"));
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome.as_str()).collect();
        assert_eq!(outcomes, ["transformed", "failed", "deleted"]);
    }

    #[test]
    fn every_wrong_line_is_named() {
        let problems = compiled("* = id\nuserName\n= x\n").unwrap_err();
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 3]);
        assert!(compiled("a = b").unwrap_err()[0].message.contains("* = id"));
    }
}
