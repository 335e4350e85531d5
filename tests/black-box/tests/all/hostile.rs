//! Plugins that misbehave, inside a whole engine: the job ends in time with an error that says what
//! happened, the engine answers others meanwhile, and the plugin's state is shown.
//!
//! The faults are the `chaos` component's; `docs/connectors/chaos.md` lists them.

use gangway_kit::{Answer, Api, Engine, EngineOptions, Method, Relay, component, text};
use gangway_model::{Job, JobStatus};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const READ: &str = r#"{ "user": { "mappings": [
  { "sourcePath": "$.userName", "targetPath": "$.userName" },
  { "sourcePath": "$.userName", "targetVariable": "entityIdSourceSystem" } ] } }"#;
const WRITE: &str =
    r#"{ "user": { "mappings": [ { "sourcePath": "$.userName", "targetPath": "$.userName" } ] } }"#;

/// An engine whose plugins may use one second of processor time, and three seconds in all.
async fn engine() -> Engine {
    let arguments = ["--plugin-cpu", "1", "--plugin-time", "3"].map(str::to_owned).to_vec();
    Engine::start_with(EngineOptions { arguments, ..EngineOptions::default() }).await.unwrap()
}

/// What a run over a misbehaving source came to.
struct Seen {
    api: Api,
    job: Job,
    took: Duration,
    /// The slowest of the probes that were sent all the while.
    slowest_probe: Duration,
}

impl Seen {
    /// Everything the administrator is told, as one text.
    fn told(&self) -> String {
        serde_json::to_string(&self.job).unwrap()
    }

    async fn state(&self) -> Value {
        self.api.ok(Method::GET, "plugins/chaos", None).await.unwrap()
    }
}

/// Runs a job whose source does `act` on its first page.
async fn run(engine: &Engine, tenant: &str, act: Value, grants: Value, properties: Value) -> Seen {
    let api = engine.api(tenant).unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["chaos", "discard", "json-transformation"]).await.unwrap();
    let mut fault = act;
    fault["on"] = json!("read-page");
    let mut all =
        json!({ "chaos.users": { "value": "10" }, "chaos.faults": { "value": json!([fault]).to_string() } });
    for (key, value) in properties.as_object().unwrap() {
        all[key] = value.clone();
    }
    api.make_system(json!({
        "name": "Chaos", "role": "source", "plugin": "chaos", "enabled": true,
        "properties": all, "grants": grants,
        "read": { "plugin": "json-transformation", "document": READ },
    }))
    .await
    .unwrap();
    api.make_system(json!({
        "name": "Nowhere", "role": "target", "plugin": "discard", "enabled": true, "sources": ["Chaos"],
        "write": { "plugin": "json-transformation", "document": WRITE },
    }))
    .await
    .unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let probes = tokio::spawn(probe(api.clone(), Arc::clone(&over)));
    let start = Instant::now();
    let job = api.start("Chaos", "READ").await.unwrap();
    let job = api.wait(job.id.as_str(), Duration::from_secs(120)).await.unwrap();
    let took = start.elapsed();
    over.store(true, Ordering::SeqCst);
    Seen { api, job, took, slowest_probe: probes.await.unwrap() }
}

/// Asks the engine something small again and again; the longest it took.
async fn probe(api: Api, over: Arc<AtomicBool>) -> Duration {
    let mut slowest = Duration::ZERO;
    while !over.load(Ordering::SeqCst) {
        let start = Instant::now();
        let (status, _) = api.call(Method::GET, &api.path("systems"), None).await.unwrap();
        assert_eq!(status, 200);
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slowest
}

fn assert_contained(seen: &Seen, words: &[&str], limit: Duration) {
    assert_eq!(seen.job.status, JobStatus::FinishedWithError, "{}", seen.told());
    let told = seen.told();
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told}");
    }
    assert!(seen.took < limit, "took {:?}", seen.took);
    assert!(seen.slowest_probe < Duration::from_millis(250), "a probe took {:?}", seen.slowest_probe);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_loop_is_ended_after_its_processor_time() {
    let engine = engine().await;
    let seen = run(&engine, "loop", json!({ "do": "loop" }), json!({}), json!({})).await;
    assert_contained(&seen, &["timeout", "chaos", "processor"], Duration::from_secs(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_meets_its_limit() {
    let engine = engine().await;
    let seen = run(&engine, "memory", json!({ "do": "memory" }), json!({}), json!({})).await;
    assert_contained(&seen, &["internal", "chaos", "memory"], Duration::from_secs(5));
    assert_eq!(text(&seen.state().await, "/id"), "chaos");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deep_recursion_is_a_trap_with_its_function_names() {
    let engine = engine().await;
    let seen = run(&engine, "recursion", json!({ "do": "recursion" }), json!({}), json!({})).await;
    assert_contained(&seen, &["internal", "recursion"], Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_result_does_not_cross() {
    let engine = engine().await;
    let act = json!({ "do": "oversized", "mebibytes": 20 });
    let seen = run(&engine, "oversized", act, json!({}), json!({})).await;
    assert_eq!(seen.job.status, JobStatus::FinishedWithError, "{}", seen.told());
    assert!(seen.slowest_probe < Duration::from_millis(250), "a probe took {:?}", seen.slowest_probe);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_is_told_with_the_guests_last_words() {
    let engine = engine().await;
    let seen = run(&engine, "trap", json!({ "do": "trap" }), json!({}), json!({})).await;
    assert_contained(&seen, &["internal", "the schedule says so"], Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_after_crash_puts_the_plugin_into_quarantine_and_release_lets_it_out() {
    let engine = engine().await;
    let seen = run(&engine, "quarantine", json!({ "do": "trap" }), json!({}), json!({})).await;
    let mut state = String::new();
    for _ in 0..20 {
        let job = seen.api.start("Chaos", "READ").await.unwrap();
        seen.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
        state = text(&seen.state().await, "/state").to_owned();
        if state == "quarantined" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(state, "quarantined", "{}", seen.state().await);
    let job = seen.api.start("Chaos", "READ").await.unwrap();
    let job = seen.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
    assert!(serde_json::to_string(&job).unwrap().contains("quarantine"), "{job:?}");
    seen.api.ok(Method::POST, "plugins/chaos/release", None).await.unwrap();
    assert_eq!(text(&seen.state().await, "/state"), "ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_for_ever_is_ended_by_the_clock() {
    // A server that accepts and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let engine = engine().await;
    let act = json!({ "do": "hang", "host": "127.0.0.1", "port": port });
    let grants = json!({ "connection": [{ "host": "127.0.0.1", "port": port }], "addresses": ["127.0.0.1"] });
    let seen = run(&engine, "hang", act, grants, json!({})).await;
    // The wait is the engine's own; it lasts as long as a server may take to answer.
    assert_contained(&seen, &["timeout"], Duration::from_secs(75));
    drop(listener);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_flood_is_cut_and_said_so_once() {
    let engine = engine().await;
    let act = json!({ "do": "log-flood", "messages": 50_000, "nth": 1 });
    let seen = run(&engine, "flood", act, json!({}), json!({})).await;
    assert_eq!(seen.job.status, JobStatus::Success, "{}", seen.told());
    assert!(seen.slowest_probe < Duration::from_millis(250), "a probe took {:?}", seen.slowest_probe);
    assert!(engine.log().len() < 4 << 20, "{} bytes of log", engine.log().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_a_host_that_was_not_granted_is_denied_with_the_line_to_add() {
    let engine = engine().await;
    let elsewhere = Relay::start("http://127.0.0.1:9").await.unwrap();
    let act = json!({ "do": "http", "url": format!("{}/steal", elsewhere.url()) });
    let own = json!({ "URL": { "value": "http://127.0.0.1:1/" } });
    let seen = run(&engine, "denied", act, json!({ "addresses": ["127.0.0.1"] }), own).await;
    assert_contained(&seen, &["denied", "origin", &elsewhere.url()], Duration::from_secs(5));
    assert!(elsewhere.requests().is_empty(), "nothing may arrive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_a_host_that_was_not_granted_leads_nowhere() {
    let engine = engine().await;
    let elsewhere = Relay::start("http://127.0.0.1:9").await.unwrap();
    let granted = Relay::start("http://127.0.0.1:9").await.unwrap();
    let location = format!("{}/steal", elsewhere.url());
    granted.set_rule(move |_, _, _| {
        Answer::Instead(302, vec![("location".to_owned(), location.clone())], String::new())
    });
    let act = json!({ "do": "http", "url": format!("{}/go", granted.url()) });
    let own = json!({ "URL": { "value": granted.url() } });
    let seen = run(&engine, "redirect", act, json!({ "addresses": ["127.0.0.1"] }), own).await;
    assert_eq!(granted.requests().len(), 1, "{}", seen.told());
    assert!(elsewhere.requests().is_empty(), "the redirect was followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_resolves_to_a_refused_address_is_not_connected_to() {
    let engine = engine().await;
    let inside = Relay::start("http://127.0.0.1:9").await.unwrap();
    let port = inside.url().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://localhost:{port}");
    let act = json!({ "do": "http", "url": format!("{url}/inside") });
    // The origin is granted; the address behind the name is not.
    let seen = run(&engine, "resolved", act, json!({}), json!({ "URL": { "value": url } })).await;
    assert_contained(&seen, &["denied", "addresses"], Duration::from_secs(30));
    assert!(inside.requests().is_empty(), "nothing may arrive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_not_named_is_denied() {
    let engine = engine().await;
    for (number, name) in ["secrets", "../../etc/passwd", "/etc/passwd"].into_iter().enumerate() {
        let act = json!({ "do": "read-file", "name": name });
        let seen = run(&engine, &format!("file-{number}"), act, json!({}), json!({})).await;
        assert_contained(&seen, &["denied", "files"], Duration::from_secs(5));
    }
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_changes_nothing() {
    let engine = Engine::start().await.unwrap();
    let api = engine.api("uploads").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv"]).await.unwrap();
    let before = api.ok(Method::GET, "plugins/csv", None).await.unwrap();
    let good = component("csv").unwrap();
    let mut undeclared = good.clone();
    let declared = b"\"files\"";
    let mut at = 0;
    while let Some(position) = undeclared[at..].windows(declared.len()).position(|w| w == declared) {
        undeclared[at + position..at + position + declared.len()].copy_from_slice(b"\"state\"");
        at += position + declared.len();
    }
    let mut version = good.clone();
    let interface = b"\"interface\": \"0.1\"";
    let mut at = 0;
    while let Some(position) = version[at..].windows(interface.len()).position(|w| w == interface) {
        version[at + position..at + position + interface.len()].copy_from_slice(b"\"interface\": \"9.9\"");
        at += position + interface.len();
    }
    let uploads = [
        ("nothing", Vec::new()),
        ("a text", b"hello".to_vec()),
        ("half", good[..good.len() / 2].to_vec()),
        ("undeclared import", undeclared),
        ("unknown interface", version),
    ];
    for (what, wasm) in uploads {
        let (status, problem) = api.upload("csv", wasm).await.unwrap();
        assert_eq!(status, 422, "{what}: {problem}");
        let told = problem.to_string();
        if what == "undeclared import" {
            assert!(told.contains("files"), "{told}");
        }
        if what == "unknown interface" {
            assert!(told.contains("9.9") && told.contains("0.1"), "{told}");
        }
    }
    assert_eq!(api.ok(Method::GET, "plugins/csv", None).await.unwrap(), before);
}
