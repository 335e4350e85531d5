//! The project's own components: what a trap of real Rust code looks like, and how a transformation runs.

use crate::world::{World, system, tenant};
use gangway_egress::{HttpRequest, HttpResponse};
use gangway_host::{Interposer, Origin};
use gangway_model::ports::{Resolver, Transformation};
use gangway_model::{
    AnswerOutcome, Direction, FileGrant, PluginError, PluginId, Property, Request, Severity, System,
    TransformOperation, TransformationRef, code,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn component(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/target/wasm32-wasip2/release");
    let path = folder.join(format!("gangway_plugin_{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Build the plugins first: make plugins, or cargo build --release --target wasm32-wasip2 in \
             plugins/",
            path.display()
        )
    })
}

fn chaotic(faults: &str) -> System {
    let mut system = system("chaos");
    for (key, value) in [("chaos.users", "25"), ("chaos.faults", faults)] {
        system.properties.insert(key.to_owned(), Property::plain(value));
    }
    system
}

async fn chaos() -> World {
    let world = World::new();
    world.load("chaos", component("chaos")).await;
    world
}

async fn fault(world: &World, act: &str) -> PluginError {
    let system = chaotic(&format!(r#"[{{"on": "read-page", {act}}}]"#));
    world.source(&system).await.unwrap().read_page("user", None, 10).await.unwrap_err()
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = chaos().await;
    let source = world.source(&chaotic("[]")).await.unwrap();
    assert_eq!(source.entity_types(), ["user", "group"]);
    let (mut cursor, mut ids) = (None, Vec::new());
    loop {
        let page = source.read_page("user", cursor.as_deref(), 10).await.unwrap();
        ids.extend(page.entities.into_iter().map(|entity| entity.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 25);
    let asked = vec![ids[3].clone(), "nobody".to_owned()];
    let answers = source.read_entities("user", asked).await;
    assert_eq!(answers[0].as_ref().unwrap().id, ids[3]);
    assert_eq!(answers[1].as_ref().unwrap_err().code, code::NOT_FOUND);
}

#[tokio::test]
async fn a_panic_is_told_with_its_text_and_its_functions() {
    let world = chaos().await;
    let error = fault(&world, r#""do": "trap""#).await;
    assert_eq!(error.code, code::INTERNAL);
    assert!(error.message.contains("the plugin chaos 0.1.0 panicked: the schedule says so at "), "{error}");
    assert!(error.message.contains("gangway_plugin_chaos::"), "{error}");
    let crash = world.host.plugins(&tenant())[0].last_crash.clone().unwrap();
    assert!(
        crash.text.contains("wasm backtrace") && crash.text.contains("the schedule says so"),
        "{crash:?}"
    );
}

#[tokio::test]
async fn what_a_real_plugin_does_wrong_ends_in_time() {
    for (act, expected, text) in [
        ("loop", code::TIMEOUT, "processor time"),
        ("memory", code::INTERNAL, "64 MiB of memory"),
        ("recursion", code::INTERNAL, "recursion"),
    ] {
        let world = chaos().await;
        let start = Instant::now();
        let error = fault(&world, &format!(r#""do": "{act}""#)).await;
        assert_eq!(error.code, expected, "{error}");
        assert!(error.message.contains(text), "{error}");
        assert!(start.elapsed() < Duration::from_secs(3), "{act}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn nothing_is_reached_without_a_grant() {
    let world = chaos().await;
    let http = fault(&world, r#""do": "http", "url": "http://127.0.0.1:9/""#).await;
    let connect = fault(&world, r#""do": "connect", "host": "127.0.0.1", "port": 9"#).await;
    let file = fault(&world, r#""do": "read-file", "name": "/etc/passwd""#).await;
    for error in [&http, &connect, &file] {
        assert_eq!(error.code, code::DENIED, "{error}");
    }
    assert!(http.message.contains("\"origin\"") && connect.message.contains("\"port\":"), "{http} {connect}");
}

struct Teapot;

#[async_trait::async_trait]
impl Interposer for Teapot {
    async fn answer(
        &self,
        system: &System,
        request: &HttpRequest,
    ) -> Option<Result<HttpResponse, PluginError>> {
        let message = format!("{} asked for {}", system.name, request.url);
        Some(Err(PluginError::new(code::UNAVAILABLE, message)))
    }
}

#[tokio::test]
async fn an_interposer_answers_in_place_of_the_network() {
    let world = chaos().await;
    let systems = world.host.systems_through(&tenant(), world.state.clone(), Some(Arc::new(Teapot)));
    let system = chaotic(r#"[{"on": "read-page", "do": "http", "url": "https://a.example/x"}]"#);
    let source = systems.source(&system, &world.job()).await.unwrap();
    let error = source.read_page("user", None, 10).await.unwrap_err();
    assert!(error.message.contains("Test asked for https://a.example/x"), "{error}");
}

#[tokio::test]
async fn a_csv_file_is_read() {
    let world = World::new();
    world.load("csv", component("csv")).await;
    let path = world.folder.path().join("people.csv");
    std::fs::write(&path, "id,userName\n1,zoé\n2,o'neil\n").unwrap();
    let mut system = system("csv");
    let path = path.to_str().unwrap().to_owned();
    system.grants.files.push(FileGrant { name: "user".into(), path: path.clone(), write: false });
    system.grants.files.push(FileGrant { name: "users".into(), path, write: false });
    let source = world.source(&system).await.unwrap();
    let page = source.read_page("user", None, 10).await.unwrap();
    let ids: Vec<_> = page.entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"], "{:?}", page.problems);
    assert!(page.entities[0].json.contains("zoé"));
}

const DOCUMENT: &str = r#"{ "user": { "mappings": [
    { "sourcePath": "$.id", "targetVariable": "entityIdSourceSystem" },
    { "sourcePath": "$.userName", "targetPath": "$.name" } ] } }"#;

struct NoRelations;

impl Resolver for NoRelations {
    fn resolve(
        &self,
        _: &str,
        ids: &[String],
        _: Option<&str>,
        _: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError> {
        Ok(ids.iter().map(|_| Vec::new()).collect())
    }
}

fn entities(count: usize) -> Vec<String> {
    (0..count).map(|number| format!(r#"{{"id": "{number}", "userName": "user{number}"}}"#)).collect()
}

fn requests(entities: &[String]) -> Vec<Request<'_>> {
    let request = |json| Request {
        entity_type: "user",
        operation: TransformOperation::Read,
        json,
        variables: String::new(),
    };
    entities.iter().map(|json| request(json.as_str())).collect()
}

async fn transformation(world: &World, system: &System) -> Result<Arc<dyn Transformation>, PluginError> {
    world.systems().read_transformation(system, &world.job()).await
}

fn transforming(document: &str) -> System {
    let mut system = system("csv");
    system.read = Some(TransformationRef { plugin: PluginId::new("json"), document: document.into() });
    system
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transformation_runs_two_batches_at_once() {
    let world = World::with(|config| config.limits.cpu = Duration::from_secs(10));
    let loaded = world.load("json", component("json_transformation")).await;
    let transformation = transformation(&world, &transforming(DOCUMENT)).await.unwrap();
    let needs = transformation.needs();
    assert_eq!(needs, [("user".to_owned(), gangway_model::Needs::default())]);
    let answers = transformation.apply(&requests(&entities(3)), false).await.unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[2].outcome, AnswerOutcome::Transformed, "{answers:?}");
    assert_eq!(answers[2].json, r#"{"name":"user2"}"#);
    assert_eq!(answers[2].id.as_deref(), Some("2"), "{answers:?}");

    let many = entities(1_000);
    let many = requests(&many);
    let start = Instant::now();
    let (first, second) =
        tokio::join!(transformation.apply(&many, false), transformation.apply(&many, false));
    assert_eq!((first.unwrap().len(), second.unwrap().len()), (1_000, 1_000));
    println!("{:?} for 2 x 1,000; loaded in {:?}", start.elapsed(), loaded.timings);
    assert_eq!(transformation.configuration(), transformation_of(&world, DOCUMENT).await);
    assert_ne!(
        transformation.configuration(),
        transformation_of(&world, &DOCUMENT.replace("name\"", "n\"")).await
    );
}

async fn transformation_of(world: &World, document: &str) -> [u8; 32] {
    transformation(world, &transforming(document)).await.unwrap().configuration()
}

#[tokio::test]
async fn a_document_is_checked_before_it_is_used() {
    let world = World::with(|config| config.limits.cpu = Duration::from_secs(10));
    world.load("json", component("json_transformation")).await;
    let check = async |document: &str| {
        let json = PluginId::new("json");
        world.host.check_document(&tenant(), &json, document, Direction::Read, Vec::new()).await.unwrap()
    };
    assert!(check(DOCUMENT).await.iter().all(|diagnostic| diagnostic.severity == Severity::Warning));
    let broken = check(&DOCUMENT.replace("targetVariable", "targetVariabel")).await;
    assert!(broken.iter().any(|diagnostic| diagnostic.severity == Severity::Error), "{broken:?}");
    // A document that is broken all the same says so when the job opens it, with the place.
    let error = transformation(&world, &transforming("{")).await.err().unwrap();
    assert_eq!(error.code, code::CONFIGURATION);
    assert!(
        error.message.starts_with("system \"Test\": the transformation document is refused by json"),
        "{error}"
    );
    // A write transformation that is not there is not guessed.
    let systems = world.systems();
    let missing =
        systems.write_transformation(&transforming(DOCUMENT), &world.job(), Arc::new(NoRelations)).await;
    assert!(missing.err().unwrap().message.contains("it has no write transformation"));
}

#[tokio::test]
async fn our_components_load_in_time() {
    for name in ["chaos", "csv", "discard", "scim2", "ldap", "json_transformation"] {
        let world = World::with(|config| config.limits.cpu = Duration::from_secs(10));
        let wasm = component(name);
        let size = wasm.len();
        let cold = world.load("guest", wasm.clone()).await;
        let cache = world.folder.path().join("compiled");
        let again = World::with(|config| config.cache_dir = cache);
        let warm = again.load("guest", wasm).await;
        assert_eq!((cold.origin, warm.origin), (Origin::Compiler, Origin::Cache));
        println!("{name} ({size} bytes): cold {:?}, warm {:?}", cold.timings, warm.timings);
    }
}
