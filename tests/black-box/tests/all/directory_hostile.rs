//! Requests that nobody means well with: each gets a 4xx in bounded time, and the directory goes on.

use crate::home::Home;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes as they are and gives the status of the answer; 0 if the connection was closed instead.
async fn raw(home: &Home, head: &str, body: &[u8]) -> u16 {
    let address = home.engine.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!("{head}\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n", home.engine.token());
    let request = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let (mut reader, mut writer) = stream.split();
    let send = async {
        // An engine that has read enough may close before it has read all.
        let _ = writer.write_all(request.as_bytes()).await;
        let _ = writer.write_all(body).await;
    };
    let mut answer = Vec::new();
    let read = async {
        let _ = reader.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(send, read) })
        .await
        .expect("an answer");
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

async fn refused(home: &Home, what: &str, head: &str, body: &[u8]) {
    let start = Instant::now();
    let status = raw(home, head, body).await;
    assert!((400..500).contains(&status), "{what}: {status}");
    assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused_in_bounded_time() {
    let home = Home::new().await;
    let base = "/tenants/home/scim/v2";
    let id = home.user("ann", json!({})).await;
    let post = format!("POST {base}/Users HTTP/1.1");
    let search = format!("POST {base}/Users/.search HTTP/1.1");
    let patch = format!("PATCH {base}/Users/{id} HTTP/1.1");

    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    refused(&home, "deep arrays", &post, &deep).await;
    let deep = [r#"{"a":"#.repeat(100_000).into_bytes(), b"1".to_vec(), b"}".repeat(100_000)].concat();
    refused(&home, "deep objects", &post, &deep).await;
    refused(&home, "10 MB", &post, &vec![b' '; 10 << 20]).await;
    refused(&home, "no UTF-8", &post, b"{\"schemas\":[\"\xff\xfe\"]}").await;
    refused(&home, "half a surrogate", &post, br#"{"schemas":["\ud800"]}"#).await;

    let clauses = vec!["userName eq \\\"x\\\""; 10_000].join(" or ");
    refused(&home, "10,000 comparisons", &search, format!(r#"{{"filter":"{clauses}"}}"#).as_bytes()).await;
    let nested = format!("{}userName pr{}", "(".repeat(5000), ")".repeat(5000));
    refused(&home, "nested filter", &search, format!(r#"{{"filter":"{nested}"}}"#).as_bytes()).await;
    let nested = "not (".repeat(5000);
    refused(&home, "nested not", &search, format!(r#"{{"filter":"{nested}"}}"#).as_bytes()).await;
    refused(&home, "a filter's bytes are no UTF-8", &format!("GET {base}/Users?filter=%ff%fe HTTP/1.1"), b"")
        .await;
    refused(&home, "no number", &format!("GET {base}/Users?count=99999999999999999999 HTTP/1.1"), b"").await;
    refused(&home, "a strange cursor", &format!("GET {base}/Users?cursor=zz.zz HTTP/1.1"), b"").await;

    let operation = r#"{"op":"add","path":"title","value":"x"}"#;
    let many = format!(r#"{{"Operations":[{}]}}"#, vec![operation; 5000].join(","));
    refused(&home, "5,000 operations", &patch, many.as_bytes()).await;
    let path = "[".repeat(100_000);
    let odd = format!(r#"{{"Operations":[{{"op":"add","path":"emails{path}","value":"x"}}]}}"#);
    refused(&home, "a path of brackets", &patch, odd.as_bytes()).await;
    let bulk = r#"{"method":"DELETE","path":"/Users/1"}"#;
    let urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let many = format!(r#"{{"schemas":["{urn}"],"Operations":[{}]}}"#, vec![bulk; 5000].join(","));
    refused(&home, "5,000 bulk operations", &format!("POST {base}/Bulk HTTP/1.1"), many.as_bytes()).await;

    let headers: String = (0..5000).map(|n| format!("\r\nX-Flood-{n}: {n}")).collect();
    refused(&home, "a flood of headers", &format!("GET {base}/Users HTTP/1.1{headers}"), b"").await;
    let long = "x".repeat(1 << 20);
    refused(&home, "a long header", &format!("GET {base}/Users HTTP/1.1\r\nX-Long: {long}"), b"").await;
    refused(&home, "a long address", &format!("GET {base}/Users/{long} HTTP/1.1"), b"").await;

    assert_eq!(home.get("/Users").await["totalResults"], 1);
    home.assert_sound();
}
