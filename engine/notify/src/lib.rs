//! Tells people and programs how jobs ended.
//!
//! Whether a message goes out is a pure function ([`decide`]) of what happened, the properties of the source
//! and what was sent before. [`message`] puts it in words. [`Sender`] delivers it, by mail or to a webhook;
//! when it is tried again is a pure function, too ([`retry_at`]). Where messages wait is not decided here.

#![forbid(unsafe_code)]

mod decide;
mod mail;
mod message;
mod send;
#[cfg(test)]
mod tests;
mod webhook;

pub use decide::{Happening, Kind, Rules, State, decide};
pub use mail::{MailServer, mail_server};
pub use message::{Message, message};
pub use send::{GIVE_UP_AFTER, SendError, Sender, retry_at};
pub use webhook::{SIGNATURE, TIMESTAMP, signature};

use serde::{Deserialize, Serialize};

/// Somebody who wants to be told about the jobs of a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Unique in the tenant.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// How they are told.
    pub channel: Channel,
}

/// How somebody is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "channel")]
pub enum Channel {
    /// By mail.
    Mail {
        /// Of a person or a distribution list.
        address: String,
    },
    /// By a signed POST.
    Webhook {
        /// Where to.
        url: String,
        /// What the signature is made with.
        secret: String,
        /// Addresses otherwise refused (loopback, private networks), as in the grants of a system.
        #[serde(default)]
        addresses: Vec<String>,
    },
}
