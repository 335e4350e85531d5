//! What went wrong on the way to a server, in the words of the plugin interface.

use crate::retry::Ended;
use crate::tls;
use gangway_model::{PluginError, code};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// An attempt without an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: PluginError,
    pub(crate) ended: Ended,
}

impl Failure {
    pub(crate) fn last(error: PluginError) -> Self {
        Self { error, ended: Ended::Final }
    }
}

/// The causes of an error, outermost first. An `io::Error` hides the error that it wraps from
/// `source`, so that is visited too.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut all = Vec::new();
    let mut next = Some(error);
    // Errors nest a handful of levels; the bound guards against one that names itself.
    while let Some(error) = next.filter(|_| all.len() < 32) {
        all.push(error);
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    all
}

fn find<'a, T: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref::<T>())
}

/// The error of the HTTP client; `authority` is `host:port`.
pub(crate) fn of_http(error: &reqwest::Error, authority: &str) -> Failure {
    let causes = causes(error);
    let connecting = error.is_connect();
    // Our own resolver's verdict comes back wrapped.
    if let Some(own) = find::<PluginError>(&causes) {
        let ended = if own.code == code::UNAVAILABLE { Ended::NotSent } else { Ended::Final };
        return Failure { error: own.clone(), ended };
    }
    if let Some(tls) = find::<rustls::Error>(&causes) {
        return Failure::last(tls_failed(authority, &tls::reason(tls)));
    }
    if error.is_builder() {
        return Failure::last(PluginError::new(
            code::INVALID,
            format!(
                "the request to {authority} cannot be written as HTTP ({}); its URL may be too long",
                innermost(&causes)
            ),
        ));
    }
    if error.is_timeout() {
        return Failure {
            error: no_connection_in_time(authority),
            ended: if connecting { Ended::NotSent } else { Ended::Lost },
        };
    }
    if let Some(http) = find::<hyper::Error>(&causes).filter(|http| http.is_parse()) {
        return Failure::last(
            PluginError::new(
                code::PROTOCOL,
                format!("{authority} did not answer with HTTP ({http}): check port and scheme of the URL"),
            )
            .with("server", authority),
        );
    }
    let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
    if connecting {
        if let Some(io) = io.filter(|io| io.kind() == ErrorKind::UnexpectedEof) {
            return Failure::last(tls_failed(
                authority,
                &format!(
                    "{io}: the server closed the connection during the handshake; check port and scheme"
                ),
            ));
        }
        let reason = io.map_or_else(|| innermost(&causes), describe_io);
        return Failure { error: unreachable(authority, &reason), ended: Ended::NotSent };
    }
    Failure { error: lost(authority, &innermost(&causes)), ended: Ended::Lost }
}

fn innermost(causes: &[&(dyn Error + 'static)]) -> String {
    causes.last().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => "no route to it".to_owned(),
        _ => error.to_string(),
    }
}

/// The error of a stream that is being opened.
pub(crate) fn of_connect(error: &io::Error, authority: &str) -> PluginError {
    unreachable(authority, &describe_io(error))
}

/// The error of a TLS handshake on a stream.
pub(crate) fn of_handshake(error: &io::Error, authority: &str) -> PluginError {
    match find::<rustls::Error>(&causes(error)) {
        Some(tls) => tls_failed(authority, &tls::reason(tls)),
        None if error.kind() == ErrorKind::UnexpectedEof => tls_failed(
            authority,
            "the server closed the connection during the handshake; check port and scheme of the URL",
        ),
        None => lost(authority, &describe_io(error)),
    }
}

/// The error of an open stream.
pub(crate) fn of_stream(error: &io::Error, authority: &str) -> PluginError {
    match find::<rustls::Error>(&causes(error)) {
        Some(tls) => tls_failed(authority, &tls::reason(tls)),
        None => lost(authority, &describe_io(error)),
    }
}

fn tls_failed(authority: &str, reason: &str) -> PluginError {
    PluginError::new(code::TLS, format!("TLS with {authority} failed: {reason}")).with("server", authority)
}

fn unreachable(authority: &str, reason: &str) -> PluginError {
    PluginError::new(
        code::UNAVAILABLE,
        format!(
            "{authority} cannot be reached ({reason}): check that the server runs, and host and port of the URL"
        ),
    )
    .with("server", authority)
}

fn lost(authority: &str, reason: &str) -> PluginError {
    PluginError::new(
        code::UNAVAILABLE,
        format!(
            "the connection to {authority} was lost before the answer was complete ({reason}): look into the \
             server's log; what was asked may have happened"
        ),
    )
    .with("server", authority)
}

pub(crate) fn no_connection_in_time(authority: &str) -> PluginError {
    PluginError::new(
        code::TIMEOUT,
        format!("{authority} accepted no connection in time: check that the server runs, host and port of the URL, and firewalls"),
    )
    .with("server", authority)
}

pub(crate) fn no_answer(authority: &str, after: Duration) -> PluginError {
    PluginError::new(
        code::TIMEOUT,
        format!(
            "{authority} gave no complete answer within {} ms; what was asked may have happened. If the server is \
             only slow, raise the property http.timeout",
            after.as_millis()
        ),
    )
    .with("server", authority)
}

pub(crate) fn cancelled() -> PluginError {
    PluginError::new(code::CANCELLED, "the job is being stopped")
}
