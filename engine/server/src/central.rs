//! Central-store provisioning: a group of an application that changes in the local directory is provisioned at once in
//! the targets of the same application.
//!
//! The directory keeps the changes until they are settled here, and they are settled when the events that carry them out
//! are in the store. After a crash in between an event is made once more, which finds nothing to write.

use crate::problem::Problem;
use crate::scim;
use crate::services::{Services, blocking};
use gangway_directory::{Directory, GroupChange};
use gangway_jobs::{StartError, realtime};
use gangway_model::{Role, System, SystemId, TenantId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Who starts the events.
const CALLER: &str = "central store";
/// The connector that speaks the directory's protocol.
const SCIM: &str = "scim2";
/// Changes that are settled together.
const AT_ONCE: usize = 100;
/// When what did not work is tried again, although nothing changed.
const AGAIN: Duration = Duration::from_secs(30);

/// Follows the directories until it is dropped.
pub(crate) async fn run(services: Services) {
    let mut changed = services.inner.directories.changed().await;
    let mut due: BTreeSet<TenantId> = BTreeSet::new();
    // What an earlier life of the engine left.
    for tenant in services.stored(|store| store.tenants()).await.unwrap_or_default() {
        if services.inner.directories.is_there(&tenant) {
            due.insert(tenant);
        }
    }
    loop {
        let mut failed = BTreeSet::new();
        for tenant in due {
            match follow_up(&services, &tenant).await {
                Ok(()) => {}
                // Deleted meanwhile.
                Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => {}
                Err(problem) => {
                    tracing::warn!(%tenant, problem = problem.detail(), "changed groups wait");
                    failed.insert(tenant);
                }
            }
        }
        due = failed;
        tokio::select! {
            tenant = changed.recv() => match tenant {
                Some(tenant) => { due.insert(tenant); }
                None => return,
            },
            () = tokio::time::sleep(AGAIN), if !due.is_empty() => {}
        }
        while let Ok(tenant) = changed.try_recv() {
            due.insert(tenant);
        }
    }
}

async fn follow_up(services: &Services, tenant: &TenantId) -> Result<(), Problem> {
    let directory = scim::open(services, tenant).await?;
    loop {
        let changes = read(&directory).await?;
        if changes.is_empty() {
            return Ok(());
        }
        let (mut done, mut failure) = (Vec::new(), None);
        for change in changes {
            match push(services, tenant, &directory, &change).await {
                Ok(()) => done.push(change),
                Err(problem) => {
                    failure = Some(problem);
                    break;
                }
            }
        }
        settle(&directory, done).await?;
        if let Some(problem) = failure {
            return Err(problem);
        }
    }
}

async fn read(directory: &Arc<Directory>) -> Result<Vec<GroupChange>, Problem> {
    let directory = directory.clone();
    blocking(move || directory.group_changes(AT_ONCE).map_err(|error| Problem::internal(error.to_string())))
        .await
}

async fn settle(directory: &Arc<Directory>, done: Vec<GroupChange>) -> Result<(), Problem> {
    let directory = directory.clone();
    blocking(move || directory.settle_group_changes(done).map_err(|error| Problem::internal(error.detail)))
        .await
}

/// Makes the events of a change.
async fn push(
    services: &Services,
    tenant: &TenantId,
    directory: &Directory,
    change: &GroupChange,
) -> Result<(), Problem> {
    // It may have been switched off since.
    if !directory.settings().central_store.contains(&change.application) {
        return Ok(());
    }
    let systems = services.of_tenant(tenant, |store| store.systems()).await?;
    for source in sources(&systems, tenant, services.inner.public_url.as_deref(), &change.application) {
        let event = realtime::of_application(change.group.to_string(), change.application.clone());
        match services.runner().notice(tenant, &source, event, CALLER.to_owned()).await {
            // That the source is disabled stands in the log.
            Ok(_) | Err(StartError::Disabled(_) | StartError::UnknownSystem { .. }) => {}
            Err(error) => return Err(Problem::from(error).tenant(tenant.as_str())),
        }
    }
    Ok(())
}

/// The sources that are the tenant's own directory and feed a target of the application.
fn sources(
    systems: &[System],
    tenant: &TenantId,
    public_url: Option<&str>,
    application: &str,
) -> Vec<SystemId> {
    let feeds = |source: &System| {
        systems.iter().any(|target| {
            target.enabled
                && target.role == Role::Target
                && target.sources.contains(&source.id)
                && realtime::is_of_application(target, application)
        })
    };
    systems
        .iter()
        .filter(|system| {
            system.role == Role::Source && is_own_directory(system, tenant, public_url) && feeds(system)
        })
        .map(|system| system.id.clone())
        .collect()
}

/// Whether a system is the tenant's own directory: by its type, or by its address, on this machine or at the engine's public one.
fn is_own_directory(system: &System, tenant: &TenantId, public_url: Option<&str>) -> bool {
    if system.is_local_directory() {
        return true;
    }
    let Some(url) = system.property("URL").filter(|_| system.plugin.as_str() == SCIM) else { return false };
    let path = format!("/tenants/{tenant}/scim/v2");
    let Some(origin) = url.trim().trim_end_matches('/').strip_suffix(path.as_str()) else { return false };
    if public_url.is_some_and(|public| public.trim_end_matches('/') == origin) {
        return true;
    }
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    };
    matches!(name, Some("localhost" | "127.0.0.1" | "::1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gangway_model::{Grants, Property};

    fn at(url: &str) -> System {
        System {
            tenant: "t".into(),
            id: "s".into(),
            name: "S".into(),
            description: String::new(),
            role: Role::Source,
            system_type: None,
            plugin: SCIM.into(),
            enabled: true,
            sources: Vec::new(),
            properties: [("URL".to_owned(), Property::plain(url))].into(),
            grants: Grants::default(),
            read: None,
            write: None,
        }
    }

    #[test]
    fn the_own_directory_is_known_by_its_address() {
        let is = |url: &str| is_own_directory(&at(url), &"t".into(), Some("https://id.example.com/gangway/"));
        for own in [
            "http://127.0.0.1:8080/tenants/t/scim/v2",
            "http://localhost:8080/tenants/t/scim/v2/",
            "http://[::1]:8080/tenants/t/scim/v2",
            "https://id.example.com/gangway/tenants/t/scim/v2",
        ] {
            assert!(is(own), "{own}");
        }
        for other in [
            "http://127.0.0.1:8080/tenants/u/scim/v2",
            "http://127.0.0.1:8080/v2",
            "https://id.example.com/tenants/t/scim/v2",
            "http://127.0.0.1.example.com/tenants/t/scim/v2",
        ] {
            assert!(!is(other), "{other}");
        }
        let mut ldap = at("http://127.0.0.1:8080/tenants/t/scim/v2");
        ldap.plugin = "ldap".into();
        assert!(!is_own_directory(&ldap, &"t".into(), None));
        let inside = System { system_type: Some(System::LOCAL_DIRECTORY.to_owned()), ..at("") };
        assert!(is_own_directory(&inside, &"t".into(), None));
    }
}
