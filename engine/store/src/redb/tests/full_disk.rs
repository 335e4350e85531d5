//! A file system that is really full.

use super::*;
use gangway_model::JobId;
use std::process::Command;

/// A small file system.
struct Mount(tempfile::TempDir);

impl Mount {
    /// In memory. None where this process may not mount; the simulated faults run everywhere.
    fn tmpfs() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(dir.path()));
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let in_ci =
            status.lines().any(|line| line.starts_with("Uid:\t0\t")) && std::env::var_os("CI").is_some();
        assert!(mounted.is_ok() || !in_ci, "cannot mount a small file system: {mounted:?}");
        mounted.inspect_err(|why| eprintln!("not run: {why}")).ok().map(|()| Self(dir))
    }

    /// In a file, through ext4, which decides late where a written block goes. None where there are
    /// no loop devices or no mkfs.
    fn ext4() -> Option<(Self, tempfile::NamedTempFile)> {
        let dir = tempfile::tempdir().unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(6 << 20).unwrap();
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(image.path()))
            .and_then(|()| run(Command::new("mount").args(["-o", "loop"]).arg(image.path()).arg(dir.path())));
        made.inspect_err(|why| eprintln!("not run: {why}")).ok().map(|()| (Self(dir), image))
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let why = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {why}")) }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    if let Some(mount) = Mount::tmpfs() {
        fill_up(mount.0.path());
    }
}

#[test]
fn a_full_ext4_loses_nothing() {
    if let Some((mount, _image)) = Mount::ext4() {
        fill_up(mount.0.path());
    }
}

fn fill_up(dir: &Path) {
    let store = RedbStore::open_with(&dir.join("data"), key(), small()).unwrap();
    let name = TenantId::new("acme");
    store.create_tenant(&name).unwrap();
    let tenant = store.tenant(&name).unwrap();
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 600 << 10]).unwrap();

    let mut done = 0;
    let error = loop {
        assert!(done < 100_000, "the disk is never full");
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
