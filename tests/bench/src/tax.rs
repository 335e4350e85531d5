//! The sandbox tax: the same transformation code native and as a component, taking turns.

use crate::median;
use crate::stage::{NoState, Same, TENANT, host, job, system};
use anyhow::{Context, ensure};
use gangway_company::{Company, Size};
use gangway_kit::root;
use gangway_model::ports::Transformation;
use gangway_model::{
    AnswerOutcome, PluginId, Request, Role, TenantId, TransformOperation, TransformationRef,
};
use gangway_transformation_language as language;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Answers nothing: the documents measured here resolve no user attributes.
struct Nobody;

impl language::Resolver for Nobody {
    fn resolve(&mut self, _: &language::Query, ids: &[String]) -> Result<Vec<Vec<String>>, String> {
        Ok(ids.iter().map(|_| Vec::new()).collect())
    }
}

impl language::Random for Nobody {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(4);
        Ok(())
    }
}

pub(crate) async fn run() -> anyhow::Result<()> {
    println!(
        "\nsandbox tax: the same code native and as a component (µs per user, one call at a time, median of 15)"
    );
    println!("{:<34} {:>6} {:>9} {:>11} {:>7}", "document", "batch", "native", "component", "ratio");
    let folder = tempfile::tempdir()?;
    let host = host(folder.path(), &["json-transformation"]).await?;
    let systems = host.systems(&TenantId::new(TENANT), Arc::new(NoState));
    let read = std::fs::read_to_string(root().join("plugins/csv/types/csv.read.json"))?;
    let write = std::fs::read_to_string(root().join("plugins/scim2/types/scim.write.json"))?;

    let rows = rows(1000);
    let mut source = system("json-transformation", Role::Source);
    source.read =
        Some(TransformationRef { plugin: PluginId::new("json-transformation"), document: read.clone() });
    let component = systems.read_transformation(&source, &job()).await?;
    let native = compiled(&read, language::Direction::Read)?;
    measure("csv.read.json", &native, component.as_ref(), &rows, TransformOperation::Read).await?;

    let common = component.apply(&requests(&rows, TransformOperation::Read), false).await?;
    let common: Vec<String> = common.into_iter().map(|answer| answer.json).collect();
    let mut target = system("json-transformation", Role::Target);
    target.write =
        Some(TransformationRef { plugin: PluginId::new("json-transformation"), document: write.clone() });
    let component = systems.write_transformation(&target, &job(), Arc::new(Same)).await?;
    let native = compiled(&write, language::Direction::Write)?;
    measure("scim.write.json", &native, component.as_ref(), &common, TransformOperation::Create).await
}

fn compiled(document: &str, direction: language::Direction) -> anyhow::Result<language::Compiled> {
    language::compile(document, direction, &[]).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// What the CSV component makes of a user file's rows.
fn rows(count: usize) -> Vec<String> {
    let company = Company::new(Size { users: count, groups: 0, service_accounts: 0, damaged: 0 }, 5);
    company
        .users
        .values()
        .map(|u| {
            let mut row = json!({
                "id": u.id, "userName": u.user_name, "givenName": u.given_name, "familyName": u.family_name,
                "department": u.department, "title": u.title, "type": u.kind, "active": u.active.to_string(),
            });
            if let Some(email) = &u.email {
                row["email"] = json!(email);
            }
            row.to_string()
        })
        .collect()
}

fn requests(entities: &[String], operation: TransformOperation) -> Vec<Request<'_>> {
    let one = |json| Request { entity_type: "user", operation, json, variables: String::new() };
    entities.iter().map(|json| one(json.as_str())).collect()
}

async fn measure(
    name: &str,
    native: &language::Compiled,
    component: &dyn Transformation,
    entities: &[String],
    operation: TransformOperation,
) -> anyhow::Result<()> {
    for batch in [1, 100, 1000] {
        let entities = entities.get(..batch).context("too few entities")?;
        let rounds = (4000 / batch).max(4);
        let (mut natives, mut components) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            natives.push(native_round(native, entities, operation, rounds)?);
            components.push(component_round(component, entities, operation, rounds).await?);
        }
        let per_user = |seconds: Vec<f64>| median(seconds) * 1e6 / (rounds * batch) as f64;
        let (native, component) = (per_user(natives), per_user(components));
        println!("{name:<34} {batch:>6} {native:>9.2} {component:>11.2} {:>7.2}", component / native);
    }
    Ok(())
}

fn native_round(
    native: &language::Compiled,
    entities: &[String],
    operation: TransformOperation,
    rounds: usize,
) -> anyhow::Result<f64> {
    let start = Instant::now();
    for _ in 0..rounds {
        let requests: Vec<language::Request<'_>> = entities
            .iter()
            .map(|json| language::Request {
                entity_type: "user",
                operation: operation.as_str(),
                json,
                variables: "",
            })
            .collect();
        let mut outer = language::Outer {
            now_milliseconds: &|| 0,
            random: &mut Nobody,
            resolver: &mut Nobody,
            explain: false,
        };
        let answers = native.apply(&requests, &mut outer);
        ensure!(answers.iter().all(|a| a.outcome.as_str() == "transformed"), "{:?}", answers.first());
    }
    Ok(start.elapsed().as_secs_f64())
}

async fn component_round(
    component: &dyn Transformation,
    entities: &[String],
    operation: TransformOperation,
    rounds: usize,
) -> anyhow::Result<f64> {
    let start = Instant::now();
    for _ in 0..rounds {
        let answers = component.apply(&requests(entities, operation), false).await?;
        ensure!(answers.iter().all(|a| a.outcome == AnswerOutcome::Transformed), "{:?}", answers.first());
    }
    Ok(start.elapsed().as_secs_f64())
}
