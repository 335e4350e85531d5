//! A server that answers what a test tells it to, down to the byte.

use rustls::ServerConfig;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the connection showed a client certificate.
    pub(crate) certificate: bool,
    /// How many requests, this one included, were in work.
    pub(crate) at_once: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// What comes back.
pub(crate) enum Reply {
    /// Status, header lines, body.
    Answer(u16, Vec<String>, Vec<u8>),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// The end of the connection at once.
    Drop,
    /// The answer after a while.
    Late(Duration, Box<Reply>),
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(200, Vec::new(), body.into())
    }
    pub(crate) fn with(status: u16, header: &str) -> Self {
        Self::Answer(status, vec![header.to_owned()], Vec::new())
    }
}

type Handler = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// The handler gets the number of the request, from 0.
    pub(crate) async fn start(handler: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, handler).await
    }

    pub(crate) async fn tls(
        config: ServerConfig,
        handler: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), handler).await
    }

    async fn serve(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let handler: Arc<Handler> = Arc::new(handler);
        let running = Arc::new(Mutex::new(0));
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                loop {
                    let Ok((socket, _)) = listener.accept().await else { return };
                    socket.set_nodelay(true).unwrap();
                    let (tls, seen, handler, running) =
                        (tls.clone(), seen.clone(), handler.clone(), running.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => talk(socket, false, seen, handler, running).await,
                            Some(tls) => {
                                if let Ok(socket) = tls.accept(socket).await {
                                    let certificate = socket.get_ref().1.peer_certificates().is_some();
                                    talk(socket, certificate, seen, handler, running).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { port, scheme, seen, task }
    }

    pub(crate) fn origin(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(crate) fn named(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn talk(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    certificate: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
    handler: Arc<Handler>,
    running: Arc<Mutex<usize>>,
) {
    let mut socket = socket;
    let mut buffer = Vec::new();
    while let Some(mut request) = receive(&mut socket, &mut buffer).await {
        request.certificate = certificate;
        request.at_once = {
            let mut running = running.lock().unwrap();
            *running += 1;
            *running
        };
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let mut reply = handler(number, &request);
        while let Reply::Late(wait, later) = reply {
            tokio::time::sleep(wait).await;
            reply = *later;
        }
        *running.lock().unwrap() -= 1;
        match reply {
            Reply::Answer(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
                for header in headers {
                    text.push_str(&header);
                    text.push_str("\r\n");
                }
                text.push_str("\r\n");
                let mut bytes = text.into_bytes();
                if !request.line.starts_with("HEAD") {
                    bytes.extend_from_slice(&body);
                }
                if socket.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                let _ = socket.write_all(&bytes).await;
                let _ = socket.shutdown().await;
                return;
            }
            Reply::Drop | Reply::Late(..) => return,
        }
        let _ = socket.flush().await;
    }
}

async fn receive(socket: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Seen> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    buffer.drain(..head + 4);
    let mut lines = text.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut seen = Seen { line, headers, ..Seen::default() };
    let length: usize = seen.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    while buffer.len() < length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8_lossy(&buffer[..length]).into_owned();
    buffer.drain(..length);
    Some(seen)
}
