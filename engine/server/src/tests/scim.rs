use super::*;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[tokio::test]
async fn the_directory_is_served_with_its_headers() {
    let engine = Engine::new().await;
    engine.ok("POST", "/api/v1/tenants", json!({ "name": "acme" })).await;
    let base = "/tenants/acme/scim/v2";
    let body = json!({ "schemas": [USER], "userName": "ann" }).to_string();
    let response = engine.raw("POST", &format!("{base}/Users"), Some(&engine.token), body.clone()).await;
    assert_eq!(response.status(), 201);
    let headers = response.headers().clone();
    assert_eq!(headers[header::CONTENT_TYPE], "application/scim+json");
    assert_eq!(headers[header::ETAG], "W/\"1\"");
    let user = read(response).await.1;
    let location = format!("http://engine:1{base}/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(headers[header::LOCATION], location.as_str());
    assert_eq!(user["meta"]["location"], location);
    // The link works.
    let path = location.strip_prefix("http://engine:1").unwrap();
    assert_eq!(engine.ok("GET", path, Value::Null).await, user);
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", engine.token))
        .header(header::IF_NONE_MATCH, "W/\"1\"");
    assert_eq!(engine.send(request.body(Body::empty()).unwrap()).await.status(), 304);
    let response = engine.raw("POST", &format!("{base}/Users"), Some(&engine.token), body).await;
    assert_eq!(response.status(), 409);
    assert_eq!(read(response).await.1["scimType"], "uniqueness");
    let found =
        engine.ok("GET", &format!("{base}/Users?filter=userName%20eq%20%22ANN%22"), Value::Null).await;
    assert_eq!(found["totalResults"], 1);
    let response = engine.raw("DELETE", path, Some(&engine.token), "").await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers().get(header::CONTENT_TYPE), None);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let engine = Engine::new().await;
    for name in ["one", "two"] {
        engine.ok("POST", "/api/v1/tenants", json!({ "name": name })).await;
    }
    let user = engine
        .ok("POST", "/tenants/one/scim/v2/Users", json!({ "schemas": [USER], "userName": "ann" }))
        .await;
    let path = format!("/tenants/two/scim/v2/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(engine.call("GET", &path, Value::Null).await.0, 404);
    assert_eq!(engine.ok("GET", "/tenants/two/scim/v2/Users", Value::Null).await["totalResults"], 0);
    for path in ["/tenants/three/scim/v2/Users", "/tenants/..%2Fone/scim/v2/Users"] {
        let (status, error) = engine.call("GET", path, Value::Null).await;
        assert_eq!(
            (status.as_u16(), error["schemas"][0].as_str().unwrap()),
            (404, "urn:ietf:params:scim:api:messages:2.0:Error")
        );
    }
    assert!(!engine.folder.path().join("tenants/three").exists());
}

#[tokio::test]
async fn bodies_are_bounded() {
    let engine = Engine::new().await;
    engine.ok("POST", "/api/v1/tenants", json!({ "name": "acme" })).await;
    let big = vec![b' '; gangway_directory::MAX_BODY + 1];
    let response = engine.raw("POST", "/tenants/acme/scim/v2/Users", Some(&engine.token), big).await;
    assert_eq!(response.status(), 413);
}
