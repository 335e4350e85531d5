//! The sandbox tax: the same transformation code native and as a component, taking turns.

use crate::median;
use crate::stage::{NoState, Same, TENANT, host, job, system};
use anyhow::{Context, ensure};
use gangway_company::{Company, Size};
use gangway_host::Host;
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
    let file = |path: &str| std::fs::read_to_string(root().join("plugins").join(path));
    let sample = |name: &str| file(&format!("json-transformation/language/samples/{name}"));
    // As systems deliver it: without the spaces of a sample for people.
    let entity = |name: &str| -> anyhow::Result<String> {
        Ok(serde_json::from_str::<serde_json::Value>(&sample(name)?)?.to_string())
    };

    let rows = rows(1000);
    let read = file("csv/types/csv.read.json")?;
    let component = opened(&host, &read, Role::Source).await?;
    measure("csv.read.json", &read, component.as_ref(), &rows, TransformOperation::Read).await?;

    let common = component.apply(&requests(&rows, TransformOperation::Read), false).await?;
    let common: Vec<String> = common.into_iter().map(|answer| answer.json).collect();
    let write = file("scim2/types/scim.write.json")?;
    let component = opened(&host, &write, Role::Target).await?;
    measure("scim.write.json", &write, component.as_ref(), &common, TransformOperation::Create).await?;

    let read = sample("ldap-user-read.json")?;
    let component = opened(&host, &read, Role::Source).await?;
    let entities = vec![entity("ldap-user.json")?; 1000];
    measure("25 mappings (LDAP user read)", &read, component.as_ref(), &entities, TransformOperation::Read)
        .await?;

    let write = sample("scim-user-write.json")?;
    let component = opened(&host, &write, Role::Target).await?;
    let entities = vec![entity("scim-user.json")?; 1000];
    measure(
        "60 mappings (SCIM user write)",
        &write,
        component.as_ref(),
        &entities,
        TransformOperation::Create,
    )
    .await?;

    println!("\ncompiling a document (ms, median of 25; the component: a fresh instance that compiles it)");
    println!("{:<34} {:>9} {:>11}", "document", "native", "component");
    for (name, document, role) in [
        ("25 mappings (LDAP user read)", &read, Role::Source),
        ("60 mappings (SCIM user write)", &write, Role::Target),
    ] {
        let direction =
            if role == Role::Source { language::Direction::Read } else { language::Direction::Write };
        let (mut natives, mut components) = (Vec::new(), Vec::new());
        for _ in 0..25 {
            let start = Instant::now();
            compiled(document, direction)?;
            natives.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            opened(&host, document, role).await?;
            components.push(start.elapsed().as_secs_f64());
        }
        println!("{name:<34} {:>9.2} {:>11.2}", median(natives) * 1e3, median(components) * 1e3);
    }
    Ok(())
}

/// The document in a component: a read transformation for a source, a write transformation for a target.
async fn opened(host: &Host, document: &str, role: Role) -> anyhow::Result<Arc<dyn Transformation>> {
    let systems = host.systems(&TenantId::new(TENANT), Arc::new(NoState));
    let reference = Some(TransformationRef {
        plugin: PluginId::new("json-transformation"),
        document: document.to_owned(),
    });
    let mut system = system("json-transformation", role);
    Ok(if role == Role::Source {
        system.read = reference;
        systems.read_transformation(&system, &job()).await?
    } else {
        system.write = reference;
        systems.write_transformation(&system, &job(), Arc::new(Same)).await?
    })
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
            if let (Some(email), Some(row)) = (&u.email, row.as_object_mut()) {
                row.insert("email".to_owned(), json!(email));
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
    document: &str,
    component: &dyn Transformation,
    entities: &[String],
    operation: TransformOperation,
) -> anyhow::Result<()> {
    let direction = match operation {
        TransformOperation::Read => language::Direction::Read,
        _ => language::Direction::Write,
    };
    let native = &compiled(document, direction)?;
    for batch in [1, 100, 1000] {
        let entities = entities.get(..batch).context("too few entities")?;
        let rounds = (2000 / batch).max(2);
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
