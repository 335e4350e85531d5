//! Vectors, and the outside world they are run in.
#![allow(dead_code)]

use std::collections::HashMap;

use gangway_transformation_language::{
    Answer, Compiled, Diagnostic, Direction, Outcome, Outer, Query, Random, Request, Resolver, compile,
};
use serde_json::Value;

pub struct Vector {
    pub name: String,
    pub json: Value,
}

impl Vector {
    pub fn parse(line: &str) -> Vector {
        let json: Value = serde_json::from_str(line).unwrap();
        Vector { name: json["name"].as_str().unwrap().to_owned(), json }
    }

    fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_default()
    }
}

/// Not random at all, and therefore repeatable.
pub struct Sequence(pub u64);

impl Random for Sequence {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 33) as u8;
        }
        Ok(())
    }
}

/// Relations from a table; counts the questions.
#[derive(Default)]
pub struct Relations {
    pub table: HashMap<String, HashMap<String, Vec<String>>>,
    pub questions: usize,
}

impl Relations {
    pub fn of(json: &Value) -> Relations {
        let mut relations = Relations::default();
        for (kind, ids) in json.as_object().into_iter().flatten() {
            for (id, targets) in ids.as_object().unwrap() {
                let targets = match targets {
                    Value::Array(items) => {
                        items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
                    }
                    single => vec![single.as_str().unwrap().to_owned()],
                };
                relations.table.entry(kind.clone()).or_default().insert(id.clone(), targets);
            }
        }
        relations
    }
}

impl Resolver for Relations {
    fn resolve(&mut self, query: &Query, ids: &[String]) -> Result<Vec<Vec<String>>, String> {
        self.questions += 1;
        let kind = match &query.source_system {
            Some(system) => format!("{}@{system}", query.entity_type),
            None => query.entity_type.clone(),
        };
        let known = self.table.get(&kind);
        Ok(ids.iter().map(|id| known.and_then(|known| known.get(id)).cloned().unwrap_or_default()).collect())
    }
}

pub fn properties(json: &Value) -> Vec<(String, String)> {
    let members = json.as_object().into_iter().flatten();
    members
        .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

pub fn compiled(
    document: &str,
    direction: &str,
    properties: &[(String, String)],
) -> Result<Compiled, Vec<Diagnostic>> {
    compile(document, Direction::of(direction).unwrap(), properties)
}

pub fn apply(compiled: &Compiled, request: Request<'_>, relations: &mut Relations, explain: bool) -> Answer {
    let mut outer = Outer {
        now_milliseconds: &|| 1_714_954_353_123,
        random: &mut Sequence(7),
        resolver: relations,
        explain,
    };
    compiled.apply(&[request], &mut outer).pop().unwrap()
}

/// Runs one vector; the error says what differs.
pub fn check(vector: &Vector) -> Result<(), String> {
    let outcome = vector.text("outcome");
    let document = vector.json["transformation"].to_string();
    let compiled =
        match compiled(&document, vector.text("direction"), &properties(&vector.json["properties"])) {
            Ok(compiled) if outcome == "invalid" => {
                return Err(format!("compiles, with {:?}", compiled.warnings()));
            }
            Ok(compiled) => compiled,
            Err(_) if outcome == "invalid" => return Ok(()),
            Err(diagnostics) => return Err(format!("does not compile: {diagnostics:?}")),
        };
    let variables = match &vector.json["variables"] {
        Value::Object(members) if !members.is_empty() => vector.json["variables"].to_string(),
        _ => String::new(),
    };
    let input = vector.json["input"].to_string();
    let request = Request {
        entity_type: vector.text("entity"),
        operation: vector.text("operation"),
        json: &input,
        variables: &variables,
    };
    let mut relations = Relations::of(&vector.json["resolver"]);
    let answer = apply(&compiled, request.clone(), &mut relations, false);
    let traced = apply(&compiled, request, &mut relations, true);
    if (&traced.json, traced.outcome) != (&answer.json, answer.outcome) {
        return Err("the traced run differs".into());
    }
    if !traced.trace.is_empty() {
        serde_json::from_str::<Value>(&traced.trace).map_err(|error| format!("trace: {error}"))?;
    }
    let expected_outcomes: &[Outcome] = match outcome {
        "ok" => &[Outcome::Transformed],
        // The vectors do not tell a false condition from a skipped operation.
        "skipped" => &[Outcome::Filtered, Outcome::Skipped],
        "failed" => &[Outcome::Failed],
        "ignored" => &[Outcome::Ignored],
        _ => &[Outcome::Deleted],
    };
    if !expected_outcomes.contains(&answer.outcome) {
        return Err(format!(
            "{:?} ({}), expected {outcome}; json {}",
            answer.outcome, answer.reason, answer.json
        ));
    }
    if let Some(reason) = vector.json["skip_reason"].as_str()
        && reason != answer.reason
    {
        return Err(format!("reason `{}`, expected `{reason}`", answer.reason));
    }
    if outcome == "ok" {
        let output: Value =
            serde_json::from_str(&answer.json).map_err(|error| format!("{error}: {}", answer.json))?;
        if !matches(&vector.json["expected"], &output) {
            return Err(format!("{output}, expected {}", vector.json["expected"]));
        }
    }
    let variables: Value = if traced.variables.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&traced.variables).unwrap()
    };
    for (name, value) in vector.json["expected_variables"].as_object().into_iter().flatten() {
        if !matches(value, &variables[name]) {
            return Err(format!("variable {name} is {}, expected {value}", variables[name]));
        }
    }
    if let Some(values) = vector.json["expected_correlation"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        if values != answer.correlation {
            return Err(format!("correlation {:?}, expected {values:?}", answer.correlation));
        }
    }
    Ok(())
}

/// Deep equality; `{"$match": pattern}` stands for any matching text.
pub fn matches(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(pattern), Value::String(text)) if pattern.contains_key("$match") => {
            fancy_regex::Regex::new(pattern["$match"].as_str().unwrap())
                .unwrap()
                .is_match(text.as_str())
                .unwrap()
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| matches(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| matches(a, b))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => expected == actual,
    }
}
