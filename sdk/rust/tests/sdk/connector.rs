//! The macro, as an author's crate calls it.

use gangway_sdk::transformation::{Answer, AnswerOutcome, Answers, Diagnostic, Needs, Request};
use gangway_sdk::{
    AttributeValue, Connector, Direction, Entity, Error, Operation, Outcome, Page, Result, Source, Target,
    Transformation, system::Properties,
};

pub struct Both;

impl Connector for Both {
    fn open() -> Result<Self> {
        Ok(Both)
    }
}

impl Source for Both {
    fn read_page(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<Page> {
        Ok(Page::new(
            vec![Entity::new("1", "{}").with_version(Some("v".to_owned())).with_created_ms(Some(7))],
            None,
        )
        .with_total(Some(1)))
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        ids.iter().map(|id| Err(Error::no_entity(entity_type, id))).collect()
    }
}

impl Target for Both {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        Ok(operations.iter().map(|_| Outcome::done("1").with_version(Some("w".to_owned()))).collect())
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        Source::read_entities(self, entity_type, ids)
    }

    fn find(&mut self, _: &str, _: &[AttributeValue], _: u32) -> Result<Vec<Entity>> {
        Ok(vec![])
    }
}

pub struct Same;

impl Transformation for Same {
    fn compile(document: &str, direction: Direction, _: Properties) -> Result<Self, Vec<Diagnostic>> {
        match (document, direction) {
            ("", _) => {
                Err(vec![Diagnostic::error("/user", "is empty").at(1, 2), Diagnostic::warning("", "odd")])
            }
            _ => Ok(Same),
        }
    }

    fn needs(&self) -> Vec<Needs> {
        vec![]
    }

    fn apply(&self, requests: &[Request<'_>], _: bool, answers: &mut impl Answers) {
        requests
            .iter()
            .for_each(|request| answers.transformed(request.json.as_bytes(), request.variables, &[]));
    }
}

mod as_connector {
    gangway_sdk::plugin! { manifest: "tests/sdk/plugin.json", source: super::Both, target: super::Both }
}

mod as_target {
    gangway_sdk::plugin! { manifest: "tests/sdk/plugin.json", target: super::Both }
}

mod as_transformation {
    gangway_sdk::plugin! { manifest: "tests/sdk/plugin.json", transformation: super::Same, }
}

#[test]
fn a_transformation_hands_texts_through() {
    let request = Request { entity_type: "user", operation: "read", json: "{\"a\":1.00}", variables: "{}" };
    let same = Same::compile("x", Direction::Read, Properties::default()).map_err(|_| ()).unwrap();
    let mut answers: Vec<Answer> = Vec::new();
    same.apply(&[request], false, &mut answers);
    assert_eq!((answers[0].json.as_str(), answers[0].outcome), (request.json, AnswerOutcome::Transformed));
    let problems = Same::compile("", Direction::Write, Properties::default()).map(|_| ()).unwrap_err();
    assert_eq!((problems[0].severity.as_str(), problems[0].line, problems[0].column), ("error", 1, 2));
    assert_eq!(problems[1].severity, "warning");
}
