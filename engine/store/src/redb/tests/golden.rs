//! The files' content as text: a change of what is persisted shows in `golden/format-1.txt`.

use super::*;
use crate::{PluginRecord, PluginVersion, Record};
use ::redb::{ReadableDatabase, TableDefinition, TableHandle};
use gangway_model::{EntityEvent, EntityState, Grants, Intent, JobStatus, Manifest, Property, Role, System};
use std::fmt::Write;

/// Not random at all, so that sealed values are the same every time.
fn fixed(buffer: &mut [u8]) -> Result<(), StoreError> {
    buffer.fill(0x5a);
    Ok(())
}

fn fill(tenant: &dyn TenantStore) {
    let system = System {
        tenant: "acme".into(),
        id: "a".into(),
        name: "Source A".to_owned(),
        description: "for people".to_owned(),
        role: Role::Source,
        system_type: None,
        plugin: "csv".into(),
        enabled: true,
        sources: vec!["b".into()],
        properties: [
            ("Password".to_owned(), Property::secret("hunter2")),
            ("URL".to_owned(), Property::plain("https://example.com")),
        ]
        .into(),
        grants: Grants::default(),
        read: None,
        write: None,
    };
    tenant.put_system(&system).unwrap();
    tenant.set_state(&system.id, "delta", Some(b"token")).unwrap();
    let manifest = Manifest {
        interface: "0.1".to_owned(),
        name: "csv".to_owned(),
        version: "1.0.0".to_owned(),
        title: "CSV".to_owned(),
        description: String::new(),
        publisher: String::new(),
        capabilities: Vec::new(),
        entity_types: Vec::new(),
        group_assignment: false,
        properties: Vec::new(),
    };
    let version = PluginVersion { digest: "ab".to_owned(), loaded_ms: 5, manifest };
    tenant
        .put_plugin(&PluginRecord { id: "csv".into(), versions: vec![version], current: "ab".to_owned() })
        .unwrap();
    tenant.put_component("ab", b"\0asm").unwrap();
    let mut running = contract::job("0002", JobStatus::Running);
    tenant.put_job(&contract::job("0001", JobStatus::Success)).unwrap();
    running.checkpoint.pages = 1;
    let mut batch = relations(0..3);
    batch.job = Some(running);
    batch.run = Some("0001".into());
    batch.intents =
        vec![(users(), vec![Intent { source_id: "s9".to_owned(), since_ms: 300, unique: Vec::new() }])];
    batch.events = vec![EntityEvent {
        entity_type: "user".into(),
        system: "x".into(),
        source_id: Some("s0".to_owned()),
        target_id: Some("t0".to_owned()),
        state: EntityState::Created,
        reason: None,
        error: None,
        content: None,
        time_ms: 7,
    }];
    tenant.commit(&batch).unwrap();
    let record = Record { kind: "schedule", key: "a".to_owned(), value: Some(b"{}".to_vec()) };
    tenant.put_records(&[record]).unwrap();
}

/// Bytes as text where they are text.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

macro_rules! dump {
    ($out:ident, $txn:ident, $definition:expr, $key:expr, $value:expr) => {{
        writeln!($out, "[{}]", $definition.name()).unwrap();
        for entry in $txn.open_table($definition).unwrap().iter().unwrap() {
            let (key, value) = entry.unwrap();
            writeln!($out, "{} = {}", $key(key.value()), $value(value.value())).unwrap();
        }
    }};
}

#[test]
fn golden_files() {
    let dir = tempfile::tempdir().unwrap();
    for waiting_relations in [1_000, 0] {
        let options = Options { random: fixed, waiting_relations, ..small() };
        let path = dir.path().join(waiting_relations.to_string());
        let store = RedbStore::open_with(&path, key(), options).unwrap();
        store.set_setting("token", b"hash").unwrap();
        store.create_tenant(&TenantId::new("acme")).unwrap();
        fill(&*store.tenant(&TenantId::new("acme")).unwrap());
    }

    let mut out = String::new();
    let state = |waiting: &str| {
        ::redb::Database::open(dir.path().join(waiting).join("tenants/acme/state.redb")).unwrap()
    };
    {
        let engine = ::redb::Database::open(dir.path().join("0/engine.redb")).unwrap();
        let txn = engine.begin_read().unwrap();
        writeln!(out, "# engine.redb").unwrap();
        dump_tables(&mut out, &txn, &[META, SETTINGS]);
    }
    let database = state("0");
    let txn = database.begin_read().unwrap();
    writeln!(out, "# state.redb").unwrap();
    dump_tables(&mut out, &txn, &[META, tables::JOBS, tables::SYSTEMS, tables::PLUGINS]);
    let bytes = [
        tables::PAIRS,
        tables::SPACES,
        tables::INTENTS,
        tables::SEEN,
        tables::EVENTS,
        tables::STATE,
        tables::COMPONENTS,
        tables::RECORDS,
    ];
    for table in bytes {
        dump!(out, txn, table, text, text);
    }
    let number = |number: u64| number.to_string();
    let unit = |()| String::new();
    let name = |name: &str| name.to_owned();
    dump!(out, txn, tables::RELATIONS, number, text);
    dump!(out, txn, tables::SOURCES, text, number);
    dump!(out, txn, tables::OWNERS, |key: &owners::OwnerKey| text(key), unit);
    dump!(out, txn, tables::UNFINISHED, name, |flag: u8| flag.to_string());
    dump!(out, txn, tables::NEWS, name, |bits: u8| bits.to_string());
    dump!(out, txn, tables::EVENT_STATES, text, unit);
    dump!(out, txn, tables::SYSTEM_NAMES, name, name);
    writeln!(out, "# state.redb while index entries wait").unwrap();
    let database = state("1000");
    let txn = database.begin_read().unwrap();
    dump_tables(&mut out, &txn, &[META]);
    dump!(out, txn, tables::SOURCES, text, number);

    let expected = include_str!("golden/format-1.txt");
    if out != expected {
        let actual = std::env::temp_dir().join("gangway-store-format-1.txt");
        std::fs::write(&actual, &out).unwrap();
        panic!(
            "what is persisted has changed; compare {} with golden/format-1.txt. A JSON field that old records may lack: replace the golden file. Anything else: raise tables::FORMAT too, or undo it",
            actual.display()
        );
    }
}

fn dump_tables(
    out: &mut String,
    txn: &::redb::ReadTransaction,
    list: &[TableDefinition<'static, &'static str, &'static [u8]>],
) {
    for table in list {
        dump!(out, txn, *table, |key: &str| key.to_owned(), text);
    }
}
