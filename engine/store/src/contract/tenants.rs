use super::{Case, key, relation, system, tenant};
use crate::{Commit, Store, StoreError};
use gangway_model::TenantId;

pub(super) const CASES: &[Case] = &[
    ("tenants come and go", come_and_go),
    ("names that are no tenant's are refused", names),
    ("tenants are apart", apart),
    ("a deleted tenant leaves nothing behind", nothing_left),
    ("settings", settings),
    ("secrets of the installation", secrets),
];

fn come_and_go(store: &dyn Store) {
    assert_eq!(store.tenants().unwrap(), []);
    for name in ["beta", "alpha"] {
        store.create_tenant(&TenantId::new(name)).unwrap();
    }
    assert_eq!(store.tenants().unwrap(), [TenantId::new("alpha"), TenantId::new("beta")]);
    let again = store.create_tenant(&TenantId::new("beta")).unwrap_err();
    assert!(matches!(again, StoreError::Exists(_)), "{again}");
    store.delete_tenant(&TenantId::new("beta")).unwrap();
    assert_eq!(store.tenants().unwrap(), [TenantId::new("alpha")]);
    for error in [
        store.delete_tenant(&TenantId::new("beta")).unwrap_err(),
        store.tenant(&TenantId::new("beta")).map(|_| ()).unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::Missing(what) if what.contains("beta")), "{error}");
    }
}

fn names(store: &dyn Store) {
    for name in ["", "..", "../x", "A", "a/b", "-a", "a_b", ".new-a"] {
        let name = TenantId::new(name);
        assert!(store.create_tenant(&name).is_err(), "{name}");
        assert!(matches!(store.tenant(&name).map(|_| ()), Err(StoreError::Missing(_))), "{name}");
        assert!(matches!(store.delete_tenant(&name), Err(StoreError::Missing(_))), "{name}");
    }
    assert_eq!(store.tenants().unwrap(), []);
}

fn apart(store: &dyn Store) {
    let acme = tenant(store);
    store.create_tenant(&TenantId::new("other")).unwrap();
    let other = store.tenant(&TenantId::new("other")).unwrap();
    assert_ne!(acme.hash_key(), other.hash_key());
    assert_ne!(acme.hash_key(), [0; 32]);
    assert_eq!(acme.hash_key(), store.tenant(&TenantId::new("acme")).unwrap().hash_key());
    acme.put_system(&system("s1", "One")).unwrap();
    assert_eq!(other.systems().unwrap(), []);
    other.put_system(&system("s2", "One")).unwrap();
    assert_eq!(acme.systems().unwrap().len(), 1);
}

fn nothing_left(store: &dyn Store) {
    let acme = tenant(store);
    acme.put_system(&system("s1", "One")).unwrap();
    let k = key("a", "b", "user");
    acme.commit(&Commit { relations: vec![(k.clone(), vec![relation("x", "y")])], ..Commit::default() })
        .unwrap();
    let old_key = acme.hash_key();
    store.delete_tenant(&TenantId::new("acme")).unwrap();
    // Who still holds the tenant gets an error, not the old or the next tenant's data.
    assert!(matches!(acme.systems(), Err(StoreError::Missing(_))));
    store.create_tenant(&TenantId::new("acme")).unwrap();
    assert!(matches!(acme.put_system(&system("s1", "One")), Err(StoreError::Missing(_))));
    let new = store.tenant(&TenantId::new("acme")).unwrap();
    assert_eq!(new.systems().unwrap(), []);
    assert_eq!(new.count_relations(&k).unwrap(), 0);
    assert_ne!(new.hash_key(), old_key);
}

fn settings(store: &dyn Store) {
    assert_eq!(store.setting("token").unwrap(), None);
    store.set_setting("token", b"one").unwrap();
    store.set_setting("token", b"two").unwrap();
    assert_eq!(store.setting("token").unwrap().as_deref(), Some(b"two".as_slice()));
    assert_eq!(store.setting("tok").unwrap(), None);
}

fn secrets(store: &dyn Store) {
    assert_eq!(store.secret("mail").unwrap(), None);
    store.set_secret("mail", Some(b"one")).unwrap();
    store.set_secret("mail", Some(b"two")).unwrap();
    store.set_setting("mail", b"in clear").unwrap();
    assert_eq!(store.secret("mail").unwrap().as_deref(), Some(b"two".as_slice()));
    store.set_secret("mail", None).unwrap();
    assert_eq!(store.secret("mail").unwrap(), None);
    assert_eq!(store.setting("mail").unwrap().as_deref(), Some(b"in clear".as_slice()));
}
