//! A tenant with one source and some targets, all of them in memory.

pub(super) use super::fakes::*;
use crate::{Limits, Runner, Services};
use gangway_model::{
    Action, Counters, Entity, EntityEvent, EntityState, EntityType, Grants, Job, JobId, JobType, Needs,
    Property, Relation, RelationKey, Role, System, SystemId, TenantId, TransformationRef, Trigger,
};
use gangway_store::{RedbStore, Store, TenantStore};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) tenant: TenantId,
    pub(super) source: Arc<FakeSource>,
    pub(super) systems: Arc<FakeSystems>,
    pub(super) clock: Arc<FakeClock>,
    pub(super) ids: Arc<AtomicU64>,
    pub(super) runner: Runner,
}

pub(super) fn user(id: &str, more: Value) -> Entity {
    let mut content = json!({ "id": id, "userName": id });
    content.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    Entity { id: id.into(), version: None, created_ms: None, json: content.to_string() }
}

pub(super) fn group(id: &str, members: &[&str]) -> Entity {
    let content = json!({ "id": id, "displayName": id, "members": members });
    Entity { id: id.into(), version: None, created_ms: None, json: content.to_string() }
}

impl World {
    /// A source `hr` with pages of `page_size`, and targets of these names.
    pub(super) fn new(page_size: u32, targets: &[&str]) -> Self {
        Self::on(Arc::new(RedbStore::in_memory().unwrap()), page_size, targets)
    }

    pub(super) fn on(store: Arc<dyn Store>, page_size: u32, targets: &[&str]) -> Self {
        let tenant = TenantId::new("acme");
        store.create_tenant(&tenant).unwrap();
        let clock = Arc::new(FakeClock(AtomicU64::new(1000 * DAY)));
        let systems = Arc::new(FakeSystems {
            source: Arc::default(),
            targets: Mutex::default(),
            documents: Mutex::default(),
            unopenable: Mutex::default(),
            other_source: Mutex::default(),
            other_target: Mutex::default(),
        });
        let ids = Arc::new(AtomicU64::new(1));
        let runner = runner(store.clone(), &systems, &clock, &ids, Limits::default());
        let world = Self { store, tenant, source: systems.source.clone(), systems, clock, ids, runner };
        world.put("hr", Role::Source, &[("csv.page.size", &page_size.to_string())], &[]);
        world.document("hr", read_rule());
        for name in targets {
            world.put(name, Role::Target, &[], &["hr"]);
            world.document(name, write_rule());
            let target = FakeTarget { clock: Some(world.clock.clone()), ..FakeTarget::default() };
            target.next.store(1, Ordering::SeqCst);
            world.systems.targets.lock().unwrap().insert(SystemId::new(*name), Arc::new(target));
        }
        world
    }

    /// A new engine on the same state.
    pub(super) fn restart(&mut self, store: Arc<dyn Store>) {
        self.restart_within(store, Limits::default());
    }

    /// A new engine on the same state that ends jobs at these limits.
    pub(super) fn restart_within(&mut self, store: Arc<dyn Store>, limits: Limits) {
        self.runner = runner(store, &self.systems, &self.clock, &self.ids, limits);
    }

    pub(super) fn put(&self, name: &str, role: Role, properties: &[(&str, &str)], sources: &[&str]) {
        let reference = TransformationRef { plugin: "json-transformation".into(), document: "{}".into() };
        let system = System {
            tenant: self.tenant.clone(),
            id: name.into(),
            name: name.to_uppercase(),
            description: String::new(),
            role,
            system_type: None,
            plugin: if role == Role::Source { "csv" } else { "scim2" }.into(),
            enabled: true,
            sources: sources.iter().map(|s| SystemId::new(*s)).collect(),
            properties: properties.iter().map(|(k, v)| ((*k).to_owned(), Property::plain(*v))).collect(),
            grants: Grants::default(),
            read: (role == Role::Source).then(|| reference.clone()),
            write: (role == Role::Target).then_some(reference),
        };
        self.tenant_store().put_system(&system).unwrap();
    }

    pub(super) fn set(&self, system: &str, key: &str, value: Option<&str>) {
        let mut record = self.tenant_store().system(&system.into()).unwrap().unwrap();
        match value {
            Some(value) => record.properties.insert(key.into(), Property::plain(value)),
            None => record.properties.remove(key),
        };
        self.tenant_store().put_system(&record).unwrap();
    }

    /// Gives a system a new document; its configuration hash changes.
    pub(super) fn document(&self, system: &str, rule: Rule) {
        let mut documents = self.systems.documents.lock().unwrap();
        let configuration = documents.get(&SystemId::new(system)).map_or([0; 32], |d| d.configuration);
        let configuration = configuration.map(|byte| byte + 1);
        let document = Document { rule, needs: Needs::default(), configuration, calls: Arc::default() };
        documents.insert(system.into(), document);
    }

    pub(super) fn calls(&self, system: &str) -> u64 {
        let documents = self.systems.documents.lock().unwrap();
        documents[&SystemId::new(system)].calls.swap(0, Ordering::SeqCst)
    }

    pub(super) fn users(&self, users: Vec<Entity>) {
        self.source.entities.lock().unwrap().insert("user".into(), users);
    }

    pub(super) fn groups(&self, groups: Vec<Entity>) {
        self.source.entities.lock().unwrap().insert("group".into(), groups);
    }

    pub(super) fn target(&self, name: &str) -> Arc<FakeTarget> {
        self.systems.targets.lock().unwrap()[&SystemId::new(name)].clone()
    }

    pub(super) fn tenant_store(&self) -> Arc<dyn TenantStore> {
        self.store.tenant(&self.tenant).unwrap()
    }

    pub(super) async fn run(&self, kind: JobType) -> Job {
        let id = self.start(kind).await;
        self.runner.idle().await;
        self.job(&id)
    }

    pub(super) async fn read(&self) -> Job {
        self.run(JobType::Read).await
    }

    pub(super) async fn start(&self, kind: JobType) -> JobId {
        self.runner.start(&self.tenant, &"hr".into(), kind, by_hand()).await.unwrap()
    }

    pub(super) fn job(&self, id: &JobId) -> Job {
        self.tenant_store().job(id).unwrap().unwrap()
    }

    /// The lines of entities that were not simply written.
    pub(super) fn events(&self, run: &JobId) -> Vec<EntityEvent> {
        let written = [EntityState::Created, EntityState::Updated];
        self.log(run).into_iter().filter(|event| !written.contains(&event.state)).collect()
    }

    pub(super) fn log(&self, run: &JobId) -> Vec<EntityEvent> {
        let events = self.tenant_store().events(run, None, None, 10_000).unwrap();
        events.into_iter().map(|(_, event)| event).collect()
    }

    pub(super) fn relations(&self, target: &str, entity_type: &str) -> Vec<Relation> {
        let key = RelationKey {
            source: "hr".into(),
            target: target.into(),
            entity_type: EntityType::new(entity_type),
        };
        self.tenant_store().scan_relations(&key, None, 100_000).unwrap()
    }

    pub(super) fn relation(&self, target: &str, source_id: &str) -> Option<Relation> {
        self.relations(target, "user").into_iter().find(|r| r.source_id == source_id)
    }
}

pub(super) fn by_hand() -> Trigger {
    Trigger { kind: "IMMEDIATE".into(), by: Some("admin".into()) }
}

fn runner(
    store: Arc<dyn Store>,
    systems: &Arc<FakeSystems>,
    clock: &Arc<FakeClock>,
    ids: &Arc<AtomicU64>,
    limits: Limits,
) -> Runner {
    let (systems, ids) = (systems.clone(), ids.clone());
    Runner::new(Services {
        store,
        systems: Arc::new(move |_| systems.clone()),
        clock: clock.clone(),
        ids: Arc::new(move || JobId::new(format!("job-{:04}", ids.fetch_add(1, Ordering::SeqCst)))),
        at_once: 4,
        limits,
        news: Arc::new(|_| ()),
    })
}

/// A row of a job's statistics.
pub(super) fn row(job: &Job, entity_type: &str, system: &str, action: Action) -> Counters {
    crate::stats::row(
        job,
        &EntityType::new(entity_type),
        &crate::policy::tests::system_called(system),
        action,
    )
}

pub(super) fn read_row(job: &Job) -> Counters {
    row(job, "user", "hr", Action::Read)
}

pub(super) fn write_row(job: &Job, target: &str) -> Counters {
    row(job, "user", target, Action::Write)
}
