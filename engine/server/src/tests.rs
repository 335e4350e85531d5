mod access;
mod description;
mod jobs;
mod operation;
mod plugins;
mod scim;
mod systems;

/// The plugin host's own test components: a source that is empty.
#[allow(dead_code, unreachable_pub)]
#[path = "../../host/tests/host/guests.rs"]
mod guests;

use crate::{Config, Opened, Services, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Engine {
    services: Services,
    router: Router,
    token: String,
    folder: tempfile::TempDir,
}

impl Engine {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Opened { services, token } = Services::open(Config::new(folder.path())).await.unwrap();
        Self { router: router(services.clone()), services, token: token.unwrap(), folder }
    }

    /// With a tenant `t` that has the plugin `empty`.
    async fn with_plugin() -> Self {
        let engine = Self::new().await;
        engine.ok("POST", "/api/v1/tenants", json!({ "name": "t" })).await;
        let (status, answer) = engine.upload("empty", component("1.0.0")).await;
        assert_eq!(status, 200, "{answer}");
        engine
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn raw(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: impl Into<Body>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "engine:1");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        read(self.raw(method, path, Some(&self.token), body).await).await
    }

    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// Asserts an error and gives it.
    async fn refused(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let (given, answer) = self.call(method, path, body).await;
        assert_eq!(given, status, "{method} {path}: {answer}");
        assert_eq!(answer["status"], status);
        assert!(answer["type"].as_str().unwrap().starts_with("urn:gangway:problem:"), "{answer}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
        description::fits("Problem", &answer);
        answer
    }

    async fn upload(&self, plugin: &str, wasm: Vec<u8>) -> (StatusCode, Value) {
        let path = format!("/api/v1/tenants/t/plugins/{plugin}");
        read(self.raw("PUT", &path, Some(&self.token), wasm).await).await
    }
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn component(version: &str) -> Vec<u8> {
    let mut manifest = guests::manifest("empty", version, &[]);
    manifest["properties"] = json!([{ "name": "key", "secret": true }]);
    guests::Guest { manifest, ..guests::Guest::default() }.build()
}
