//! Byte streams: order, secrets, StartTLS, ends.

use crate::tls::{Ca, named};
use crate::world::*;
use gangway_egress::{Address, Egress, SystemEgress};
use gangway_model::code;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn address(port: u16, security: &str) -> Address {
    Address { host: "scim.example".into(), port, security: security.into(), timeout_ms: 2000 }
}

async fn serve<F: Future<Output = ()> + Send + 'static>(
    talk: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(socket));
        }
    });
    port
}

fn directory(port: u16, properties: &[(&str, &str)]) -> Arc<SystemEgress> {
    open_with(named(), &system(&format!("ldap://scim.example:{port}"), properties))
}

/// Answers with what it gets.
async fn echo(mut socket: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let mut buffer = vec![0; 4096];
    while let Ok(n @ 1..) = socket.read(&mut buffer).await {
        if socket.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        let _ = socket.flush().await;
    }
}

#[tokio::test]
async fn bytes_go_and_come_in_order_and_the_end_is_empty() {
    let port = serve(|mut socket| async move {
        let mut four = [0; 4];
        socket.read_exact(&mut four).await.unwrap();
        socket.write_all(&four).await.unwrap();
        socket.write_all(b"-and-more").await.unwrap();
    })
    .await;
    let mut stream = directory(port, &[]).connect(address(port, "none")).await.unwrap();
    assert!(!stream.is_tls());
    stream.write(b"pi").await.unwrap();
    stream.write(b"ng").await.unwrap();
    let mut all = Vec::new();
    loop {
        let part = stream.read(3).await.unwrap();
        if part.is_empty() {
            break;
        }
        assert!(part.len() <= 3);
        all.extend(part);
    }
    assert_eq!(all, b"ping-and-more");
    assert!(stream.read(3).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_secret_needs_tls_or_the_grant() {
    let port = serve(echo).await;
    let url = format!("ldap://scim.example:{port}");
    let mut system = system(&url, &[("Password", "short"), ("User", "cn=admin")]);
    let egress = open_with(named(), &system);
    assert_eq!(egress.secret_length("Password"), Some(5));
    assert_eq!(egress.secret_length("Missing"), None);
    let mut stream = egress.connect(address(port, "none")).await.unwrap();
    let error = stream.write_secret(b"<", "Password", b">").await.unwrap_err();
    assert_eq!(error.code, code::DENIED);
    assert!(error.message.contains(r#""plaintextSecrets": true"#), "{error}");
    // The refusal harms nothing.
    stream.write(b"x").await.unwrap();
    assert_eq!(stream.read(10).await.unwrap(), b"x");
    system.grants.plaintext_secrets = true;
    let mut stream = open_with(named(), &system).connect(address(port, "none")).await.unwrap();
    stream.write_secret(b"<", "Password", b">").await.unwrap();
    assert_eq!(stream.read(100).await.unwrap(), b"<short>");
    let error = stream.write_secret(b"", "Missing", b"").await.unwrap_err();
    assert_eq!(error.code, code::CONFIGURATION);
}

#[tokio::test]
async fn an_echoed_secret_is_masked_even_for_one_byte_reads() {
    let port = serve(echo).await;
    let mut system = system(&format!("ldap://scim.example:{port}"), &[("Password", CANARY)]);
    system.grants.plaintext_secrets = true;
    let mut stream = open_with(named(), &system).connect(address(port, "none")).await.unwrap();
    stream.write_secret(b"<", "Password", b">").await.unwrap();
    let mut all = Vec::new();
    while all.last() != Some(&b'>') {
        all.extend(stream.read(1).await.unwrap());
    }
    assert_eq!(all, format!("<{}>", "*".repeat(CANARY.len())).into_bytes());
}

/// TLS from the first byte, and after a word in the clear.
#[tokio::test]
async fn tls_from_the_start_and_later() {
    let ca = Ca::new();
    let acceptor = TlsAcceptor::from(Arc::new(ca.server("scim.example", false, false)));
    let direct = acceptor.clone();
    let ldaps = serve(move |socket| {
        let acceptor = direct.clone();
        async move {
            if let Ok(socket) = acceptor.accept(socket).await {
                echo(socket).await;
            }
        }
    })
    .await;
    let ldap = serve(move |mut socket| {
        let acceptor = acceptor.clone();
        async move {
            let mut word = [0; 8];
            socket.read_exact(&mut word).await.unwrap();
            socket.write_all(b"ok").await.unwrap();
            if let Ok(socket) = acceptor.accept(socket).await {
                echo(socket).await;
            }
        }
    })
    .await;
    let trusted = [("tls.trusted.certificates", ca.pem.as_str()), ("Password", "short")];

    let mut stream = directory(ldaps, &trusted).connect(address(ldaps, "tls")).await.unwrap();
    assert!(stream.is_tls());
    stream.write_secret(b"<", "Password", b">").await.unwrap();
    assert_eq!(stream.read(100).await.unwrap(), b"<short>");
    assert_eq!(stream.start_tls().await.unwrap_err().code, code::INVALID);

    let mut stream = directory(ldap, &trusted).connect(address(ldap, "none")).await.unwrap();
    stream.write(b"starttls").await.unwrap();
    assert_eq!(stream.read(100).await.unwrap(), b"ok");
    stream.start_tls().await.unwrap();
    stream.write_secret(b"<", "Password", b">").await.unwrap();
    assert_eq!(stream.read(100).await.unwrap(), b"<short>");

    // Nobody vouches for this one.
    let error = directory(ldaps, &[]).connect(address(ldaps, "tls")).await.unwrap_err();
    assert_eq!(error.code, code::TLS);
    assert!(error.message.contains(&format!("scim.example:{ldaps}")), "{error}");
    assert!(error.message.contains("tls.trusted.certificates"), "{error}");
    let mut stream = directory(ldap, &[]).connect(address(ldap, "none")).await.unwrap();
    stream.write(b"starttls").await.unwrap();
    stream.read(100).await.unwrap();
    assert_eq!(stream.start_tls().await.unwrap_err().code, code::TLS);
    assert_eq!(stream.write(b"x").await.unwrap_err().code, code::UNAVAILABLE);
}

#[tokio::test]
async fn bytes_before_tls_are_not_taken_for_protected_ones() {
    let port = serve(|mut socket| async move {
        socket.write_all(b"ok-and-injected").await.unwrap();
        echo(socket).await;
    })
    .await;
    let mut stream = directory(port, &[]).connect(address(port, "none")).await.unwrap();
    assert_eq!(stream.read(2).await.unwrap(), b"ok");
    let error = stream.start_tls().await.unwrap_err();
    assert_eq!(error.code, code::PROTOCOL);
    assert_eq!(stream.read(2).await.unwrap_or_default(), b"-a", "what was in the clear stays readable");
    assert!(stream.write(b"x").await.is_err());
}

#[tokio::test]
async fn silence_ends_in_a_timeout_and_a_stop_in_cancelled() {
    let port = serve(|socket| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(socket);
    })
    .await;
    let short = Address { timeout_ms: 150, ..address(port, "none") };
    let mut stream = directory(port, &[]).connect(short).await.unwrap();
    assert_eq!(stream.read(1).await.unwrap_err().code, code::TIMEOUT);

    let cancelled = Arc::new(AtomicBool::new(false));
    let system = system(&format!("ldap://scim.example:{port}"), &[]);
    let egress = Egress::new(named()).for_system(&system, cancelled.clone()).unwrap();
    let mut stream = egress.connect(address(port, "none")).await.unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancelled.store(true, Ordering::Relaxed);
    });
    let start = Instant::now();
    assert_eq!(stream.read(1).await.unwrap_err().code, code::CANCELLED);
    assert!(start.elapsed() < Duration::from_millis(600));
}

#[tokio::test]
async fn a_closed_port_is_unavailable_and_streams_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut config = named();
    config.limits.streams = 2;
    let egress = open_with(config, &system(&format!("ldap://scim.example:{port}"), &[]));
    let first = egress.connect(address(port, "none")).await.unwrap();
    let _second = egress.connect(address(port, "none")).await.unwrap();
    let error = egress.connect(address(port, "none")).await.unwrap_err();
    assert!(error.message.contains("2 connections open"), "{error}");
    drop((first, listener));
    let error = egress.connect(address(port, "none")).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(
        error.message.contains(&format!("scim.example:{port} cannot be reached (connection refused)")),
        "{error}"
    );
    assert_eq!(egress.connect(address(port, "ssl")).await.unwrap_err().code, code::INVALID);
}

/// Plugins run on whichever thread is free.
#[tokio::test]
async fn streams_can_be_used_from_any_thread() {
    let port = serve(echo).await;
    let egress = directory(port, &[]);
    let read = tokio::spawn(async move {
        let mut stream = egress.connect(address(port, "none")).await?;
        stream.write(b"x").await?;
        stream.read(1).await
    });
    assert_eq!(read.await.unwrap().unwrap(), b"x");
}
