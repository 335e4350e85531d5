use super::*;
use crate::openapi::document;
use std::collections::BTreeSet;

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let engine = Engine::new().await;
    let served = engine.ok("GET", "/api/openapi.json", Value::Null).await;
    assert_eq!(served, document());
    assert_eq!(served["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, methods) in served["paths"].as_object().unwrap() {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|m| ["get", "post", "put", "delete"].contains(&m.as_str()))
        {
            described.insert((method.clone(), path.clone()));
            // What is described answers: nothing here is the fallback's 404 or 405.
            let concrete = path.replace(['{', '}'], "");
            let response = engine.raw(&method.to_uppercase(), &concrete, None, "").await;
            assert!(
                ![404, 405].contains(&response.status().as_u16()),
                "{method} {path}: {}",
                response.status()
            );
        }
    }
    let routes: BTreeSet<_> =
        crate::routes::routes().iter().map(|r| (r.method.to_owned(), r.path.to_owned())).collect();
    assert_eq!(described, routes);
    assert!(routes.len() >= 26);
}

#[test]
fn operations_have_names_of_their_own_and_schemas_exist() {
    let document = document();
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values().filter(|o| o.get("operationId").is_some()) {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()));
        }
    }
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.len() > 15);
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "schema {name} is missing");
    }
}

/// Asserts that a value is what the document says of it.
pub(super) fn fits(schema: &str, value: &Value) {
    let schemas = document()["components"]["schemas"].clone();
    let mut wrong = Vec::new();
    check(&schemas, &schemas[schema], value, schema, &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}\n{value}");
}

/// As much of JSON Schema as the document uses.
fn check(all: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return check(all, &all[name.rsplit('/').next().unwrap()], value, at, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|schema| {
            let mut inner = Vec::new();
            check(all, schema, value, at, &mut inner);
            inner.is_empty()
        });
        if !fits {
            wrong.push(format!("{at}: none of anyOf"));
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&actual) {
        wrong.push(format!("{at}: {actual} instead of {types:?}"));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        wrong.push(format!("{at}: {value} is not of the enum"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(all, &schema["items"], item, &format!("{at}/{index}"), wrong);
    }
    let Some(map) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            wrong.push(format!("{at}: no {name}"));
        }
    }
    for (key, value) in map {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) => check(all, schema, value, &format!("{at}/{key}"), wrong),
            (None, Value::Bool(false)) => wrong.push(format!("{at}: {key} is not described")),
            (None, schema) => check(all, schema, value, &format!("{at}/{key}"), wrong),
        }
    }
}
