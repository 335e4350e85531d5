//! The local identity directory over HTTP, beside scim2-server under gunicorn: 16 connections that send one request
//! after another. The client is bytes over TCP, so that it is not what is measured.

use crate::pipeline::peak_memory;
use anyhow::{Context, bail, ensure};
use gangway_kit::{Engine, ScimServer};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: u64 = 16;
const SPAN: Duration = Duration::from_secs(5);
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A SCIM service.
#[derive(Clone)]
struct Service {
    address: String,
    base: String,
    token: String,
}

/// A connection that stays.
struct Line {
    stream: TcpStream,
    service: Service,
    request: String,
    buffer: Vec<u8>,
}

impl Service {
    fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").context("a plain URL")?;
        let (address, base) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { address: address.to_owned(), base: format!("/{base}"), token: token.to_owned() })
    }

    async fn line(&self) -> anyhow::Result<Line> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Line { stream, service: self.clone(), request: String::new(), buffer: vec![0; 256 * 1024] })
    }
}

impl Line {
    /// Sends a request and gives the answer's status and body.
    async fn send(&mut self, method: &str, below: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let (status, body) = self.exchange(method, below, body).await?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    async fn exchange(&mut self, method: &str, below: &str, body: &str) -> anyhow::Result<(u16, &[u8])> {
        let Service { address, base, token } = &self.service;
        self.request.clear();
        write!(
            self.request,
            "{method} {base}{below} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.stream.write_all(self.request.as_bytes()).await?;
        let (mut held, mut whole) = (0, None);
        loop {
            if held == self.buffer.len() {
                self.buffer.resize(held * 2, 0);
            }
            let free = self.buffer.get_mut(held..).context("a buffer")?;
            let read = self.stream.read(free).await?;
            ensure!(read > 0, "the server closed the connection");
            held += read;
            let bytes = self.buffer.get(..held).context("a buffer")?;
            if whole.is_none() {
                whole = Head::read(bytes)?;
            }
            if let Some(head) = whole
                && head.is_whole(bytes)
            {
                let end = if head.chunked { held } else { head.start + head.length };
                return Ok((head.status, self.buffer.get(head.start..end).context("a body")?));
            }
        }
    }
}

/// What the beginning of an answer says.
#[derive(Clone, Copy)]
struct Head {
    status: u16,
    start: usize,
    length: usize,
    chunked: bool,
}

impl Head {
    /// None if it has not come in full.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(bytes.get(..end).context("a head")?)?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let (mut length, mut chunked) = (0, false);
        for line in text.lines() {
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse()?
                }
                Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => chunked = true,
                _ => {}
            }
        }
        Ok(Some(Self { status, start: end + 4, length, chunked }))
    }

    /// Pieces are not looked at; the last one is empty.
    fn is_whole(self, bytes: &[u8]) -> bool {
        if self.chunked { bytes.ends_with(b"\r\n0\r\n\r\n") } else { bytes.len() >= self.start + self.length }
    }
}

/// Sends requests on all connections for a while; requests a second, and the time of the slowest in a hundred.
async fn load(
    what: &str,
    goal: &str,
    service: &Service,
    request: impl Fn(u64) -> (&'static str, String, String) + Send + Sync + 'static,
) -> anyhow::Result<f64> {
    // All on one thread, that the client takes as little as it can of the machine.
    let service = service.clone();
    let client = move || -> anyhow::Result<(Vec<Duration>, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async move {
            let (request, next, start) = (Arc::new(request), Arc::new(AtomicU64::new(0)), Instant::now());
            let mut tasks = Vec::new();
            for _ in 0..CONNECTIONS {
                let (request, next, mut line) = (request.clone(), next.clone(), service.line().await?);
                tasks.push(tokio::spawn(async move {
                    let mut times = Vec::new();
                    while start.elapsed() < SPAN {
                        let (method, below, body) = request(next.fetch_add(1, Ordering::Relaxed));
                        let sent = Instant::now();
                        let (status, answer) = line.exchange(method, &below, &body).await?;
                        times.push(sent.elapsed());
                        if !(200..300).contains(&status) {
                            bail!("{method} {below}: {status} {}", String::from_utf8_lossy(answer));
                        }
                    }
                    anyhow::Ok(times)
                }));
            }
            let mut times = Vec::new();
            for task in tasks {
                times.extend(task.await??);
            }
            Ok((times, start.elapsed()))
        })
    };
    let (mut times, took) = tokio::task::spawn_blocking(client).await??;
    let rate = times.len() as f64 / took.as_secs_f64();
    times.sort_unstable();
    let late = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    println!("  {what:<52} {rate:>9.0} /s  p99 {:>7.2} ms  {goal}", late.as_secs_f64() * 1e3);
    Ok(rate)
}

/// Made-up identifiers in no order.
fn scatter(n: u64, below: u64) -> u64 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % below
}

fn by_name(users: u64) -> impl Fn(u64) -> (&'static str, String, String) {
    move |n| {
        let filter = format!("/Users?filter=userName%20eq%20%22user{}%22", scatter(n, users));
        ("GET", filter, String::new())
    }
}

fn user(name: &str) -> String {
    format!(
        r#"{{"schemas":["{USER}"],"userName":"{name}","name":{{"familyName":"Lee","givenName":"Ann"}},"active":true,"emails":[{{"value":"{name}@example.com","type":"work","primary":true}}]}}"#
    )
}

/// Fills a directory by bulk requests; the identifiers of the users.
async fn fill(service: &Service, from: u64, to: u64) -> anyhow::Result<Vec<String>> {
    let mut line = service.line().await?;
    let mut ids = Vec::new();
    for start in (from..to).step_by(1000) {
        let mut body =
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":["#.to_owned();
        for n in start..to.min(start + 1000) {
            let comma = if n == start { "" } else { "," };
            let data = user(&format!("user{n}"));
            write!(body, r#"{comma}{{"method":"POST","path":"/Users","bulkId":"u{n}","data":{data}}}"#)?;
        }
        body.push_str("]}");
        let (status, answer) = line.send("POST", "/Bulk", &body).await?;
        ensure!(status == 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        for operation in answer.get("Operations").and_then(|o| o.as_array()).into_iter().flatten() {
            let location = operation.get("location").and_then(|l| l.as_str()).context("no location")?;
            ids.push(location.rsplit('/').next().unwrap_or_default().to_owned());
        }
    }
    Ok(ids)
}

/// Processor time of a process, in seconds.
fn processor(id: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    // utime and stime, in hundredths of a second.
    Ok((field(11) + field(12)) / 100.0)
}

/// Adds single members to a large group and takes them out again.
async fn members(engine: &Engine, service: &Service, ids: &[String]) -> anyhow::Result<()> {
    const ROUNDS: usize = 2000;
    let mut line = service.line().await?;
    let (large, others) = ids.split_at(ids.len() - ROUNDS);
    let created = line
        .send("POST", "/Groups", &format!(r#"{{"schemas":["{GROUP}"],"displayName":"everybody"}}"#))
        .await?;
    let created: serde_json::Value = serde_json::from_str(&created.1)?;
    let group = created.get("id").and_then(|i| i.as_str()).context("no group")?;
    let path = format!("/Groups/{group}");
    let patch = |ids: &[String]| {
        let values: Vec<String> = ids.iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
        format!(r#"{{"Operations":[{{"op":"add","path":"members","value":[{}]}}]}}"#, values.join(","))
    };
    for part in large.chunks(5000) {
        let (status, answer) = line.send("PATCH", &path, &patch(part)).await?;
        ensure!(matches!(status, 200 | 204), "{answer}");
    }
    let process = engine.process_id().context("no engine")?;
    let (start, before) = (Instant::now(), processor(process)?);
    for id in others {
        let (status, answer) = line.send("PATCH", &path, &patch(std::slice::from_ref(id))).await?;
        ensure!(status == 204, "{status} {answer}");
    }
    let each = |seconds: f64| seconds * 1e3 / ROUNDS as f64;
    println!(
        "  add one member to a group of {:<23} {:>9.3} ms of processor time (goal ≤ 0.2), {:.3} ms in all",
        large.len(),
        each(processor(process)? - before),
        each(start.elapsed().as_secs_f64())
    );
    Ok(())
}

/// What it costs here to make a few bytes durable, and nothing else.
fn bare_commit(folder: &std::path::Path) -> anyhow::Result<()> {
    const ROUNDS: usize = 2000;
    let mut file = std::fs::File::create(folder.join("bare"))?;
    let own = std::process::id();
    let before = processor(own)?;
    for _ in 0..ROUNDS {
        std::io::Write::write_all(&mut file, &[1; 400])?;
        file.sync_data()?;
    }
    let each = (processor(own)? - before) * 1e3 / ROUNDS as f64;
    println!("  400 bytes more in a file, durable {:>26.3} ms of processor time", each);
    Ok(())
}

/// What a request costs here if nothing is done for it: a route that answers as many bytes.
async fn bare() -> anyhow::Result<()> {
    let answer = user("user1234").repeat(3);
    let route = axum::routing::get(move || std::future::ready(answer.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let service = Service::new(&format!("http://{}/Users", listener.local_addr()?), "none")?;
    let server =
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(route)).await });
    load("a bare axum route, as many bytes", "", &service, by_name(10_000)).await?;
    server.abort();
    Ok(())
}

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("\ndirectory over HTTP, {CONNECTIONS} connections");
    bare().await?;
    let server = ScimServer::start_for_load("directory-token")?;
    let theirs = Service::new(&server.url(), server.token())?;
    let mut line = theirs.line().await?;
    for n in 0..10_000 {
        let (status, answer) = line.send("POST", "/Users", &user(&format!("user{n}"))).await?;
        ensure!(status == 201, "{answer}");
    }
    load("scim2-server, 10,000 users: filter by userName", "", &theirs, by_name(10_000)).await?;
    load("scim2-server: create", "", &theirs, |n| ("POST", "/Users".to_owned(), user(&format!("new{n}"))))
        .await?;
    drop((line, server));

    let engine = Engine::start().await?;
    let api = engine.api("bench")?;
    api.make_tenant().await?;
    let ours = Service::new(&format!("{}/tenants/bench/scim/v2", engine.url()), engine.token())?;
    fill(&ours, 0, 10_000).await?;
    let small =
        load("10,000 users: filter by userName", "(goal ≥ 50,000, p99 < 3)", &ours, by_name(10_000)).await?;
    load("page of 100", "(goal ≥ 6,000)", &ours, |n| {
        ("GET", format!("/Users?count=100&startIndex={}", 1 + scatter(n, 9900)), String::new())
    })
    .await?;
    load("create, durable", "(goal ≥ 15,000)", &ours, |n| {
        ("POST", "/Users".to_owned(), user(&format!("new{n}")))
    })
    .await?;
    let ids = fill(&ours, 10_000, 112_000).await?;
    println!("  100,000 users: peak memory {} MB (goal ≤ 100)", peak_memory(&engine)?);
    members(&engine, &ours, &ids).await?;
    bare_commit(&engine.data())?;

    let start = Instant::now();
    fill(&ours, 112_000, 1_000_000).await?;
    let seconds = start.elapsed().as_secs_f64();
    let file = std::fs::metadata(engine.data().join("tenants/bench/directory.redb"))?.len();
    println!(
        "  1,000,000 users: {:.0} /s in bulk, file {} MB, peak memory {} MB",
        888_000.0 / seconds,
        file / 1_000_000,
        peak_memory(&engine)?
    );
    let large = load("1,000,000 users: filter by userName", "", &ours, by_name(1_000_000)).await?;
    println!("  a million against ten thousand: {:+.0} % (goal within 20 %)", (large / small - 1.0) * 100.0);
    load("1,000,000 users: page of 100", "", &ours, |n| {
        ("GET", format!("/Users?count=100&startIndex={}", 1 + scatter(n, 999_000)), String::new())
    })
    .await?;
    Ok(())
}
