//! What is on the disk, and who may open it.

use super::*;
use gangway_model::{Grants, JobId, PluginId, Property, Role, System};
use std::path::PathBuf;
use tempfile::tempdir;

fn acme() -> TenantId {
    TenantId::new("acme")
}

fn open(dir: &Path) -> Result<RedbStore, StoreError> {
    RedbStore::open_with(dir, key(), small())
}

fn message<T>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.create_tenant(&acme()).unwrap();
    store.set_setting("token", b"hash").unwrap();
    let tenant = store.tenant(&acme()).unwrap();
    let hash_key = tenant.hash_key();
    // More than may wait, and then some that wait.
    tenant.commit(&relations(0..150)).unwrap();
    tenant.commit(&relations(150..200)).unwrap();
    let before = tenant.scan_relations(&users(), None, 1_000).unwrap();
    drop((tenant, store));

    let store = open(dir.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), [acme()]);
    assert_eq!(store.setting("token").unwrap().as_deref(), Some(b"hash".as_slice()));
    let tenant = store.tenant(&acme()).unwrap();
    assert_eq!(tenant.hash_key(), hash_key);
    assert_eq!(tenant.scan_relations(&users(), None, 1_000).unwrap(), before);
    assert_eq!(before.len(), 200);
    let owners = tenant.owners(&users(), &["t3", "t199"]).unwrap();
    assert_eq!(owners, [Some("s3".to_owned()), Some("s199".to_owned())]);
    tenant.commit(&relations(190..210)).unwrap();
    assert_eq!(tenant.count_relations(&users()).unwrap(), 210);
    let mut ordinals: Vec<u64> =
        tenant.scan_relations(&users(), None, 1_000).unwrap().iter().map(|r| r.ordinal).collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    assert_eq!(ordinals.len(), 210);
}

#[test]
fn a_data_directory_has_one_process_at_a_time() {
    let dir = tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let refused = message(open(dir.path()));
    let process = format!("in use by process {}", std::process::id());
    assert!(refused.contains(&process) && refused.contains("another data directory"), "{refused}");
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn a_wrong_key_is_named_as_the_reason() {
    let dir = tempdir().unwrap();
    open(dir.path()).unwrap().create_tenant(&acme()).unwrap();
    let wrong = RedbStore::open_with(dir.path(), MasterKey::from_bytes([4; 32]), small());
    let wrong = message(wrong);
    assert!(wrong.contains("another master key") && wrong.contains("engine.redb"), "{wrong}");

    // A tenant's file from another installation.
    let other = tempdir().unwrap();
    let store = RedbStore::open_with(other.path(), MasterKey::from_bytes([4; 32]), small()).unwrap();
    std::fs::create_dir(other.path().join("tenants/acme")).unwrap();
    std::fs::copy(dir.path().join("tenants/acme/state.redb"), other.path().join("tenants/acme/state.redb"))
        .unwrap();
    let wrong = message(store.tenant(&acme()));
    assert!(wrong.contains("another master key") && wrong.contains("tenant acme"), "{wrong}");
}

#[test]
fn a_tenants_file_is_restored_by_putting_it_back() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("tenants/acme/state.redb");
    let backup = dir.path().join("backup");
    let store = open(dir.path()).unwrap();
    store.create_tenant(&acme()).unwrap();
    store.tenant(&acme()).unwrap().commit(&relations(0..5)).unwrap();
    drop(store);
    std::fs::copy(&file, &backup).unwrap();
    let store = open(dir.path()).unwrap();
    store.delete_tenant(&acme()).unwrap();
    drop(store);
    std::fs::create_dir(dir.path().join("tenants/acme")).unwrap();
    std::fs::copy(&backup, &file).unwrap();
    std::fs::create_dir(dir.path().join("tenants/other")).unwrap();
    std::fs::copy(&backup, dir.path().join("tenants/other/state.redb")).unwrap();

    let store = open(dir.path()).unwrap();
    assert_eq!(store.tenant(&acme()).unwrap().count_relations(&users()).unwrap(), 5);
    // Under another's name its secrets would not open.
    let refused = message(store.tenant(&TenantId::new("other")));
    assert!(refused.contains("belongs to tenant acme"), "{refused}");
}

#[test]
fn a_newer_format_is_refused() {
    for name in ["engine.redb", "tenants/acme/state.redb"] {
        let dir = tempdir().unwrap();
        open(dir.path()).unwrap().create_tenant(&acme()).unwrap();
        {
            let database = ::redb::Database::open(dir.path().join(name)).unwrap();
            let txn = database.begin_write().unwrap();
            let newer = u64::from(tables::FORMAT) + 1;
            txn.open_table(META).unwrap().insert(tables::FORMAT_KEY, newer.to_le_bytes().as_slice()).unwrap();
            txn.commit().unwrap();
        }
        let refused = message(open(dir.path()).and_then(|store| store.tenant(&acme()).map(|_| ())));
        assert!(refused.contains("newer Gangway") && refused.contains("format 2"), "{name}: {refused}");
    }
}

#[test]
fn what_is_no_database_of_ours_is_refused() {
    let dir = tempdir().unwrap();
    open(dir.path()).unwrap().create_tenant(&acme()).unwrap();
    let file = dir.path().join("tenants/acme/state.redb");
    for content in [Vec::new(), b"not a database".repeat(1_000)] {
        std::fs::write(&file, content).unwrap();
        let refused = open(dir.path()).unwrap().tenant(&acme()).map(|_| ());
        assert!(matches!(&refused, Err(StoreError::Damaged(why)) if why.contains("acme")), "{refused:?}");
    }
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data).unwrap();
    store.create_tenant(&acme()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files = files_below(&data);
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
fn no_secret_is_in_the_files() {
    let dir = tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.create_tenant(&acme()).unwrap();
    let tenant = store.tenant(&acme()).unwrap();
    let properties = [
        ("URL".to_owned(), Property::plain("https://plain-canary.example")),
        ("Password".to_owned(), Property::secret("secret-canary-1")),
    ];
    let mut system = System {
        tenant: acme(),
        id: "s1".into(),
        name: "One".to_owned(),
        description: String::new(),
        role: Role::Target,
        system_type: None,
        plugin: PluginId::new("scim2"),
        enabled: true,
        sources: Vec::new(),
        properties: properties.into(),
        grants: Grants::default(),
        read: None,
        write: None,
    };
    tenant.put_system(&system).unwrap();
    system.properties.insert("Password".to_owned(), Property::secret("secret-canary-2"));
    tenant.put_system(&system).unwrap();
    tenant.set_state(&system.id, "token", Some(b"secret-canary-3")).unwrap();
    let hash_key = tenant.hash_key();
    drop((tenant, store));
    let mut plain = 0;
    for path in files_below(dir.path()).iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(path).unwrap();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(b"secret-canary"), "{}", path.display());
        assert!(!holds(&hash_key), "{}", path.display());
        plain += usize::from(holds(b"plain-canary"));
    }
    assert_eq!(plain, 1, "the search finds what is not secret");
}

#[test]
fn interrupted_creation_and_erasure_are_finished() {
    let dir = tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    for name in [".new-half", ".erased-old"] {
        let half = dir.path().join("tenants").join(name);
        std::fs::create_dir(&half).unwrap();
        std::fs::write(half.join("state.redb"), b"half").unwrap();
    }
    let store = open(dir.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), []);
    assert_eq!(std::fs::read_dir(dir.path().join("tenants")).unwrap().count(), 0);
    for name in ["half", "old"] {
        store.create_tenant(&TenantId::new(name)).unwrap();
    }
    store.delete_tenant(&TenantId::new("old")).unwrap();
    assert!(!dir.path().join("tenants/old").exists());
}

#[test]
fn many_tenants_share_few_open_files() {
    let dir = tempdir().unwrap();
    let options = Options { open_tenants: 2, ..small() };
    let store = RedbStore::open_with(dir.path(), key(), options).unwrap();
    let names: Vec<TenantId> = (0..6).map(|n| TenantId::new(format!("tenant-{n}"))).collect();
    names.iter().for_each(|name| store.create_tenant(name).unwrap());
    // Held all the time, used in turns and at once.
    let tenants: Vec<_> = names.iter().map(|name| store.tenant(name).unwrap()).collect();
    for round in 0..3 {
        for tenant in &tenants {
            tenant.commit(&relations(round * 10..round * 10 + 10)).unwrap();
        }
    }
    std::thread::scope(|scope| {
        for tenant in &tenants {
            scope.spawn(|| {
                for round in 3..13 {
                    tenant.commit(&relations(round * 10..round * 10 + 10)).unwrap();
                    assert_eq!(tenant.relations(&users(), &["s7"]).unwrap().iter().flatten().count(), 1);
                }
            });
        }
    });
    // One goes on alone, and the others become idle.
    let open = || store.known().values().filter(|tenant| tenant.file.is_open()).count();
    assert!(open() > 2);
    for _ in 0..2 * open_files::IDLE {
        assert_eq!(tenants[0].relations(&users(), &["s7"]).unwrap().len(), 1);
    }
    assert_eq!(open(), 2);
    for tenant in &tenants {
        assert_eq!(tenant.count_relations(&users()).unwrap(), 130);
        tenant.forget_seen(&JobId::new("1")).unwrap();
    }
}
