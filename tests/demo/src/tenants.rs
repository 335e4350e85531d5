//! That the two tenants have nothing in common but the engine.

use crate::stage::{PARTNER, Stage, TENANT};
use anyhow::{Context, ensure};
use gangway_company::Company;
use gangway_kit::{Method, number, text};
use serde_json::{Value, json};

/// Somebody of the partner's own, whom no run may touch.
const OWN: &str = "pat";

/// The partner has a person of its own before anybody travels.
pub(crate) async fn own_person(stage: &Stage<'_>) -> anyhow::Result<()> {
    let person = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": OWN });
    let path = format!("/tenants/{PARTNER}/scim/v2/Users");
    let (status, answer) = stage.api.call(Method::POST, &path, Some(person)).await?;
    ensure!(status.as_u16() == 201, "POST {path}: {status}: {answer}");
    println!("\n{PARTNER} has one person of its own: {OWN}");
    Ok(())
}

/// Counts what each tenant holds, and asks each for what is the other's.
pub(crate) async fn apart(stage: &Stage<'_>, company: &Company) -> anyhow::Result<bool> {
    println!("\neach tenant sees its own, and nothing else:");
    let (people, teams) = (company.provisioned().count() as u64, company.groups.len() as u64);
    let mut good = holds(stage, TENANT, people, teams).await?;
    good &= holds(stage, PARTNER, people + 1, teams).await?;

    let somebody = scim(stage, TENANT, "/Users?count=1&attributes=id").await?;
    let id = text(&somebody, "/Resources/0/id");
    let path = format!("/tenants/{PARTNER}/scim/v2/Users/{id}");
    let (status, _) = stage.api.call(Method::GET, &path, None).await?;
    let found = scim(stage, TENANT, &format!("/Users?filter=userName%20eq%20%22{OWN}%22")).await?;
    let found = number(&found, "/totalResults");
    good &= line(
        !id.is_empty() && status.as_u16() == 404 && found == 0,
        &format!(
            "{PARTNER} asked for a person of {TENANT}: {}; {TENANT} asked for {OWN}: {found} found",
            status.as_u16()
        ),
    );

    let mut seen = Vec::new();
    for tenant in [TENANT, PARTNER] {
        for list in ["systems", "jobs"] {
            let (_, answer) =
                stage.api.call(Method::GET, &format!("/api/v1/tenants/{tenant}/{list}"), None).await?;
            let list = answer.get(list).and_then(Value::as_array).context("no list was answered")?;
            seen.push(list.len());
        }
    }
    let [systems, jobs, seen_systems, seen_jobs] = seen.as_slice() else { return Ok(false) };
    good &= line(
        systems * jobs > 0 && seen_systems + seen_jobs == 0,
        &format!(
            "of {TENANT}'s {systems} systems and {jobs} jobs, {PARTNER} sees {seen_systems} and {seen_jobs}"
        ),
    );
    Ok(good)
}

async fn holds(stage: &Stage<'_>, tenant: &str, people: u64, teams: u64) -> anyhow::Result<bool> {
    let mut counts = [0; 2];
    for (count, endpoint) in counts.iter_mut().zip(["Users", "Groups"]) {
        let list = scim(stage, tenant, &format!("/{endpoint}?count=0")).await?;
        *count = number(&list, "/totalResults");
    }
    let [users, groups] = counts;
    let good = (users, groups) == (people, teams);
    line(good, &format!("{:<20}  users {users:>4}  groups {groups:>4}", format!("directory of {tenant}")));
    if !good {
        println!("    expected {people} users and {teams} groups");
    }
    Ok(good)
}

async fn scim(stage: &Stage<'_>, tenant: &str, below: &str) -> anyhow::Result<Value> {
    let path = format!("/tenants/{tenant}/scim/v2{below}");
    let (status, answer) = stage.api.call(Method::GET, &path, None).await?;
    ensure!(status.is_success(), "GET {path}: {status}: {answer}");
    Ok(answer)
}

fn line(good: bool, said: &str) -> bool {
    println!("  {} {said}", if good { "✓" } else { "✗" });
    good
}
