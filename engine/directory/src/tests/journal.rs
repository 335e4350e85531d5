//! What was answered is there after a crash, also what only the journal holds.

use super::*;
use crate::Kind;
use std::path::Path;

pub(super) fn open(folder: &Path) -> Directory {
    static LIVES: AtomicU64 = AtomicU64::new(1);
    let ids = Arc::new(Numbers(AtomicU64::new(LIVES.fetch_add(1, Ordering::Relaxed) << 32)));
    Directory::open(&folder.join("directory.redb"), clock(), ids).unwrap()
}

/// The files as a crash would leave them at this moment.
pub(super) fn crashed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["directory.redb", "directory.journal"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn names(d: &Directory) -> Vec<String> {
    let list = get(d, "/Users?sortBy=userName&count=1000");
    let name = |user: &Value| user["userName"].as_str().unwrap().to_owned();
    list["Resources"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn what_was_answered_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let d = open(folder.path());
    let mut ahead = 0;
    for round in 0..30 {
        let ann = user(&d, &format!("ann{round}"), json!({ "emails": [{ "value": format!("a{round}@x") }] }));
        let bob = user(&d, &format!("bob{round}"), json!({}));
        let crew = group(&d, &format!("crew{round}"), &[&ann, &bob]);
        assert_eq!(call(&d, "DELETE", &format!("/Users/{bob}"), None).status, 204);
        let title = json!([{ "op": "add", "path": "title", "value": "x" }]);
        assert_eq!(patch(&d, &format!("/Users/{ann}"), title).status, 200);
        let copy = crashed(folder.path());
        let lost = crashed(folder.path());
        let after = open(copy.path());
        assert_eq!(after.check().unwrap().problem_count, 0);
        assert_eq!(names(&after), names(&d), "round {round}");
        assert_eq!(get(&after, &format!("/Users/{ann}")), get(&d, &format!("/Users/{ann}")));
        assert_eq!(get(&after, &format!("/Groups/{crew}")), get(&d, &format!("/Groups/{crew}")));
        assert_eq!(after.count(Kind::User).unwrap(), round + 1);
        // And it goes on.
        user(&after, "next", json!({}));
        drop(after);
        assert_eq!(open(copy.path()).count(Kind::User).unwrap(), round + 2);
        // Without its journal it is behind, unless nothing happened for a while meanwhile.
        std::fs::write(lost.path().join("directory.journal"), "").unwrap();
        let behind = open(lost.path());
        assert_eq!(behind.check().unwrap().problem_count, 0);
        ahead += usize::from(behind.count(Kind::User).unwrap() < round + 1);
    }
    assert!(ahead > 0, "the journal was of no use");
}

#[test]
fn a_journal_that_broke_off_is_done_again_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let d = open(folder.path());
    for n in 0..20 {
        user(&d, &format!("user{n:02}"), json!({}));
    }
    let whole = names(&d);
    let image = crashed(folder.path());
    let journal = std::fs::read(image.path().join("directory.journal")).unwrap();
    let mut known = 0;
    let end = journal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in (0..end).step_by(end / 40 + 1).chain([journal.len()]) {
        let copy = crashed(image.path());
        std::fs::write(copy.path().join("directory.journal"), &journal[..cut]).unwrap();
        let after = open(copy.path());
        assert_eq!(after.check().unwrap().problem_count, 0, "{cut}");
        let there = names(&after);
        assert_eq!(there, whole[..there.len()], "{cut}");
        assert!(there.len() >= known, "{cut}");
        known = there.len();
    }
    assert_eq!(known, whole.len());
}

#[test]
fn a_file_from_a_backup_does_not_meet_records_of_another_life() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.redb");
    let life = |letter: char, last: usize| {
        let d = open(folder.path());
        user(&d, &format!("{letter}0"), json!({}));
        // The file catches up meanwhile.
        std::thread::sleep(std::time::Duration::from_millis(200));
        for n in 0..last {
            user(&d, &format!("{letter}x{n}"), json!({}));
        }
        crashed(folder.path())
    };
    drop(open(folder.path()));
    let backup = std::fs::read(&file).unwrap();
    drop(life('a', 2));
    // Back to before, with the journal as it is; the same happens, and a little less.
    std::fs::write(&file, backup).unwrap();
    let image = life('b', 1);
    let after = open(image.path());
    assert_eq!(after.check().unwrap().problem_count, 0);
    let names = names(&after);
    assert!(names.iter().all(|name| name.starts_with('b')), "{names:?}");
}

#[test]
fn a_new_file_does_not_take_over_a_journal_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let d = open(folder.path());
    user(&d, "ann", json!({}));
    let image = crashed(folder.path());
    std::fs::remove_file(image.path().join("directory.redb")).unwrap();
    let new = open(image.path());
    assert_eq!(names(&new), Vec::<String>::new());
    user(&new, "bob", json!({}));
    assert_eq!(names(&open(crashed(image.path()).path())), ["bob"]);
}
