//! Repetition, rest and giving up.

use crate::server::{Reply, Server};
use crate::world::*;
use gangway_egress::Egress;
use gangway_model::code;
use gangway_model::ports::Reading;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_system_that_says_not_now_is_asked_again() {
    for refusal in [429, 503] {
        let server = Server::start(move |n, _| match n {
            0 => Reply::with(refusal, "retry-after: 1"),
            _ => Reply::status(201),
        })
        .await;
        let egress = open(&system(&server.origin(), &[]));
        let start = Instant::now();
        // Not idempotent: the refusal says that nothing was done.
        assert_eq!(egress.send(post(server.origin(), "x")).await.unwrap().status, 201);
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(server.seen()[1].body, "x");
    }
}

#[tokio::test]
async fn a_rest_is_kept_by_all_jobs_of_the_system_and_by_no_other() {
    let server = Server::start(|n, _| match n {
        0 => Reply::with(429, "retry-after: 1"),
        _ => Reply::status(200),
    })
    .await;
    let egress = Egress::new(config());
    let mine = system(&server.origin(), &[]);
    let mut other = mine.clone();
    other.id = "s-2".into();
    let out = |system| egress.for_system(system, Arc::default()).unwrap();
    let (first, second, foreign) = (out(&mine), out(&mine), out(&other));
    let start = Instant::now();
    let waiting = tokio::spawn({
        let url = server.origin();
        async move { first.send(get(url)).await }
    });
    while server.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    foreign.send(get(server.origin())).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(700), "{:?}", start.elapsed());
    second.send(get(server.origin())).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn attempts_are_counted() {
    for (attempts, expected) in [("0", 1), ("1", 2), ("2", 3), ("3", 4), ("9", 4)] {
        let server = Server::start(|_, _| Reply::status(429)).await;
        let properties = [("ips.failed.request.retry.attempts", attempts)];
        let answer = open(&system(&server.origin(), &properties)).send(get(server.origin())).await.unwrap();
        assert_eq!((answer.status, server.count()), (429, expected), "{attempts}");
    }
}

#[tokio::test]
async fn only_what_does_no_harm_is_repeated() {
    // What the first attempt meets, and how often an idempotent and another request are sent.
    type Make = fn() -> Reply;
    let table: [(Make, usize, usize); 8] = [
        (|| Reply::status(502), 2, 1),
        (|| Reply::status(503), 2, 1),
        (|| Reply::status(500), 2, 1),
        (|| Reply::status(408), 2, 1),
        (|| Reply::status(404), 1, 1),
        (|| Reply::Drop, 2, 1),
        (|| Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()), 2, 1),
        (|| Reply::Late(Duration::from_secs(20), Box::new(Reply::Drop)), 2, 1),
    ];
    for (row, (first, idempotent, not)) in table.into_iter().enumerate() {
        for (repeatable, expected) in [(true, idempotent), (false, not)] {
            let server = Server::start(move |n, _| if n == 0 { first() } else { Reply::status(200) }).await;
            let mut request = post(server.origin(), "x");
            request.idempotent = repeatable;
            request.timeout_ms = 200;
            let _ = open(&system(&server.origin(), &[])).send(request).await;
            assert_eq!(server.count(), expected, "row {row}, idempotent: {repeatable}");
        }
    }
}

#[tokio::test]
async fn a_request_that_was_never_sent_is_repeated_whatever_it_does() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}");
    let mut config = config();
    config.limits.backoff = Duration::from_millis(150);
    let egress = open_with(config, &system(&url, &[]));
    let server = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(80)).await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut buffer = [0; 1024];
        let _ = socket.read(&mut buffer).await.unwrap();
        socket.write_all(b"HTTP/1.1 201 x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    assert_eq!(egress.send(post(url, "")).await.unwrap().status, 201);
    server.await.unwrap();
}

#[tokio::test]
async fn a_rest_too_long_to_wait_for_is_an_answer_and_then_an_error() {
    let server = Server::start(|_, _| Reply::with(429, "retry-after: 86400")).await;
    let egress = open(&system(&server.origin(), &[]));
    let answer = egress.send(get(server.origin())).await.unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains(&("retry-after".into(), "86400".into())));
    let error = egress.send(get(server.origin())).await.unwrap_err();
    assert_eq!(error.code, code::RATE_LIMITED);
    assert!(error.retry_after_ms.is_some_and(|ms| ms > 3_500_000), "{error:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn f141_a_retry_after_date_is_honoured() {
    let server = Server::start(|n, _| match n {
        // The test's clock stands at 08:49:37.
        0 => Reply::with(503, "retry-after: Sun, 06 Nov 1994 08:49:38 GMT"),
        _ => Reply::status(200),
    })
    .await;
    let start = Instant::now();
    let answer = open(&system(&server.origin(), &[])).send(post(server.origin(), "x")).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_dead_server_is_left_alone_for_a_while() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let port = server.port;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let url = format!("http://127.0.0.1:{port}");
    let egress = open(&system(&url, &[("ips.failed.request.retry.attempts", "0")]));
    for _ in 0..6 {
        let error = egress.send(get(url.clone())).await.unwrap_err();
        assert!(error.message.contains("connection refused") && error.retry_after_ms.is_none(), "{error}");
    }
    let error = egress.send(get(url.clone())).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(error.message.contains("failed 6 times in a row"), "{error}");
    assert!(error.retry_after_ms.is_some_and(|ms| ms <= 400));
    tokio::time::sleep(Duration::from_millis(450)).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let _ = socket.read(&mut buffer).await;
            let _ =
                socket.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    for _ in 0..3 {
        assert_eq!(egress.send(get(url.clone())).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn the_rest_outlives_a_change_of_properties() {
    let server = Server::start(|_, _| Reply::with(429, "retry-after: 3600")).await;
    let egress = Egress::new(config());
    let mut system = system(&server.origin(), &[]);
    egress.for_system(&system, Arc::default()).unwrap().send(get(server.origin())).await.unwrap();
    system.properties.insert("http.timeout".into(), gangway_model::Property::plain("7"));
    let error =
        egress.for_system(&system, Arc::default()).unwrap().send(get(server.origin())).await.unwrap_err();
    assert_eq!(error.code, code::RATE_LIMITED);
    egress.forget(&system.tenant, &system.id);
    assert!(egress.for_system(&system, Arc::default()).unwrap().send(get(server.origin())).await.is_ok());
}

#[tokio::test]
async fn requests_that_failed_together_survive_a_short_outage() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let port = server.port;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let url = format!("http://127.0.0.1:{port}");
    let egress = open(&system(&url, &[]));
    tokio::spawn(async move {
        // Longer than the waits of the requests themselves, shorter than the pause after failures.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                let _ = socket.read(&mut buffer).await;
                let _ = socket
                    .write_all(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await;
            });
        }
    });
    for answer in egress.send_many(vec![post(url, "x"); 40]).await {
        assert_eq!(answer.unwrap().status, 200);
    }
}

/// Requests that a server saw which never answers in time.
async fn timeouts(properties: &[(&str, &str)], reading: Reading) -> usize {
    let server = Server::start(|_, _| Reply::Late(Duration::from_secs(20), Box::new(Reply::Drop))).await;
    let mut all = vec![("ips.failed.request.retry.attempts.interval", "0")];
    all.extend_from_slice(properties);
    let mut request = get(server.origin());
    request.timeout_ms = 60;
    let error = open(&system(&server.origin(), &all)).reading(reading).send(request).await.unwrap_err();
    assert_eq!(error.code, code::TIMEOUT);
    server.count()
}

#[tokio::test]
async fn f137_delta_and_proxy_reads_are_not_sent_again_after_a_timeout_in_parity_mode() {
    let parity = [("ips.failed.request.retry.mode", "parity")];
    assert_eq!(timeouts(&parity, Reading::Full).await, 3);
    for reading in [Reading::Delta, Reading::ProxyOne, Reading::ProxyAll, Reading::ProxyQuery] {
        assert_eq!(timeouts(&parity, reading).await, 1, "{reading:?}");
        assert_eq!(timeouts(&[], reading).await, 3, "{reading:?}, unless parity is asked for");
    }
}

#[tokio::test]
async fn parity_waits_as_long_each_time_and_believes_no_retry_after() {
    let server = Server::start(|n, _| match n {
        0 | 1 => Reply::with(429, "retry-after: 3600"),
        _ => Reply::status(201),
    })
    .await;
    let properties = [
        ("ips.failed.request.retry.mode", "parity"),
        ("ips.failed.request.retry.attempts.interval", "0"),
        ("ips.system.type", "SCIM"),
    ];
    let egress = open(&system(&server.origin(), &properties));
    assert_eq!(egress.send(post(server.origin(), "x")).await.unwrap().status, 201);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn f143_a_system_gets_no_more_requests_than_its_limit_allows_from_all_jobs_together() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let egress = Egress::new(config());
    let system = system(&server.origin(), &[("http.rate.limit", "5/s")]);
    let out = || egress.for_system(&system, Arc::default()).unwrap();
    let (first, second) = (out(), out());
    let start = Instant::now();
    let requests = |count| (0..count).map(|_| get(server.origin())).collect::<Vec<_>>();
    let (a, b) = tokio::join!(first.send_many(requests(6)), second.send_many(requests(5)));
    assert!(a.iter().chain(&b).all(Result::is_ok));
    assert_eq!(server.count(), 11);
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}
