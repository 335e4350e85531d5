use super::*;

#[tokio::test]
async fn without_the_token_nothing_is_answered_but_health() {
    let engine = Engine::new().await;
    for path in ["/healthz", "/readyz", "/api/openapi.json"] {
        assert_eq!(engine.raw("GET", path, None, "").await.status(), 200, "{path}");
    }
    for token in [None, Some(""), Some("gw_wrong"), Some(&*engine.token.to_uppercase())] {
        for route in crate::routes::routes().iter().filter(|r| !r.doc.open) {
            let path = route.path.replace("{tenant}", "t").replace(['{', '}'], "");
            let response = engine.raw(&route.method.to_uppercase(), &path, token, "").await;
            assert_eq!(response.status(), 401, "{} {path}", route.method);
            let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert!(read(response).await.1["action"].as_str().unwrap().contains("gangway serve"));
        }
        let response = engine.raw("GET", "/tenants/t/scim/v2/Users", token, "").await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/scim+json");
    }
}

#[tokio::test]
async fn the_scheme_is_taken_in_any_case() {
    let engine = Engine::new().await;
    let request =
        Request::get("/api/v1/tenants").header(header::AUTHORIZATION, format!("bearer  {}", engine.token));
    assert_eq!(engine.send(request.body(Body::empty()).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn the_token_is_made_once_and_kept_as_a_hash_only() {
    let Engine { services, router, token, folder } = Engine::new().await;
    let stored = services.store().setting("api-token").unwrap().unwrap();
    assert_eq!(stored, blake3::hash(token.as_bytes()).as_bytes());
    drop((services, router));
    let again = Services::open(Config::new(folder.path())).await.unwrap();
    assert_eq!(again.token, None);
    let engine = Engine { router: router_of(&again.services), services: again.services, token, folder };
    engine.ok("GET", "/api/v1/tenants", Value::Null).await;
    // A new one voids the one before.
    let Engine { services, router, token, folder } = engine;
    drop((services, router));
    let renewed = Services::open(Config { new_token: true, ..Config::new(folder.path()) }).await.unwrap();
    let new = renewed.token.unwrap();
    assert_ne!(new, token);
    let engine = Engine { router: router_of(&renewed.services), services: renewed.services, token, folder };
    engine.refused("GET", "/api/v1/tenants", Value::Null, 401).await;
}

fn router_of(services: &Services) -> Router {
    router(services.clone())
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let engine = Engine::new().await;
    let problem = engine.refused("GET", "/api/v1/nothing", Value::Null, 404).await;
    assert!(problem["detail"].as_str().unwrap().contains("/api/v1/nothing"));
    engine.refused("PATCH", "/api/v1/tenants", Value::Null, 405).await;
    let problem = engine.refused("POST", "/api/v1/tenants", json!({ "nam": "x" }), 400).await;
    assert!(problem["detail"].as_str().unwrap().contains("nam"));
    engine.refused("POST", "/api/v1/tenants", json!("x".repeat(5 << 20)), 413).await;
    engine.refused("GET", "/api/v1/tenants/t/jobs?limit=x", Value::Null, 400).await;
}

#[tokio::test]
async fn tenants_come_and_go_with_all_they_have() {
    let engine = Engine::new().await;
    let made = engine.ok("POST", "/api/v1/tenants", json!({ "name": "acme" })).await;
    assert_eq!(made, json!({ "name": "acme" }));
    let problem = engine.refused("POST", "/api/v1/tenants", json!({ "name": "acme" }), 409).await;
    assert_eq!(problem["tenant"], "acme");
    engine.refused("POST", "/api/v1/tenants", json!({ "name": "../x" }), 422).await;
    assert_eq!(
        engine.ok("GET", "/api/v1/tenants", Value::Null).await,
        json!({ "tenants": [{ "name": "acme" }] })
    );
    let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann" });
    engine.ok("POST", "/tenants/acme/scim/v2/Users", user).await;
    let folder = engine.folder.path().join("tenants/acme");
    assert!(folder.join("directory.redb").exists());
    engine.ok("DELETE", "/api/v1/tenants/acme", Value::Null).await;
    assert!(!folder.exists());
    for path in ["/api/v1/tenants/acme", "/api/v1/tenants/acme/systems", "/api/v1/tenants/acme/jobs"] {
        engine.refused("GET", path, Value::Null, 404).await;
    }
    // A new tenant of the name starts empty.
    engine.ok("POST", "/api/v1/tenants", json!({ "name": "acme" })).await;
    let users = engine.ok("GET", "/tenants/acme/scim/v2/Users", Value::Null).await;
    assert_eq!(users["totalResults"], 0);
}
