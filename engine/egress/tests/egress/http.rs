//! One request: what arrives, what comes back, what goes wrong.

use crate::server::{Reply, Server};
use crate::world::*;
use gangway_egress::{Egress, HttpRequest};
use gangway_model::code;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NO_RETRY: (&str, &str) = ("ips.failed.request.retry.attempts", "0");

#[tokio::test]
async fn any_status_is_an_answer() {
    let server =
        Server::start(|n, _| Reply::status([200, 204, 304, 400, 401, 403, 404, 409, 413, 500][n])).await;
    let egress = open(&system(&server.origin(), &[NO_RETRY]));
    for status in [200, 204, 304, 400, 401, 403, 404, 409, 413, 500] {
        assert_eq!(egress.send(get(server.origin())).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn request_and_answer_arrive_whole() {
    let server = Server::start(|_, seen| {
        Reply::Answer(201, vec!["etag: W/\"1\"".into(), "set-cookie: s=1".into()], seen.body.clone().into())
    })
    .await;
    let egress = open(&system(&server.origin(), &[]));
    let body = "x".repeat(300_000);
    let mut request = post(format!("{}/Users", server.origin()), &body);
    request.headers =
        vec![("Content-Type".into(), "application/scim+json".into()), ("X-A".into(), "1".into())];
    let answer = egress.send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (201, body.len()));
    assert!(answer.headers.contains(&("etag".into(), "W/\"1\"".into())));
    assert!(!answer.headers.iter().any(|(name, _)| name == "set-cookie"), "a session stays with the host");
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "POST /Users HTTP/1.1");
    assert_eq!(seen.header("content-type"), Some("application/scim+json"));
    assert_eq!(seen.header("x-a"), Some("1"));
    assert!(seen.header("user-agent").unwrap().starts_with("gangway/"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn f098_headers_of_properties_are_added_and_the_plugins_own_win() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = open(&system(
        &server.origin(),
        &[
            ("ips.http.header.X-Location", "north"),
            ("ips.http.header.X-Own", "configured"),
            ("ips.http.header.X-Key", CANARY),
            ("ips.http.header.Authorization", "Custom abc"),
            ("Authentication", "NoAuthentication"),
        ],
    ));
    let mut request = authenticated(server.origin());
    request.headers.push(("x-own".into(), "plugin".into()));
    egress.send(request).await.unwrap();
    egress.send(get(server.origin())).await.unwrap();
    let [with, without] = &server.seen()[..] else { panic!() };
    assert_eq!(with.header("x-location"), Some("north"));
    assert_eq!(with.header("x-own"), Some("plugin"));
    assert_eq!(with.header("x-key"), Some(CANARY));
    assert_eq!(with.header("authorization"), Some("Custom abc"));
    assert_eq!(without.header("x-location"), Some("north"));
    assert_eq!(without.header("x-key"), None);
    assert_eq!(without.header("authorization"), None);
    // Credentials win over a header of the same name.
    let egress = open(&system(
        &server.origin(),
        &[
            ("ips.http.header.Authorization", "Custom abc"),
            ("Authentication", "BasicAuthentication"),
            ("User", "ada"),
            ("Password", CANARY),
        ],
    ));
    egress.send(authenticated(server.origin())).await.unwrap();
    assert!(
        server
            .seen()
            .last()
            .is_some_and(|seen| seen.header("authorization").is_some_and(|h| h.starts_with("Basic ")))
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_kept() {
    let chunk = b"400\r\n".iter().copied().chain([b'x'; 1024]).chain(*b"\r\n").collect::<Vec<u8>>();
    let endless = Arc::new(chunk.repeat(64));
    let server = Server::start(move |n, _| match n {
        0 => Reply::body(vec![b'x'; 10_001]),
        1 => Reply::body(vec![b'x'; 10_000]),
        _ => {
            let mut bytes = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            bytes.extend_from_slice(&endless);
            Reply::Raw(bytes)
        }
    })
    .await;
    let mut config = config();
    config.limits.response_bytes = 10_000;
    config.limits.request_bytes = 10;
    let egress = open_with(config, &system(&server.origin(), &[]));
    assert_eq!(egress.send(get(server.origin())).await.unwrap_err().code, code::TOO_LARGE);
    assert_eq!(egress.send(get(server.origin())).await.unwrap().body.len(), 10_000);
    let error = egress.send(get(server.origin())).await.unwrap_err();
    assert_eq!(error.code, code::TOO_LARGE, "{error}");
    assert!(error.message.contains("10000 bytes"), "{error}");
    assert_eq!(server.count(), 3, "what is too large is not asked for again");
    assert_eq!(egress.send(post(server.origin(), "12345678901")).await.unwrap_err().code, code::TOO_LARGE);
}

#[tokio::test]
async fn a_refused_connection_is_unavailable_and_names_the_server() {
    let port = {
        let server = Server::start(|_, _| Reply::Drop).await;
        server.port
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let url = format!("http://127.0.0.1:{port}");
    let error = open(&system(&url, &[NO_RETRY])).send(get(url.clone())).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(
        error.message.contains(&format!("127.0.0.1:{port} cannot be reached (connection refused)")),
        "{error}"
    );
}

#[tokio::test]
async fn a_dropped_connection_is_unavailable_and_garbage_is_protocol() {
    let server = Server::start(|n, _| match n {
        0 => Reply::Drop,
        1 => Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec()),
        2 => Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        _ => {
            let headers = (0..1000).map(|n| format!("x-{n}: {}\r\n", "y".repeat(1000))).collect::<String>();
            Reply::Raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes())
        }
    })
    .await;
    let egress = open(&system(&server.origin(), &[NO_RETRY]));
    let address = format!("127.0.0.1:{}", server.port);
    for expected in [code::UNAVAILABLE, code::UNAVAILABLE, code::PROTOCOL, code::PROTOCOL] {
        let error = egress.send(get(server.origin())).await.unwrap_err();
        assert_eq!(error.code, expected, "{error}");
        assert!(error.message.contains(&address), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_invalid() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = open(&system(&server.origin(), &[]));
    let long = format!("{}/{}", server.origin(), "x".repeat(70_000));
    let error = egress.send(get(long)).await.unwrap_err();
    assert_eq!(error.code, code::INVALID, "{error}");
    assert!(error.to_string().len() < 1000);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let server =
        Server::start(|_, _| Reply::Late(Duration::from_secs(30), Box::new(Reply::status(200)))).await;
    let egress = open(&system(&server.origin(), &[NO_RETRY]));
    let start = Instant::now();
    let error = egress.send(HttpRequest { timeout_ms: 150, ..get(server.origin()) }).await.unwrap_err();
    assert_eq!(error.code, code::TIMEOUT);
    assert!(error.message.contains("150 ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    // The property is an upper bound for what plugins ask for.
    let egress = open(&system(&server.origin(), &[NO_RETRY, ("http.timeout", "1")]));
    let error = egress.send(HttpRequest { timeout_ms: 60_000, ..get(server.origin()) }).await.unwrap_err();
    assert!(error.message.contains("1000 ms"), "{error}");
}

#[tokio::test]
async fn a_stopped_job_leaves_its_waits() {
    let server = Server::start(|n, _| match n {
        0 => Reply::Late(Duration::from_secs(30), Box::new(Reply::status(200))),
        _ => Reply::with(429, "retry-after: 60"),
    })
    .await;
    let egress = Egress::new(config());
    for _ in 0..2 {
        let cancelled = Arc::new(AtomicBool::new(false));
        let out = egress.for_system(&system(&server.origin(), &[]), cancelled.clone()).unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            cancelled.store(true, Ordering::Relaxed);
        });
        let start = Instant::now();
        assert_eq!(out.send(get(server.origin())).await.unwrap_err().code, code::CANCELLED);
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(900), "{took:?}");
        assert_eq!(out.send(get(server.origin())).await.unwrap_err().code, code::CANCELLED);
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn many_keep_their_order_and_the_limit() {
    let server = Server::start(|_, seen| {
        let n: u64 = seen.line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        Reply::Late(Duration::from_millis(5 + (n * 7) % 20), Box::new(Reply::body(n.to_string())))
    })
    .await;
    let egress = open(&system(&server.origin(), &[("http.concurrency", "4")]));
    let mut requests: Vec<_> = (0..60).map(|n| get(format!("{}/{n}", server.origin()))).collect();
    requests[30] = get("http://elsewhere.example/");
    let answers = egress.send_many(requests).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match n {
            30 => assert_eq!(answer.unwrap_err().code, code::DENIED),
            _ => assert_eq!(answer.unwrap().body, n.to_string().into_bytes()),
        }
    }
    let most = server.seen().iter().map(|seen| seen.at_once).max().unwrap();
    assert!((3..=4).contains(&most), "{most} at once");
}

#[tokio::test]
async fn the_limit_is_shared_by_all_jobs_of_a_system() {
    let server =
        Server::start(|_, _| Reply::Late(Duration::from_millis(20), Box::new(Reply::status(200)))).await;
    let egress = Egress::new(config());
    let system = system(&server.origin(), &[("http.concurrency", "3")]);
    let jobs = (0..4).map(|_| egress.for_system(&system, Arc::default()).unwrap());
    let requests = || (0..10).map(|_| get(server.origin())).collect::<Vec<_>>();
    futures_util::future::join_all(jobs.map(|job| async move { job.send_many(requests()).await })).await;
    let most = server.seen().iter().map(|seen| seen.at_once).max().unwrap();
    assert_eq!((server.count(), most), (40, 3));
}

#[tokio::test]
async fn environment_proxies_are_not_used() {
    // The proxy variables are read when a client is made, and tests share one process: this one
    // asserts on the code's behaviour through a child with the variables set.
    if std::env::var_os("GANGWAY_TEST_PROXY").is_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "http::environment_proxies_are_not_used"])
            .env("GANGWAY_TEST_PROXY", "1")
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("http_proxy", "http://127.0.0.1:1")
            .env("ALL_PROXY", "http://127.0.0.1:1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = open(&system(&server.origin(), &[NO_RETRY]));
    assert_eq!(egress.send(get(server.origin())).await.unwrap().status, 200);
}
