use super::*;
use gangway_model::{Job, JobType};
use serde_json::json;

fn told(rules: Rules, happenings: &[Happening]) -> Vec<Option<Kind>> {
    let mut state = State::default();
    let mut all = Vec::new();
    for happening in happenings {
        let (next, kind) = decide(state, rules, *happening);
        state = next;
        all.push(kind);
    }
    all
}

const FAILED: Option<Kind> = Some(Kind::FinishedWithError);
const OK: Option<Kind> = Some(Kind::Success);
use Happening::{Failed, Failing, Stopped, Succeeded};

#[test]
fn f163_one_message_for_failures_until_the_next_success() {
    let jobs = [Failed, Failed, Failed, Succeeded, Failed];
    assert_eq!(told(Rules::default(), &jobs), [FAILED, None, None, OK, FAILED]);
}

#[test]
fn f164_repeat_on_failure_tells_of_each_and_wins() {
    let rules = Rules { repeat: true, ignored: 3, ..Rules::default() };
    assert_eq!(told(rules, &[Failed, Failed, Succeeded, Failed]), [FAILED, FAILED, OK, FAILED]);
}

#[test]
fn f165_ignored_failures_are_silent_and_the_next_is_told_once() {
    let rules = Rules { ignored: 3, ..Rules::default() };
    assert_eq!(told(rules, &[Failed; 6]), [None, None, None, FAILED, None, None]);
    // All were ignored: then there is nothing to recover from.
    assert_eq!(told(rules, &[Failed, Failed, Succeeded, Failed]), [None, None, None, None]);
}

#[test]
fn f166_only_the_first_success_after_a_message_is_told() {
    let jobs = [Succeeded, Failed, Succeeded, Succeeded, Succeeded];
    assert_eq!(told(Rules::default(), &jobs), [None, FAILED, OK, None, None]);
    assert_eq!(told(Rules::default(), &[Failed, Stopped, Succeeded]), [FAILED, None, OK]);
}

#[test]
fn running_with_error_is_told_unless_suppressed() {
    assert_eq!(told(Rules::default(), &[Failing, Failed]), [Some(Kind::RunningWithError), FAILED]);
    let rules = Rules { skip_intermediate: true, ..Rules::default() };
    assert_eq!(told(rules, &[Failing, Failed]), [None, FAILED]);
}

#[test]
fn waits_double_up_to_four_hours_and_end() {
    let waits: Vec<u64> = (1..).map_while(|attempts| retry_at(attempts, 0)).map(|ms| ms / 1000).collect();
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 14400, 14400]);
}

#[test]
fn a_signature_is_that_of_every_other_implementation() {
    // RFC 4231, test case 2, whose data begins with "what do ya want".
    let tag = hmac("Jefe", b"what do ya want for nothing?");
    assert_eq!(tag, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(signature("s", "1", b"{}"), format!("sha256={}", hmac("s", b"1.{}")));
}

fn hmac(key: &str, data: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    ring::hmac::sign(&key, data).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn job() -> Job {
    serde_json::from_value(json!({
        "tenant": "acme", "id": "j1", "source": "s", "sourceName": "HR", "type": "READ", "readMode": "FULL",
        "trigger": { "type": "IMMEDIATE", "by": null }, "status": "FINISHED_WITH_ERROR", "startMs": 0,
        "outcome": ["no deletions: an entity failed at the source"],
        "checkpoint": { "phase": { "name": "done" }, "pages": 0 },
        "trace": { "lists": ["created", "deleted"] },
    }))
    .unwrap()
}

#[test]
fn f167_a_message_says_what_ran_and_where_to_look() {
    let targets = ["App".to_owned(), "Other".to_owned()];
    let message = message(Kind::FinishedWithError, &job(), &targets, Some("https://gw.example.com"));
    assert_eq!(message.subject, "Provisioning Finished with Error. Source System: HR");
    for part in [
        "Source system: HR\n",
        "Target systems: App, Other\n",
        "Job type: READ\n",
        "Read mode: FULL\n",
        "Start time: 1970-01-01T00:00:00Z\n",
        "Status: Finished with Error\n",
        "no deletions: an entity failed at the source",
        "Details: https://gw.example.com/api/v1/tenants/acme/jobs/j1\n",
        "Download failed entities: https://gw.example.com/api/v1/tenants/acme/jobs/j1/export?logType=failedEntitiesLog\n",
        "export?logType=createdEntitiesLog\n",
        "export?logType=deletedEntitiesLog\n",
    ] {
        assert!(message.text.contains(part), "{part:?} in {}", message.text);
    }
    assert!(!message.text.contains("updatedEntitiesLog"), "it is not collected");
    assert_eq!(
        message.json["downloads"]["created-entities"],
        json!("https://gw.example.com/api/v1/tenants/acme/jobs/j1/export?logType=createdEntitiesLog")
    );
}

#[test]
fn f158_a_message_of_an_event_leads_to_its_log_and_names_no_entity() {
    let event = json!({ "entityType": "user", "id": "p-4711" });
    let error = Some("GET Users/p-4711: 500".to_owned());
    let event =
        Job { kind: JobType::RealTime, event: serde_json::from_value(event).unwrap(), error, ..job() };
    let message =
        message(Kind::FinishedWithError, &event, &["App".to_owned()], Some("https://gw.example.com"));
    assert_eq!(message.subject, "Real-Time Provisioning Finished with Error. Source System: HR");
    let place = "https://gw.example.com/api/v1/tenants/acme/real-time/j1";
    for part in
        ["Event: j1\n".to_owned(), format!("Details: {place}\n"), format!("Download log: {place}/export\n")]
    {
        assert!(message.text.contains(&part), "{part:?} in {}", message.text);
    }
    assert!(!message.text.contains("4711") && !message.json.to_string().contains("4711"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let server = |url: &str| MailServer {
        url: url.to_owned(),
        user: None,
        password: None,
        from: "gangway@example.com".to_owned(),
    };
    for good in ["smtp://127.0.0.1:2525", "smtps://mail.example.com", "smtp://mail.example.com:587"] {
        assert_eq!(mail_server(&server(good)), [], "{good}");
    }
    for bad in ["mail.example.com", "http://mail.example.com", "smtp://"] {
        assert_eq!(mail_server(&server(bad))[0].0, "/url", "{bad}");
    }
    let half = MailServer {
        user: Some("u".to_owned()),
        from: "nobody".to_owned(),
        ..server("smtps://m.example.com")
    };
    let wrong: Vec<_> = mail_server(&half).into_iter().map(|(at, _)| at).collect();
    assert_eq!(wrong, ["/from", "/user"]);
    let hook = |url: &str, secret: &str| Channel::Webhook {
        url: url.to_owned(),
        secret: secret.to_owned(),
        addresses: Vec::new(),
    };
    assert_eq!(hook("https://x.example.com/h", "0123456789abcdef").check(), []);
    assert_eq!(hook("ftp://x", "short").check().len(), 2);
    assert_eq!(Channel::Mail { address: "no".to_owned() }.check().len(), 1);
}
