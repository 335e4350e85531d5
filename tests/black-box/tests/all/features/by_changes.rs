//! The reference example read by changes, from a real slapd that does not tell what was deleted.

use super::delta::came_to;
use crate::ldap::{ldap_source, person};
use crate::systems::document;
use gangway_kit::{Api, Engine, Method, Slapd, SlapdOptions};
use gangway_model::{Job, JobStatus, ReadMode};
use serde_json::json;
use std::time::Duration;

/// A is 0, B 1, C 2, D 3, E 4.
struct Reference {
    _engine: Engine,
    api: Api,
    slapd: Slapd,
}

impl Reference {
    /// A, B, C and D were read once.
    async fn new() -> Self {
        let ldif = (0..4).map(person).collect();
        let slapd = Slapd::start(&SlapdOptions { ldif, ..SlapdOptions::default() }).unwrap();
        let engine = Engine::start().await.unwrap();
        let api = engine.api("changes").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["ldap", "discard", "json-transformation"]).await.unwrap();
        let mut source = ldap_source(&slapd);
        source["properties"]["ips.delta.read"] = json!({ "value": "enabled" });
        source["properties"]["ips.delta.read.margin"] = json!({ "value": "0" });
        api.make_system(source).await.unwrap();
        let target = json!({
            "name": "Nowhere", "role": "target", "plugin": "discard", "enabled": true, "sources": ["LDAP"],
            "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json") },
            "grants": { "relations": true },
        });
        api.make_system(target).await.unwrap();
        // The directory's times are whole seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let reference = Self { _engine: engine, api, slapd };
        assert_eq!(came_to(&reference.read().await), (ReadMode::Full, [4, 4, 0, 0]));
        reference
    }

    /// C is changed, D is gone, E is new.
    fn move_on(&self) {
        let base = format!("ou=people,{}", Slapd::SUFFIX);
        let changes = format!(
            "dn: uid=user2,{base}\nchangetype: modify\nreplace: sn\nsn: Byron\n\ndn: uid=user3,{base}\nchangetype: delete\n\n"
        );
        self.slapd.modify(&changes).unwrap();
        self.slapd.modify(&person(4)).unwrap();
    }

    async fn read(&self) -> Job {
        let job = self.api.run("LDAP").await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        job
    }

    /// How many people the target holds of the source's.
    async fn held(&self) -> usize {
        let path = "systems/Nowhere/relations?source=LDAP&entityType=user";
        let answer = self.api.ok(Method::GET, path, None).await.unwrap();
        answer["relations"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn f004_a_delta_read_writes_what_changed_and_leaves_who_is_gone() {
    let reference = Reference::new().await;
    reference.move_on();
    assert_eq!(came_to(&reference.read().await), (ReadMode::Delta, [2, 1, 1, 0]));
    assert_eq!(reference.held().await, 5, "D stays");
}

#[tokio::test]
async fn f117_who_is_gone_stays_in_a_delta_read_and_goes_with_the_next_full_one() {
    let reference = Reference::new().await;
    reference.move_on();
    assert_eq!(came_to(&reference.read().await).0, ReadMode::Delta);
    let mut source = reference.api.ok(Method::GET, "systems/LDAP", None).await.unwrap();
    source["properties"]["ips.delta.read"] = json!({ "value": "disabled" });
    reference.api.ok(Method::PUT, "systems/LDAP", Some(source)).await.unwrap();
    assert_eq!(came_to(&reference.read().await), (ReadMode::Full, [4, 0, 0, 1]));
    assert_eq!(reference.held().await, 4);
}
