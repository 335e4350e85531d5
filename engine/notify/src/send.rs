use crate::{Channel, MailServer, Message, mail, webhook};
use gangway_egress::Egress;
use gangway_model::TenantId;
use std::sync::Arc;

/// Attempts until a message is given up: over a day.
pub const GIVE_UP_AFTER: u32 = 12;
const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 4 * 3600 * 1000;

/// Why a message was not delivered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// It is worth another attempt.
    #[error("{0}")]
    Later(String),
    /// It is not.
    #[error("{0}")]
    Never(String),
}

/// When the next attempt is due after so many that failed; none to give up. The waits double.
pub fn retry_at(attempts: u32, now_ms: u64) -> Option<u64> {
    if attempts >= GIVE_UP_AFTER {
        return None;
    }
    let doubled = FIRST_WAIT_MS.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    Some(now_ms.saturating_add(doubled.min(LONGEST_WAIT_MS)))
}

/// Delivers messages.
#[derive(Clone)]
pub struct Sender {
    egress: Arc<Egress>,
}

impl Sender {
    /// Everything leaves through `egress` but mail.
    pub fn new(egress: Arc<Egress>) -> Self {
        Self { egress }
    }

    /// Hands a message over.
    pub async fn send(
        &self,
        tenant: &TenantId,
        (name, channel): (&str, &Channel),
        message: &Message,
        server: Option<&MailServer>,
        now_ms: u64,
    ) -> Result<(), SendError> {
        match channel {
            Channel::Mail { address } => {
                let Some(server) = server else {
                    return Err(SendError::Later(
                        "no mail server is set: PUT /api/v1/mail-server, or `gangway notification server`"
                            .to_owned(),
                    ));
                };
                mail::send(server, (name, address), &message.subject, &message.text).await
            }
            Channel::Webhook { url, secret, addresses } => {
                let body = message.json.to_string();
                webhook::send(&self.egress, tenant, (url, secret, addresses), body.as_bytes(), now_ms).await
            }
        }
    }
}

impl Channel {
    /// What is wrong with it: where, and what.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Mail { address } if !mail::is_address(address) => {
                vec![("/address", format!("{address:?} is no mail address"))]
            }
            Self::Mail { .. } => Vec::new(),
            Self::Webhook { url, secret, .. } => {
                let mut wrong = Vec::new();
                if !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                    wrong.push(("/url", format!("{url:?} is no address of a webhook: https://…")));
                }
                if secret.len() < 16 {
                    wrong.push(("/secret", "the secret has at least 16 characters".to_owned()));
                }
                wrong
            }
        }
    }
}
