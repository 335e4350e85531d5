//! Notifications: F161 to F169.

use crate::setting::{Setting, map};
use crate::systems::write_users;
use gangway_kit::{Answer, MailServer, Method, Receiver, text};
use gangway_notify::{SIGNATURE, TIMESTAMP, signature};
use serde_json::{Value, json};
use std::time::Duration;

const ADDRESS: &str = "admin@example.com";

/// The usual setting with a mail server and one subscriber.
async fn with_mail() -> (Setting, MailServer) {
    let (setting, mail) = (Setting::new().await, MailServer::start().unwrap());
    let server = json!({ "url": mail.url(), "from": "gangway@example.com" });
    let (status, answer) = setting.api.call(Method::PUT, "/api/v1/mail-server", Some(server)).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    subscribe(&setting, json!({ "channel": "mail", "address": ADDRESS, "name": "The Admin" })).await;
    (setting, mail)
}

async fn subscribe(setting: &Setting, body: Value) -> Value {
    setting.api.ok(Method::POST, "systems/HR/subscriptions", Some(body)).await.unwrap()
}

/// A Read in which everything that is written fails, or nothing does.
async fn run(setting: &Setting, fails: bool) {
    setting.relay.set_rule(move |method, _, _| match method {
        "POST" | "PUT" | "PATCH" if fails => {
            Answer::Instead(400, Vec::new(), r#"{"detail":"no"}"#.to_owned())
        }
        _ => Answer::Pass,
    });
    setting.api.run("HR").await.unwrap();
}

/// Waits for so many, and a little for one too many.
async fn subjects(mail: &MailServer, count: usize) -> Vec<String> {
    for _ in 0..300 {
        if mail.mails().len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    let subject = |mail: &String| {
        let line = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
        line.trim_end().trim_end_matches(". Source System: HR").to_owned()
    };
    mail.mails().iter().map(subject).collect()
}

#[tokio::test]
async fn f161_oneself_and_others_subscribe_to_a_source_and_leave_it() {
    let (setting, mail) = with_mail().await;
    let path = setting.api.path("systems/HR/subscriptions");
    let (status, _) = setting
        .api
        .call(Method::POST, &path, Some(json!({ "channel": "mail", "address": ADDRESS })))
        .await
        .unwrap();
    assert_eq!(status, 409, "once is enough");
    // Without an address it is the caller's own; the API token has none.
    let (status, problem) =
        setting.api.call(Method::POST, &path, Some(json!({ "channel": "mail" }))).await.unwrap();
    assert_eq!((status.as_u16(), text(&problem, "/problems/0/pointer")), (422, "/address"));
    let (status, _) = setting
        .api
        .call(
            Method::POST,
            &setting.api.path("systems/App/subscriptions"),
            Some(json!({ "channel": "mail", "address": ADDRESS })),
        )
        .await
        .unwrap();
    assert_eq!(status, 422, "a target has no jobs");
    let other = subscribe(&setting, json!({ "channel": "mail", "address": "list@example.com" })).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    run(&setting, true).await;
    assert_eq!(subjects(&mail, 4).await.len(), 4, "two for each");
    assert_eq!(mail.mails().iter().filter(|mail| mail.contains("To: list@example.com")).count(), 2);
    for id in [text(&other, "/id").to_owned()] {
        setting.api.ok(Method::DELETE, &format!("systems/HR/subscriptions/{id}"), None).await.unwrap();
    }
    run(&setting, false).await;
    subjects(&mail, 5).await;
    let told: Vec<String> = mail.mails().split_off(4);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("admin@example.com"));
    let left = setting.api.ok(Method::GET, "systems/HR/subscriptions", None).await.unwrap();
    assert_eq!(left["subscriptions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn f162_the_first_failed_entity_is_told_once_unless_suppressed() {
    let (setting, mail) = with_mail().await;
    setting.set_all("HR", &["ips.page.size=1"]);
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x")]);
    run(&setting, true).await;
    let told = ["Provisioning Running with Error", "Provisioning Finished with Error"];
    assert_eq!(subjects(&mail, 2).await, told);
    setting.set_all(
        "HR",
        &[
            "ips.job.notification.skip.intermediate.notifications=true",
            "ips.job.notification.repeat.on.failure=true",
        ],
    );
    run(&setting, true).await;
    assert_eq!(subjects(&mail, 3).await, [told[0], told[1], told[1]]);
    let text = mail.mails().remove(1);
    for part in [
        "Source system: HR",
        "Target systems: App",
        "Job type: READ",
        "Read mode: FULL",
        "Status: Finished with Error",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("failedEntitiesLog"), "{text}");
}

#[tokio::test]
async fn failures_are_told_once_and_the_first_success_after_them() {
    let (setting, mail) = with_mail().await;
    setting.set_all("HR", &["ips.job.notification.skip.intermediate.notifications=true"]);
    write_users(setting.folder.path(), &[("A", "x")]);
    for fails in [true, true, false, false] {
        run(&setting, fails).await;
    }
    assert_eq!(subjects(&mail, 2).await, ["Provisioning Finished with Error", "Provisioning Success"]);
}

#[tokio::test]
async fn f168_simulations_and_validations_tell_nobody() {
    let (setting, mail) = with_mail().await;
    setting.set_all("HR", &["ips.job.notification.skip.intermediate.notifications=true"]);
    write_users(setting.folder.path(), &[("A", "x")]);
    // Nothing can be transformed: both would have something to say.
    setting
        .write("user", |user| {
            map(user, json!({ "sourcePath": "$.notThere", "targetPath": "$.title" }));
        })
        .await;
    let job = setting.api.start("HR", "SIMULATE").await.unwrap();
    let job = setting.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(job.status, gangway_model::JobStatus::FinishedWithError);
    let file = setting.folder.path().join("users.csv").display().to_string();
    let output = setting.folder.path().join("result.zip").display().to_string();
    let arguments = ["job", "validate", "HR", "--users", &file, "--output", &output];
    let done = setting.engine.cli("setting", &arguments).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The first that is told of is a Read.
    run(&setting, false).await;
    assert_eq!(subjects(&mail, 1).await, ["Provisioning Finished with Error"]);
    assert!(mail.mails()[0].contains("Job type: READ"));
}

#[tokio::test]
async fn f169_a_webhook_is_called_with_a_signature_and_again_until_it_takes_it() {
    let setting = Setting::new().await;
    let receiver = Receiver::start(&[500]).await.unwrap();
    let secret = "0123456789abcdef0123";
    let made = subscribe(
        &setting,
        json!({ "channel": "webhook", "url": receiver.url(), "secret": secret, "addresses": ["127.0.0.1"] }),
    )
    .await;
    assert!(!made.to_string().contains(secret), "{made}");
    setting.set_all("HR", &["ips.job.notification.skip.intermediate.notifications=true"]);
    write_users(setting.folder.path(), &[("A", "x")]);
    run(&setting, true).await;
    let waiting = async |tried: bool| {
        for _ in 0..300 {
            let list = setting.api.ok(Method::GET, "notifications", None).await.unwrap();
            let list = list["notifications"].as_array().unwrap().clone();
            if tried == list.iter().any(|n| n["attempts"] == 1) && tried != list.is_empty() {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{tried}: {:?}", receiver.calls());
    };
    let list = waiting(true).await;
    assert!(text(&list[0], "/error").contains("500"), "{list:?}");
    setting.api.ok(Method::POST, "notifications/retry", None).await.unwrap();
    waiting(false).await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 2);
    for call in &calls {
        let expected = signature(secret, call.header(TIMESTAMP), &call.body);
        assert_eq!(call.header(SIGNATURE), expected);
    }
    let body: Value = serde_json::from_slice(&calls[1].body).unwrap();
    assert_eq!((text(&body, "/event"), text(&body, "/source")), ("FINISHED_WITH_ERROR", "HR"));
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn what_could_not_be_sent_survives_a_restart() {
    let mut setting = Setting::new().await;
    subscribe(&setting, json!({ "channel": "mail", "address": ADDRESS })).await;
    setting.set_all("HR", &["ips.job.notification.skip.intermediate.notifications=true"]);
    write_users(setting.folder.path(), &[("A", "x")]);
    run(&setting, true).await;
    setting.engine.kill();
    setting.engine.restart().await.unwrap();
    let mail = MailServer::start().unwrap();
    let set = setting
        .engine
        .cli("setting", &["notification", "server", "--set", &mail.url(), "--from", "gangway@example.com"]);
    let set = set.unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    assert_eq!(subjects(&mail, 1).await, ["Provisioning Finished with Error"]);
    let left = setting.api.ok(Method::GET, "notifications", None).await.unwrap();
    assert_eq!(left["notifications"], json!([]));
}
