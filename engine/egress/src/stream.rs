//! Byte streams for protocols other than HTTP. TLS happens here, and so does the writing of secrets.

use crate::cancel::Cancel;
use crate::failure;
use crate::policy::{Policy, literal, strip_brackets};
use crate::system::Inner;
use bytes::{Buf, BytesMut};
use gangway_model::{PluginError, code};
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;

/// What is read from the socket at once, whatever the plugin asks for.
const READ_BYTES: usize = 64 << 10;

/// A server as a plugin names it (`connection` in `wit/since_v0.1/host.wit`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Name or address; an IPv6 address with or without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `none` or `tls`.
    pub security: String,
    /// For opening and for each read and write; 0 for the system's own limit.
    pub timeout_ms: u32,
}

trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

enum Transport {
    Plain(TcpStream),
    Tls(Box<dyn Socket>),
    /// After an error nobody knows where in the protocol the two sides are.
    Broken,
}

/// An open stream. Dropping it closes the connection.
pub struct Stream {
    transport: Transport,
    /// Read and not yet given out.
    pending: BytesMut,
    host: String,
    authority: String,
    timeout: Duration,
    inner: Arc<Inner>,
    cancel: Cancel,
    _place: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let security = match self.transport {
            Transport::Plain(_) => "none",
            Transport::Tls(_) => "tls",
            Transport::Broken => "broken",
        };
        f.debug_struct("Stream")
            .field("server", &self.authority)
            .field("security", &security)
            .finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) async fn open(
        inner: Arc<Inner>,
        cancel: Cancel,
        address: Address,
    ) -> Result<Self, PluginError> {
        let host = strip_brackets(address.host.trim()).to_ascii_lowercase();
        let tls = match address.security.as_str() {
            "tls" => true,
            "none" => false,
            other => {
                return Err(PluginError::new(
                    code::INVALID,
                    format!("security is {other:?}; it must be \"none\" or \"tls\""),
                ));
            }
        };
        let policy = &inner.exchange.policy;
        policy.stream(&host, address.port)?;
        cancel.check()?;
        let limit = inner.exchange.settings.timeout;
        let timeout = match address.timeout_ms {
            0 => limit,
            ms => Duration::from_millis(u64::from(ms)).min(limit),
        };
        let authority = match literal(&host) {
            Some(IpAddr::V6(v6)) => format!("[{v6}]:{}", address.port),
            _ => format!("{host}:{}", address.port),
        };
        let pacer = &inner.exchange.pacer;
        let place = pacer.stream().ok_or_else(|| {
            PluginError::new(
                code::UNAVAILABLE,
                format!(
                    "system \"{}\" has {} connections open, which is the most; a plugin must drop those it no \
                     longer needs",
                    inner.exchange.system, inner.exchange.config.limits.streams
                ),
            )
        })?;
        pacer.try_server(&authority).map_err(|held| inner.exchange.held(held, &authority))?;
        let opening = open_socket(&inner, policy, &host, address.port, &authority);
        let patience = timeout.min(inner.exchange.config.limits.connect);
        let opened = match cancel.guard(tokio::time::timeout(patience, opening)).await? {
            Ok(opened) => opened,
            Err(_) => Err(failure::no_connection_in_time(&authority)),
        };
        let socket = match opened {
            Ok(socket) => {
                pacer.reached(&authority);
                socket
            }
            Err(error) => {
                if error.code != code::DENIED {
                    pacer.unreachable(&authority, &error.message);
                }
                return Err(error);
            }
        };
        let mut stream = Self {
            transport: Transport::Plain(socket),
            pending: BytesMut::new(),
            host,
            authority,
            timeout,
            inner,
            cancel,
            _place: place,
        };
        if tls {
            stream.start_tls().await?;
        }
        Ok(stream)
    }

    /// At least one byte, at most `max`; empty at the end of the stream.
    pub async fn read(&mut self, max: u32) -> Result<Vec<u8>, PluginError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).max(1);
        if self.pending.is_empty() {
            let pending = &mut self.pending;
            pending.reserve(READ_BYTES);
            let work = async {
                match &mut self.transport {
                    Transport::Plain(socket) => socket.read_buf(pending).await,
                    Transport::Tls(socket) => socket.read_buf(pending).await,
                    Transport::Broken => Err(broken()),
                }
            };
            let result = within(&self.cancel, self.timeout, &self.authority, work).await;
            self.settle(result)?;
            // As a whole, so that a plugin that reads single bytes does not see a secret either.
            self.inner.exchange.mask.apply(&mut self.pending);
        }
        let count = max.min(self.pending.len());
        let taken = self.pending.chunk().get(..count).unwrap_or_default().to_vec();
        self.pending.advance(count);
        Ok(taken)
    }

    /// All of the bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), PluginError> {
        let work = async {
            match &mut self.transport {
                Transport::Plain(socket) => socket.write_all(bytes).await,
                Transport::Tls(socket) => {
                    socket.write_all(bytes).await?;
                    socket.flush().await
                }
                Transport::Broken => Err(broken()),
            }
        };
        let result = within(&self.cancel, self.timeout, &self.authority, work).await;
        self.settle(result)
    }

    /// `before`, the value of a secret property, `after`. Only over TLS, unless granted.
    pub async fn write_secret(
        &mut self,
        before: &[u8],
        property: &str,
        after: &[u8],
    ) -> Result<(), PluginError> {
        let policy = &self.inner.exchange.policy;
        if !matches!(self.transport, Transport::Tls(_)) && !policy.plaintext_secrets() {
            return Err(policy.plaintext_denied(&format!("sending the property {property}")));
        }
        let secret = self.inner.secret(property).ok_or_else(|| {
            PluginError::new(
                code::CONFIGURATION,
                format!("system \"{}\": the property {property} is not set", self.inner.exchange.system),
            )
            .with("property", property)
        })?;
        tracing::debug!(
            system = %self.inner.exchange.system, server = %self.authority, property,
            "secret written to a stream"
        );
        let message = [before, secret.expose().as_bytes(), after].concat();
        self.write(&message).await
    }

    /// Turns the stream into TLS, after the protocol agreed to it.
    pub async fn start_tls(&mut self) -> Result<(), PluginError> {
        // Whoever sits in the middle could have put these bytes there to be taken for protected ones.
        if !self.pending.is_empty() {
            self.transport = Transport::Broken;
            return Err(PluginError::new(
                code::PROTOCOL,
                format!(
                    "{} sent {} bytes more before TLS began; the connection is given up because they could come \
                     from anyone",
                    self.authority,
                    self.pending.len()
                ),
            ));
        }
        let socket = match std::mem::replace(&mut self.transport, Transport::Broken) {
            Transport::Plain(socket) => socket,
            Transport::Tls(socket) => {
                self.transport = Transport::Tls(socket);
                return Err(PluginError::new(code::INVALID, "the stream is protected by TLS already"));
            }
            Transport::Broken => return Err(failure::of_stream(&broken(), &self.authority)),
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| {
            PluginError::new(code::TLS, format!("{:?} is no name that TLS can verify", self.host))
        })?;
        let connector = TlsConnector::from(self.inner.stream_tls.clone());
        let handshake = tokio::time::timeout(self.timeout, connector.connect(name, socket));
        match self.cancel.guard(handshake).await? {
            Ok(Ok(socket)) => {
                self.transport = Transport::Tls(Box::new(socket));
                Ok(())
            }
            Ok(Err(error)) => Err(failure::of_handshake(&error, &self.authority)),
            Err(_) => Err(failure::no_answer(&self.authority, self.timeout)),
        }
    }

    /// Whether the stream is protected by TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    fn settle<T>(&mut self, result: Result<T, PluginError>) -> Result<(), PluginError> {
        match result {
            Ok(_) => Ok(()),
            Err(error) => {
                self.transport = Transport::Broken;
                Err(error)
            }
        }
    }
}

/// Work on a stream, within its time and until the job is stopped.
async fn within<T>(
    cancel: &Cancel,
    timeout: Duration,
    authority: &str,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, PluginError> {
    cancel.check()?;
    match cancel.guard(tokio::time::timeout(timeout, work)).await? {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure::of_stream(&error, authority)),
        Err(_) => Err(failure::no_answer(authority, timeout)),
    }
}

fn broken() -> std::io::Error {
    std::io::Error::other("the stream ended with an error before; open a new one")
}

/// Connects to the first address that accepts, of those that were checked.
async fn open_socket(
    inner: &Inner,
    policy: &Policy,
    host: &str,
    port: u16,
    authority: &str,
) -> Result<TcpStream, PluginError> {
    let addresses = match literal(host) {
        Some(address) => {
            policy.address(address).map_err(|refusal| policy.address_denied(host, address, refusal))?;
            vec![address]
        }
        None => inner.resolver.resolve(host).await?,
    };
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(socket) => {
                // Request and answer alternate; waiting for more to send only slows them.
                socket.set_nodelay(true).map_err(|error| failure::of_connect(&error, authority))?;
                return Ok(socket);
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| std::io::Error::other("no address"));
    Err(failure::of_connect(&error, authority))
}
