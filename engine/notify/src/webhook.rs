use crate::SendError;
use gangway_egress::{Egress, HttpRequest};
use gangway_model::{Grants, Property, Role, System, TenantId};
use ring::hmac;
use std::sync::Arc;

/// The header with the signature: `sha256=` and the hexadecimal HMAC-SHA256 of timestamp, a dot, and body.
pub const SIGNATURE: &str = "gangway-signature";
/// The header with the time of sending, in seconds since 1970: a receiver refuses what is old.
pub const TIMESTAMP: &str = "gangway-timestamp";

/// What the header [`SIGNATURE`] holds.
pub fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign().as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Sends through the same gate as everything else that leaves: addresses, certificates and limits are
/// checked as for a system.
pub(crate) async fn send(
    egress: &Egress,
    tenant: &TenantId,
    (url, secret, addresses): (&str, &str, &[String]),
    body: &[u8],
    now_ms: u64,
) -> Result<(), SendError> {
    let system = System {
        tenant: tenant.clone(),
        id: format!("webhook {url}").into(),
        name: format!("webhook {url}"),
        description: String::new(),
        role: Role::Target,
        system_type: None,
        plugin: "webhook".into(),
        enabled: true,
        sources: Vec::new(),
        properties: [("URL".to_owned(), Property::plain(url))].into(),
        grants: Grants { addresses: addresses.to_vec(), ..Grants::default() },
        read: None,
        write: None,
    };
    let way =
        egress.for_system(&system, Arc::default()).map_err(|error| SendError::Never(error.to_string()))?;
    let timestamp = (now_ms / 1000).to_string();
    let request = HttpRequest {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            (SIGNATURE.to_owned(), signature(secret, &timestamp, body)),
            (TIMESTAMP.to_owned(), timestamp),
        ],
        body: body.to_vec(),
        auth: "none".to_owned(),
        timeout_ms: 10_000,
        idempotent: false,
    };
    let answer = way.send(request).await.map_err(|error| SendError::Later(error.to_string()))?;
    match answer.status {
        200..=299 => Ok(()),
        410 => Err(SendError::Never("the receiver is gone (410)".to_owned())),
        status => Err(SendError::Later(format!("the receiver answered {status}"))),
    }
}
