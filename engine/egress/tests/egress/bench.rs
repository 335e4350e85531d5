//! What a request costs over loopback; run by hand:
//! `cargo test --release -p gangway-egress --test egress bench -- --ignored --nocapture`.

use crate::server::{Reply, Server};
use crate::world::*;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn loopback_cost() {
    let body = vec![b'x'; 1000];
    let server = Server::start(move |_, _| Reply::body(body.clone())).await;
    let egress = open(&system(
        &server.origin(),
        &[("Authentication", "BasicAuthentication"), ("User", "u"), ("Password", CANARY)],
    ));
    for _ in 0..200 {
        egress.send(authenticated(server.origin())).await.unwrap();
    }
    let count: u32 = 10_000;
    let start = Instant::now();
    for _ in 0..count {
        egress.send(authenticated(server.origin())).await.unwrap();
    }
    println!("one after another: {:.1} µs a request", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    let start = Instant::now();
    for _ in 0..count / 500 {
        egress.send_many(vec![authenticated(server.origin()); 500]).await;
    }
    println!(
        "500 at a time, 8 at once: {:.1} µs a request",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    );
    // The same without anything of ours, for comparison.
    let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(bare_tls()).build().unwrap();
    let start = Instant::now();
    for _ in 0..count {
        client.get(server.origin()).send().await.unwrap().bytes().await.unwrap();
    }
    println!("bare reqwest: {:.1} µs a request", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
}

fn bare_tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
