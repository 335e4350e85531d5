//! A file system that is really full.

use super::*;
use gangway_model::JobId;
use std::process::Command;

/// A file system of 2 MiB in memory.
struct Mount(tempfile::TempDir);

impl Mount {
    /// None where this process may not mount; the tests of simulated faults run everywhere.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                let why = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
                let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
                let root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
                assert!(
                    !root || std::env::var_os("CI").is_none(),
                    "cannot mount a small file system: {why:?}"
                );
                eprintln!("not run, needs the right to mount a file system: {why:?}");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(mount) = Mount::new() else { return };
    let dir = mount.0.path();
    let store = RedbStore::open_with(&dir.join("data"), key(), small()).unwrap();
    let name = TenantId::new("acme");
    store.create_tenant(&name).unwrap();
    let tenant = store.tenant(&name).unwrap();
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 600 << 10]).unwrap();

    let mut done = 0;
    let error = loop {
        assert!(done < 100_000, "2 MiB are never full");
        match tenant.commit(&relations(done..done + 100)) {
            Ok(()) => done += 100,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, StoreError::Full(why) if why.contains("acme") && why.contains("space")),
        "{error}"
    );
    assert!(done >= 500, "only {done}");
    // Reading goes on, also again and again after further attempts.
    for _ in 0..3 {
        assert_eq!(tenant.count_relations(&users()).unwrap(), done as u64);
        assert_eq!(tenant.scan_relations(&users(), None, 100_000).unwrap().len(), done);
        let last = format!("t{}", done - 1);
        assert!(tenant.owners(&users(), &[&last]).unwrap()[0].is_some());
        let again = tenant.commit(&relations(done..done + 100));
        assert!(matches!(again, Err(StoreError::Full(_))), "{again:?}");
    }
    assert!(matches!(store.create_tenant(&TenantId::new("other")), Err(StoreError::Full(_))));
    assert_eq!(store.tenants().unwrap(), std::slice::from_ref(&name));

    std::fs::remove_file(&ballast).unwrap();
    tenant.commit(&relations(done..done + 100)).unwrap();
    tenant.forget_seen(&JobId::new("1")).unwrap();
    assert_eq!(tenant.count_relations(&users()).unwrap(), done as u64 + 100);
    drop((tenant, store));
    let store = RedbStore::open_with(&dir.join("data"), key(), small()).unwrap();
    assert_eq!(
        store.tenant(&name).unwrap().scan_relations(&users(), None, 100_000).unwrap().len(),
        done + 100
    );
}
