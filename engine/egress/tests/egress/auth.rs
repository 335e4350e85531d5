//! Credentials: what each kind sends, to whom, and that nobody else sees them.

use crate::server::{Reply, Seen, Server};
use crate::world::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gangway_model::{HttpGrant, Property, code};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const BASIC: (&str, &str) = ("Authentication", "BasicAuthentication");

fn token_reply(token: &str) -> Reply {
    Reply::body(format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":3600}}"#))
}

#[tokio::test]
async fn basic() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = open(&system(
        &server.origin(),
        &[BASIC, ("User", "jürgen"), ("Password", CANARY), ("ips.http.header.Authorization", "Custom abc")],
    ));
    egress.send(authenticated(server.origin())).await.unwrap();
    egress.send(get(server.origin())).await.unwrap();
    let seen = server.seen();
    let expected = format!("Basic {}", STANDARD.encode(format!("jürgen:{CANARY}")));
    assert_eq!(seen[0].header("authorization"), Some(expected.as_str()));
    assert_eq!(seen[1].header("authorization"), None);
}

#[tokio::test]
async fn bearer() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = open(&system(
        &server.origin(),
        &[("Authentication", "BearerTokenAuthentication"), ("Token", CANARY)],
    ));
    egress.send(authenticated(server.origin())).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
}

#[tokio::test]
async fn none_sends_none_and_half_a_configuration_is_an_error() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    open(&system(
        &server.origin(),
        &[("Authentication", "NoAuthentication"), ("User", "u"), ("Password", "p")],
    ))
    .send(authenticated(server.origin()))
    .await
    .unwrap();
    assert_eq!(server.seen()[0].header("authorization"), None);
    let error = open(&system(&server.origin(), &[BASIC, ("User", "u")]))
        .send(authenticated(server.origin()))
        .await
        .unwrap_err();
    assert_eq!(error.code, code::CONFIGURATION);
    assert!(error.message.contains("Password"), "{error}");
}

#[tokio::test]
async fn a_token_is_bought_once_and_used_by_all() {
    for (kind, expect) in [("Basic", true), ("Form", false)] {
        let service = Server::start(|_, _| {
            Reply::Late(Duration::from_millis(30), Box::new(token_reply("token-one-1")))
        })
        .await;
        let server = Server::start(|_, _| Reply::status(200)).await;
        let egress = open(&system(
            &server.origin(),
            &[
                BASIC,
                ("User", "client!b1|x"),
                ("Password", CANARY),
                ("OAuth2TokenServiceURL", &format!("{}/oauth/token", service.origin())),
                ("OAuth2TokenScope", "users.read groups.read"),
                ("AuthType", kind),
            ],
        ));
        for answer in egress.send_many(vec![authenticated(server.origin()); 20]).await {
            assert_eq!(answer.unwrap().status, 200);
        }
        assert_eq!(service.count(), 1);
        assert!(server.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer token-one-1")));
        let asked = &service.seen()[0];
        assert_eq!(asked.line, "POST /oauth/token HTTP/1.1");
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert!(
            asked.body.starts_with("grant_type=client_credentials&scope=users.read+groups.read"),
            "{asked:?}"
        );
        let header = format!("Basic {}", STANDARD.encode(format!("client!b1|x:{CANARY}")));
        assert_eq!(asked.header("authorization"), expect.then_some(header.as_str()));
        let form = format!("&client_id=client%21b1%7Cx&client_secret={CANARY}");
        assert_eq!(asked.body.ends_with(&form), !expect, "{}", asked.body);
        // The plugin may not speak to the token service itself.
        assert_eq!(egress.send(get(service.origin())).await.unwrap_err().code, code::DENIED);
    }
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let service = Server::start(|n, _| token_reply(&format!("token-number-{n}"))).await;
    let good = Arc::new(Mutex::new("token-number-1".to_owned()));
    let accepted = good.clone();
    let server = Server::start(move |_, seen| {
        let expected = format!("Bearer {}", accepted.lock().unwrap());
        Reply::status(if seen.header("authorization") == Some(&expected) { 200 } else { 401 })
    })
    .await;
    let url = format!("{}/token", service.origin());
    let egress = open(&system(
        &server.origin(),
        &[BASIC, ("User", "c"), ("Password", CANARY), ("OAuth2TokenServiceURL", &url)],
    ));
    assert_eq!(egress.send(authenticated(server.origin())).await.unwrap().status, 200);
    assert_eq!((service.count(), server.count()), (2, 2));
    // A system that refuses every token is asked twice, not for ever.
    *good.lock().unwrap() = "none".to_owned();
    assert_eq!(egress.send(authenticated(server.origin())).await.unwrap().status, 401);
    assert_eq!((service.count(), server.count()), (3, 4));
}

#[tokio::test]
async fn a_token_service_that_refuses_is_unauthorized() {
    let service = Server::start(|_, _| {
        Reply::Answer(
            401,
            vec![],
            format!(r#"{{"error":"invalid_client","error_description":"{CANARY}"}}"#).into(),
        )
    })
    .await;
    let server = Server::start(|_, _| Reply::status(200)).await;
    let url = format!("{}/token", service.origin());
    let egress = open(&system(
        &server.origin(),
        &[BASIC, ("User", "c"), ("Password", CANARY), ("OAuth2TokenServiceURL", &url)],
    ));
    let error = egress.send(authenticated(server.origin())).await.unwrap_err();
    assert_eq!(error.code, code::UNAUTHORIZED);
    assert!(error.message.contains("invalid_client"), "{error}");
    assert!(!error.to_string().contains(CANARY), "{error}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn credentials_go_to_the_systems_own_origin_only() {
    let own = Server::start(|_, _| Reply::status(200)).await;
    let other = Server::start(|_, _| Reply::status(200)).await;
    let mut system = system(
        &own.origin(),
        &[BASIC, ("User", "u"), ("Password", CANARY), ("ips.http.header.X-Key", CANARY)],
    );
    system.grants.http.push(HttpGrant { origin: other.origin() });
    let egress = open(&system);
    let error = egress.send(authenticated(other.origin())).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert_eq!(other.count(), 0);
    egress.send(get(other.origin())).await.unwrap();
    assert!(!format!("{:?}", other.seen()).contains(CANARY));
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_clear() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let mut config = config();
    config.lookup = Names::of(&[("scim.example", &["127.0.0.1"])]);
    let url = server.named("scim.example");
    let mut system = system(&url, &[BASIC, ("User", "u"), ("Password", CANARY)]);
    let error = open_with(config.clone(), &system).send(authenticated(url.clone())).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert!(error.message.contains(r#""plaintextSecrets": true"#), "{error}");
    assert_eq!(server.count(), 0);
    system.grants.plaintext_secrets = true;
    assert_eq!(open_with(config, &system).send(authenticated(url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_echoed_secret_is_masked() {
    let echo = |_: usize, seen: &Seen| {
        let authorization = seen.header("authorization").unwrap_or_default().to_owned();
        let header = format!("x-echo: {authorization}");
        Reply::Answer(200, vec![header], format!("[{authorization}] [{CANARY}] [tok]").into())
    };
    let server = Server::start(echo).await;
    let service = Server::start(|_, _| token_reply("tok-secret-123")).await;
    let url = format!("{}/token", service.origin());
    for (more, secret) in [
        (("AuthType", "Basic"), STANDARD.encode(format!("u:{CANARY}"))),
        (("OAuth2TokenServiceURL", url.as_str()), "tok-secret-123".to_owned()),
    ] {
        let egress = open(&system(&server.origin(), &[BASIC, ("User", "u"), ("Password", CANARY), more]));
        let answer = egress.send(authenticated(server.origin())).await.unwrap();
        let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        assert!(!shown.contains(&secret) && !shown.contains(CANARY), "{shown}");
        assert!(shown.contains(&format!("[{}] [tok]", "*".repeat(CANARY.len()))), "{shown}");
    }
}

#[tokio::test]
async fn a_changed_property_is_used_at_once() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = gangway_egress::Egress::new(config());
    let mut system = system(&server.origin(), &[BASIC, ("User", "u"), ("Password", "first-password")]);
    for password in ["first-password", "second-password"] {
        system.properties.insert("Password".into(), Property::secret(password));
        let out = egress.for_system(&system, Arc::default()).unwrap();
        out.send(authenticated(server.origin())).await.unwrap();
        let expected = format!("Basic {}", STANDARD.encode(format!("u:{password}")));
        assert_eq!(server.seen().last().unwrap().header("authorization"), Some(expected.as_str()));
    }
}
