//! Who may be spoken to.

use crate::server::{Reply, Server};
use crate::world::*;
use gangway_egress::{Address, Egress};
use gangway_model::{ConnectionGrant, HttpGrant, code};
use std::sync::Arc;

#[tokio::test]
async fn own_origin_is_allowed_and_no_other() {
    let server = Server::start(|_, _| Reply::body("ok")).await;
    let other = Server::start(|_, _| Reply::body("ok")).await;
    let egress = open(&system(&format!("{}/scim/v2", server.origin()), &[]));
    assert_eq!(egress.send(get(format!("{}/Users?x=1#f", server.origin()))).await.unwrap().status, 200);
    assert_eq!(server.seen()[0].line, "GET /Users?x=1 HTTP/1.1");

    for url in [
        format!("{}/", other.origin()),
        format!("https://127.0.0.1:{}/", server.port),
        format!("http://localhost:{}/", server.port),
        format!("http://127.0.0.1.:{}/", server.port + 1),
        "http://example.com/".to_owned(),
    ] {
        let error = egress.send(get(url.clone())).await.unwrap_err();
        assert_eq!(error.code, code::DENIED, "{url}: {error}");
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn a_refusal_says_what_is_missing_and_the_line_it_gives_works() {
    let server = Server::start(|_, _| Reply::body("ok")).await;
    let mut system = system("https://scim.example", &[]);
    system.grants.http.push(HttpGrant { origin: "https://a.example".into() });
    let error = open(&system).send(get(format!("{}/x", server.origin()))).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    let line = format!(r#""http": [{{"origin":"https://a.example"}},{{"origin":"{}"}}]"#, server.origin());
    assert!(error.message.contains(&line), "{error}");
    assert!(error.message.contains("crew list") && error.message.contains("grants.http"), "{error}");
    assert!(error.message.contains("https://scim.example"), "{error}");

    // The line as an administrator would paste it, beside the address that the test needs.
    let pasted = format!(r#"{{{line}, "addresses": ["127.0.0.1"]}}"#);
    system.grants = serde_json::from_str(&pasted).unwrap();
    assert_eq!(open(&system).send(get(format!("{}/x", server.origin()))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_literal_address_is_checked() {
    let server = Server::start(|_, _| Reply::body("ok")).await;
    let mut system = system(&server.origin(), &[]);
    system.grants.addresses = vec!["10.0.0.0/8".into()];
    let error = open(&system).send(get(server.origin())).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert!(error.message.contains(r#""addresses": ["10.0.0.0/8","127.0.0.1"]"#), "{error}");
    assert!(error.message.contains("loopback"), "{error}");

    for url in ["http://[::ffff:127.0.0.1]:9", "http://169.254.169.254", "http://0x7f.1:9", "http://[::1]:9"]
    {
        let mut odd = crate::world::system(url, &[]);
        odd.grants.addresses = vec![];
        let error = open(&odd).send(get(format!("{url}/"))).await.unwrap_err();
        assert_eq!(error.code, code::DENIED, "{url}: {error}");
        assert!(error.message.contains("addresses"), "{error}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn the_resolved_address_is_checked_not_the_name() {
    let server = Server::start(|_, _| Reply::body("ok")).await;
    let mut config = config();
    config.lookup = Names::of(&[
        ("inside.example", &["127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("both.example", &["10.1.1.1", "127.0.0.1"]),
    ]);
    for host in ["inside.example", "mapped.example", "metadata.example", "both.example"] {
        let mut system = system(&server.named(host), &[]);
        system.grants.addresses.clear();
        let error = open_with(config.clone(), &system).send(get(server.named(host))).await.unwrap_err();
        assert_eq!(error.code, code::DENIED, "{host}: {error}");
        assert!(error.message.contains(&format!("{host}, which resolves to")), "{error}");
    }
    assert_eq!(server.count(), 0);
    // With the grant the same name is reached, and an address beside it that is refused is passed over.
    for host in ["inside.example", "both.example"] {
        let egress = open_with(config.clone(), &system(&server.named(host), &[]));
        assert_eq!(egress.send(get(server.named(host))).await.unwrap().status, 200, "{host}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_unavailable() {
    let egress = open(&system("http://nowhere.example", &[("ips.failed.request.retry.attempts", "0")]));
    let error = egress.send(get("http://nowhere.example/")).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(error.message.contains("nowhere.example"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_following_it_is_checked() {
    let inner = Server::start(|_, _| Reply::body("internal")).await;
    let to = format!("location: {}/secret", inner.origin());
    let outer = Server::start(move |_, _| Reply::with(302, &to)).await;
    let egress = open(&system(&outer.origin(), &[]));
    let answer = egress.send(get(outer.origin())).await.unwrap();
    assert_eq!(answer.status, 302);
    let (_, location) = answer.headers.iter().find(|(name, _)| name == "location").unwrap();
    let error = egress.send(get(location.clone())).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert_eq!(inner.count(), 0);
}

#[tokio::test]
async fn streams_need_a_stream_url_or_a_grant() {
    let server = Server::start(|_, _| Reply::Drop).await;
    let address = |host: &str| Address {
        host: host.into(),
        port: server.port,
        security: "none".into(),
        timeout_ms: 1000,
    };
    // An HTTP URL opens no stream.
    let http = system(&server.origin(), &[]);
    let error = open(&http).connect(address("127.0.0.1")).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    let line = format!(r#""connection": [{{"host":"127.0.0.1","port":{}}}]"#, server.port);
    assert!(error.message.contains(&line), "{error}");
    // The grant does, and so does an LDAP URL in either property.
    let mut granted = http.clone();
    granted.grants.connection.push(ConnectionGrant { host: "127.0.0.1".into(), port: server.port });
    open(&granted).connect(address("127.0.0.1")).await.unwrap();
    let ldap = system(&format!("ldap://127.0.0.1:{}", server.port), &[]);
    open(&ldap).connect(address("127.0.0.1")).await.unwrap();
    let property = format!("ldap://127.0.0.1:{}", server.port);
    let mut ldap = system("x:", &[("ldap.url", &property)]);
    ldap.properties.remove("URL");
    open(&ldap).connect(address("127.0.0.1")).await.unwrap();
    // Neither opens another host, nor an address that is not granted.
    let error = open(&ldap).connect(address("localhost")).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    ldap.grants.addresses.clear();
    let error = open(&ldap).connect(address("127.0.0.1")).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert!(error.message.contains("addresses"), "{error}");
}

#[tokio::test]
async fn the_resolved_address_of_a_stream_is_checked() {
    let server = Server::start(|_, _| Reply::Drop).await;
    let mut config = config();
    config.lookup = Names::of(&[("dir.example", &["127.0.0.1"])]);
    let mut system = system(&format!("ldap://DIR.example:{}", server.port), &[]);
    let address = || Address {
        host: "dir.EXAMPLE".into(),
        port: server.port,
        security: "none".into(),
        timeout_ms: 1000,
    };
    open_with(config.clone(), &system).connect(address()).await.unwrap();
    system.grants.addresses.clear();
    let error = open_with(config, &system).connect(address()).await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
}

#[test]
fn what_cannot_be_read_is_a_configuration_error() {
    let egress = Egress::new(config());
    for change in [
        ("URL", "scim.example.com/v2"),
        ("URL", "https://"),
        ("URL", "https://user:secret@scim.example.com"),
        ("ldap.url", "::"),
        ("tls.trusted.certificates", "none"),
        ("http.concurrency", "a lot"),
    ] {
        let mut system = system("https://a.example", &[]);
        system.properties.insert(change.0.into(), gangway_model::Property::plain(change.1));
        let error = egress.for_system(&system, Arc::default()).unwrap_err();
        assert_eq!(error.code, code::CONFIGURATION, "{change:?}");
        assert!(error.message.contains(change.0), "{change:?}: {error}");
    }
    for origin in ["https://*.example.com", "https://a.example/path", "a.example", "ldap://a", "https://u@a"]
    {
        let mut system = system("https://a.example", &[]);
        system.grants.http.push(HttpGrant { origin: origin.into() });
        let error = egress.for_system(&system, Arc::default()).unwrap_err();
        assert!(error.code == code::CONFIGURATION && error.message.contains(origin), "{error}");
    }
}
