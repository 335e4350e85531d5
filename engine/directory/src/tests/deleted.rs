use super::*;
use redb::ReadableTableMetadata;

fn gone(d: &Directory, path: &str) -> (Vec<String>, Option<String>) {
    let list = get(d, path);
    let ids = list["Resources"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned());
    (ids.collect(), list.get("nextCursor").and_then(Value::as_str).map(str::to_owned))
}

/// A clock that a test sets.
struct Set(AtomicU64);

impl Clock for Set {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

const DAY: u64 = 24 * 60 * 60 * 1000;
const START: u64 = 1_767_225_600_000;

fn at(ms: u64) -> String {
    jiff::Timestamp::from_millisecond(ms.try_into().unwrap()).unwrap().to_string()
}

#[test]
fn what_was_deleted_is_told_from_a_time_on_page_by_page() {
    let d = directory();
    let ids: Vec<String> = (0..5).map(|n| user(&d, &format!("u{n}"), json!({}))).collect();
    let group = group(&d, "crew", &[&ids[0]]);
    assert_eq!(call(&d, "DELETE", &format!("/Users/{}", ids[4]), None).status, 204);
    let since = get(&d, &format!("/Users/{}", ids[0]))["meta"]["lastModified"].as_str().unwrap().to_owned();
    // Later than everything before it.
    let since = call(&d, "POST", "/Users", Some(json!({ "schemas": [USER], "userName": "late" })))
        .body
        .unwrap()["meta"]["created"]
        .as_str()
        .map_or(since, str::to_owned);
    for id in &ids[..3] {
        assert_eq!(call(&d, "DELETE", &format!("/Users/{id}"), None).status, 204);
    }
    assert_eq!(call(&d, "DELETE", &format!("/Groups/{group}"), None).status, 204);
    assert_eq!(gone(&d, &format!("/Users/.deleted?since={since}")), (ids[..3].to_vec(), None));
    assert_eq!(gone(&d, &format!("/Groups/.deleted?since={since}")), (vec![group], None));
    let (first, next) = gone(&d, &format!("/Users/.deleted?since={since}&count=2"));
    assert_eq!(first, ids[..2]);
    let next = next.unwrap();
    assert_eq!(
        gone(&d, &format!("/Users/.deleted?since={since}&count=2&cursor={next}")),
        (ids[2..3].to_vec(), None)
    );
    let all = gone(&d, "/Users/.deleted?since=2025-12-31T00:00:00Z");
    assert_eq!(all.0.len(), 4);
    assert!(d.check().unwrap().problems.is_empty());
}

#[test]
fn who_is_restored_is_not_gone_and_the_final_deletion_is_no_second_one() {
    let d = directory();
    d.set_settings(crate::Settings { soft_delete: true, ..crate::Settings::default() }).unwrap();
    let ann = user(&d, "ann", json!({}));
    let uuid = get(&d, &format!("/Users/{ann}"))[SAP_USER]["userUuid"].clone();
    let told = || gone(&d, "/Users/.deleted?since=2025-12-31T00:00:00Z").0;
    assert_eq!(call(&d, "DELETE", &format!("/Users/{ann}"), None).status, 204);
    assert_eq!(told(), std::slice::from_ref(&ann));
    let back = json!({ "schemas": [USER], "userName": "ann", SAP_USER: { "userUuid": uuid } });
    assert_eq!(created(&d, "/Users", back), ann);
    assert!(told().is_empty());
    assert_eq!(call(&d, "DELETE", &format!("/Users/{ann}"), None).status, 204);
    let before = told();
    assert_eq!(call(&d, "DELETE", &format!("/Users/{ann}?blocked=true"), None).status, 204);
    assert_eq!((told(), before.contains(&ann)), (before, true));
}

#[test]
fn deletions_are_forgotten_after_a_while_and_who_asks_too_late_is_told_so() {
    let clock = Arc::new(Set(AtomicU64::new(START)));
    let d = Directory::in_memory(clock.clone(), Arc::new(Numbers(AtomicU64::new(1)))).unwrap();
    let ids: Vec<String> = (0..4).map(|n| user(&d, &format!("u{n}"), json!({}))).collect();
    let delete = |id: &str| assert_eq!(call(&d, "DELETE", &format!("/Users/{id}"), None).status, 204);
    delete(&ids[0]);
    delete(&ids[1]);
    clock.0.store(START + 59 * DAY, Ordering::Relaxed);
    assert_eq!(gone(&d, &format!("/Users/.deleted?since={}", at(START))).0.len(), 2);
    clock.0.store(START + 61 * DAY, Ordering::Relaxed);
    let late = call(&d, "GET", &format!("/Users/.deleted?since={}", at(START)), None);
    assert!(refused(&late, 410, None).contains("2026-01-02"));
    // The next deletion makes room.
    delete(&ids[2]);
    assert_eq!(d.read().unwrap().deleted.len().unwrap(), 1);
    assert_eq!(gone(&d, &format!("/Users/.deleted?since={}", at(START + 2 * DAY))).0, [ids[2].clone()]);
}

#[test]
fn a_wrong_question_says_what_is_wrong_and_only_the_configuration_names_the_address() {
    let d = directory();
    assert!(refused(&call(&d, "GET", "/Users/.deleted", None), 400, Some("invalidValue")).contains("since"));
    let vague = call(&d, "GET", "/Users/.deleted?since=yesterday", None);
    assert!(refused(&vague, 400, Some("invalidValue")).contains("since"));
    let cursor = call(&d, "GET", "/Users/.deleted?since=2026-01-01T00:00:00Z&cursor=x", None);
    refused(&cursor, 400, Some("invalidCursor"));
    refused(&call(&d, "DELETE", "/Users/.deleted", None), 405, None);
    let config = call(&d, "GET", "/ServiceProviderConfig", None);
    let link = config.link.unwrap();
    assert!(
        link.contains(&format!("<{BASE}/Users/.deleted>; rel=\"urn:gangway:scim:rel:deleted\"")),
        "{link}"
    );
    assert!(!config.body.unwrap().to_string().contains("deleted"));
    assert_eq!(call(&d, "GET", "/Users", None).link, None);
}
