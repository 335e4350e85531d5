//! Files: named ones only, and replaced as a whole or not at all.

use crate::guests::{Guest, manifest};
use crate::world::{World, system};
use gangway_model::{FileGrant, Page, PluginError, System, code};
use std::path::Path;

const READ: &str = r#"(import "gangway:plugin/files@0.1.0" "read" (func $read (param i32 i32 i64 i32 i32)))"#;

const REPLACE: &str = r#"(import "gangway:plugin/files@0.1.0" "replace" (func $replace (param i32 i32 i32)))
    (import "gangway:plugin/files@0.1.0" "[method]replacement.write" (func $write (param i32 i32 i32 i32)))
    (import "gangway:plugin/files@0.1.0" "[method]replacement.commit" (func $commit (param i32 i32)))
    (import "gangway:plugin/files@0.1.0" "[resource-drop]replacement" (func $drop (param i32)))"#;

fn guest(imports: &'static str, read_page: &'static str) -> Guest {
    Guest {
        manifest: manifest("guest", "1.0.0", &["files"]),
        world: "import gangway:plugin/files@0.1.0;",
        imports,
        read_page,
        ..Guest::default()
    }
}

/// Reads the file whose name is the entity type; the content becomes the next cursor.
fn reading() -> Guest {
    guest(
        READ,
        "(call $read (local.get $type) (local.get $type_len) (i64.const 2) (i32.const 5) (i32.const 896))
         (if (i32.load8_u (i32.const 896))
           (then (i32.store8 (i32.const 600) (i32.const 1))
                 (memory.copy (i32.const 608) (i32.const 904) (i32.const 40)))
           (else (i32.store (i32.const 624) (i32.const 1))
                 (i32.store (i32.const 628) (i32.load (i32.const 904)))
                 (i32.store (i32.const 632) (i32.load (i32.const 908)))))
         i32.const 600",
    )
}

async fn read(world: &World, system: &System, name: &str) -> Result<Page, PluginError> {
    world.source(system).await?.read_page(name, None, 10).await
}

fn granting(path: &Path, write: bool) -> System {
    let mut system = system("guest");
    system.grants.files.push(FileGrant { name: "users".into(), path: path.to_str().unwrap().into(), write });
    system
}

#[tokio::test]
async fn only_named_files_are_read() {
    let world = World::new();
    world.load("guest", reading().build()).await;
    let path = world.folder.path().join("people.csv");
    std::fs::write(&path, "0123456789").unwrap();
    let system = granting(&path, false);
    assert_eq!(read(&world, &system, "users").await.unwrap().next_cursor.as_deref(), Some("23456"));
    let absolute = path.to_str().unwrap();
    for name in ["people.csv", absolute, "../people.csv", "users/../users", "users\0", "/etc/passwd", ""] {
        let error = read(&world, &system, name).await.unwrap_err();
        assert_eq!(error.code, code::DENIED, "{name:?}");
        assert!(error.message.contains("grants it no file named"), "{error}");
        assert!(error.message.contains(r#""path": "/absolute/path"}]"#), "{error}");
    }
}

#[tokio::test]
async fn the_path_stays_with_the_host() {
    let world = World::new();
    world.load("guest", reading().build()).await;
    let missing = world.folder.path().join("secret-place").join("people.csv");
    let error = read(&world, &granting(&missing, false), "users").await.unwrap_err();
    assert_eq!(error.code, code::NOT_FOUND);
    assert!(!error.to_string().contains("secret-place"), "{error}");
    // A folder is no file; a device would never end.
    for path in [world.folder.path(), Path::new("/dev/zero")] {
        let error = read(&world, &granting(path, false), "users").await.unwrap_err();
        assert!(error.message.contains("it is not a regular file"), "{error}");
    }
}

/// Writes "new" and commits, or not.
fn replacing(commit: bool) -> Guest {
    let write = "(call $replace (local.get $type) (local.get $type_len) (i32.const 896))
         (if (i32.load8_u (i32.const 896))
           (then (i32.store8 (i32.const 600) (i32.const 1))
                 (memory.copy (i32.const 608) (i32.const 904) (i32.const 40))
                 (return (i32.const 600))))
         (i32.store (i32.const 800) (i32.const 0x77656e))
         (call $write (i32.load (i32.const 904)) (i32.const 800) (i32.const 3) (i32.const 960))";
    if commit {
        let commit = "(call $commit (i32.load (i32.const 904)) (i32.const 960))
             (i32.store8 (i32.const 600) (i32.load8_u (i32.const 960)))
             (memory.copy (i32.const 608) (i32.const 968) (i32.const 40))
             (call $drop (i32.load (i32.const 904))) i32.const 600";
        guest(REPLACE, format!("{write}{commit}").leak())
    } else {
        guest(REPLACE, format!("{write} unreachable").leak())
    }
}

#[tokio::test]
async fn a_replacement_takes_effect_on_commit_only() {
    let world = World::new();
    let folder = world.folder.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("people.csv");
    std::fs::write(&path, "old").unwrap();
    let contents = || {
        let mut names: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        (std::fs::read_to_string(&path).unwrap(), names)
    };
    let one = vec!["people.csv".to_owned()];

    // The guest dies while it writes.
    world.load("guest", replacing(false).build()).await;
    read(&world, &granting(&path, true), "users").await.unwrap_err();
    assert_eq!(contents(), ("old".to_owned(), one.clone()));

    world.load("guest", replacing(true).build()).await;
    let error = read(&world, &granting(&path, false), "users").await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert!(error.message.contains(r#""write": true"#), "{error}");
    assert_eq!(contents(), ("old".to_owned(), one.clone()));

    read(&world, &granting(&path, true), "users").await.unwrap();
    assert_eq!(contents(), ("new".to_owned(), one));
}
